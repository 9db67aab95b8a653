"""The sections of a comparison's page, in order. To add one, add a template in pages/templates/comparison and a row here."""

from collections.abc import Callable
from dataclasses import dataclass

from alexnet.comparison.report.view import CompareView
from alexnet.pages.article import ShownSection


@dataclass(frozen=True, slots=True)
class Section:
    """name: its anchor and template. messages: the file with its title_NAME and contents_NAME. there: whether it has anything to show."""

    name: str
    messages: str = "compare"
    there: Callable[[CompareView], object] = lambda _: True


SECTIONS = (
    Section("choice"),
    Section("systems"),
    Section("amounts"),
    Section("arms", there=lambda view: view.arms),
    Section("pairs", there=lambda view: view.pairs),
    Section("cells"),
    Section("repeat", "report"),
    Section("environment", "report", there=lambda view: view.comparison.environment),
)


def sections_of(view: CompareView) -> list[ShownSection]:
    """The sections that have something to show."""
    return [
        ShownSection(
            anchor=section.name,
            title=view.words.plain(f"{section.messages}.title_{section.name}"),
            short_title=view.words.plain(f"{section.messages}.contents_{section.name}"),
            template=f"comparison/{section.name}.html.j2",
            view=view,
        )
        for section in SECTIONS
        if section.there(view)
    ]
