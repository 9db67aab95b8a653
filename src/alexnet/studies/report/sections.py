"""The sections of a study's page, in order. To add one, add a function, a template in pages/templates/study, and a row in SECTIONS."""

from collections.abc import Callable, Iterator

from alexnet.pages.article import ShownSection
from alexnet.studies.report.view import StudyView

ManySections = Iterator[ShownSection]


def _verdicts(view: StudyView) -> ManySections:
    """The table of all claims."""
    if view.claims:
        title = view.words.plain("study.contents_verdicts")
        yield ShownSection(anchor="verdicts", title=title, short_title=title, template="study/verdicts.html.j2", view=view)


def _claims(view: StudyView) -> ManySections:
    """One section per claim; the contents link to the first."""
    short = view.words.plain("study.contents_claims")
    for claim in view.claims:
        yield ShownSection(
            anchor=claim.anchor,
            title=claim.title,
            short_title=short,
            template="study/claim.html.j2",
            view=claim,
            listed=claim is view.claims[0],
        )


def _not_applicable(view: StudyView) -> ManySections:
    """Claims that cannot be studied on these images, with the reason."""
    if view.not_applicable:
        title = view.words.plain("study.contents_not_applicable")
        yield ShownSection(anchor="not-applicable", title=title, short_title=title, template="study/not-applicable.html.j2", view=view)


def _made(view: StudyView) -> ManySections:
    """How the study was made, and how to repeat it."""
    title = view.words.plain("study.contents_made")
    yield ShownSection(anchor="made", title=title, short_title=title, template="study/made.html.j2", view=view)


SECTIONS: tuple[Callable[[StudyView], ManySections], ...] = (_verdicts, _claims, _not_applicable, _made)


def sections_of(view: StudyView) -> list[ShownSection]:
    """The sections that have something to show."""
    return [shown for section in SECTIONS for shown in section(view)]
