"""The report of a run: one HTML file that opens anywhere, offline, and shows what was learned.

Its head is in head.py, its sections in SECTIONS, its layout in pages/templates/run.html.j2 and run/, its texts in messages/report.toml.
Computes no metrics: all values come from the RunReport.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import Lang
from alexnet.pages.article import ShownSection
from alexnet.pages.html import HTML_LANGUAGES, rendered, write_page
from alexnet.runs.folder import RunFolder
from alexnet.runs.report.head import Head
from alexnet.runs.report.part import FinishedRun, RunReport
from alexnet.runs.report.record_json import read_report
from alexnet.runs.report.section import RunPage
from alexnet.runs.report.sections import PARTS, SECTIONS


@dataclass(frozen=True, slots=True)
class RunArticle:
    """The content of the template for one run."""

    prefix: str
    head: Head
    sections: Sequence[ShownSection]
    explanation: str | None = None


def collect_report(finished: FinishedRun) -> RunReport:
    """Collect everything that the page of a finished run shows."""
    about, *parts = (part.collect(finished) for part in PARTS)
    return RunReport(about=about, parts=parts)


def write_report(report: RunReport, out: Path) -> None:
    """Write the page to `out`, completely or not at all, and create missing folders. Raises BadRun if `out` is a folder."""
    write_page(page_of([report]), out)


def link_explanation(folder: RunFolder, explanation: str) -> None:
    """Rebuild the page of a finished run, in its language, with a link to its explanation; what has no page stays without one."""
    if not (folder.report_json.exists() and folder.report.exists()):
        return
    start = folder.report.read_text(encoding="utf-8", errors="replace")[:200]
    lang: Lang = next((lang for lang, code in HTML_LANGUAGES.items() if f'lang="{code}"' in start), "en")
    write_page(page_of([read_report(folder.report_json)], lang, explanation=explanation), folder.report)


def page_of(reports: Sequence[RunReport], lang: Lang = "en", *, explanation: str | None = None) -> str:
    """The whole page as HTML; several runs follow each other, with anchors prefixed run1-, run2-.

    explanation: the relative address of the page that explains the run, to link to.
    """
    words = PageWords(lang)
    pages = [RunPage(report, f"run{i}-" if len(reports) > 1 else "", words) for i, report in enumerate(reports, 1)]
    return rendered("run.html.j2", lang, runs=[RunArticle(page.prefix, Head(page), list(_shown(page)), explanation) for page in pages])


def _shown(page: RunPage) -> Iterator[ShownSection]:
    """The sections that have something to show, and those whose part of the report is damaged, with the reason."""
    for section in SECTIONS:
        damage = page.report.damaged.get(section.part.kind) if section.part else None
        view = section.view(page) if damage is None else None
        if damage is not None or view is not None:
            yield ShownSection(
                anchor=f"{page.prefix}{section.name}",
                title=page.words.plain(f"report.title_{section.name}"),
                short_title=page.words.plain(f"report.contents_{section.name}"),
                template=f"run/{section.name}.html.j2",
                view=view,
                damage=damage,
            )
