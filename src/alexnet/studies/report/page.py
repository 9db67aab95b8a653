"""The page of a study: one HTML file that opens anywhere, offline.

The sections are listed in sections.py and their content is in view.py and claim_view.py, the layout in pages/templates/study.html.j2 and
study/, the text in messages/study.toml and claims.toml. Runs nothing and computes no statistics.
"""

from pathlib import Path

from alexnet.i18n.translate import Lang
from alexnet.pages.html import rendered, write_page
from alexnet.studies.findings import StudyReport
from alexnet.studies.report.sections import sections_of
from alexnet.studies.report.view import StudyView


def write_study(report: StudyReport, out: Path, lang: Lang = "en") -> None:
    """Write the page to `out` atomically, creating missing folders. Raises BadRun if `out` is a folder."""
    write_page(study_page(report, lang), out)


def study_page(report: StudyReport, lang: Lang = "en") -> str:
    """The whole page as HTML."""
    view = StudyView(report, lang)
    return rendered("study.html.j2", lang, view=view, sections=sections_of(view))
