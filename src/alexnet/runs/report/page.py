"""The report of a run: one HTML file that opens anywhere, offline, and shows what was learned.

What the page says is view.py, the layout is pages/templates/run.html.j2, the words are messages/report.toml.
Reads no run folder and computes no metric: whoever trained or evaluated fills the RunReport.
"""

from collections.abc import Sequence
from pathlib import Path

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import Lang
from alexnet.pages.html import rendered, write_page
from alexnet.runs.report.record import RunReport
from alexnet.runs.report.view import RunView


def write_report(report: RunReport, out: Path) -> None:
    """Write the page to `out`, whole or not at all; missing folders are made. Raises BadRun if `out` is a folder."""
    write_page(page_of([report]), out)


def page_of(reports: Sequence[RunReport], lang: Lang = "en") -> str:
    """The whole page as HTML; several runs stand one under the other, their anchors prefixed run1-, run2-."""
    words = PageWords(lang)
    runs = [RunView(report, f"run{i}-" if len(reports) > 1 else "", words) for i, report in enumerate(reports, 1)]
    return rendered("run.html.j2", lang, runs=runs)
