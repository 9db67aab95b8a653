"""A section of a run's page: its place, what it keeps, and what its template shows. Independent of which sections there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.runs.report.part import About, Part, RunReport, T


@dataclass(frozen=True)
class RunPage:
    """What sections are drawn from: a report and the words of a language. `prefix` keeps ids of several runs in one page apart."""

    report: RunReport
    prefix: str = ""
    words: PageWords = ENGLISH

    @property
    def about(self) -> About:
        """What was trained on what."""
        return self.report.about

    def part(self, kind: type[T]) -> T | None:
        """What a section keeps, if the report has it."""
        return self.report.part(kind)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section: a file in `sections` and a row in SECTIONS.

    name: its anchor, its template pages/templates/run/NAME.html.j2, its messages report.title_NAME and report.contents_NAME.
    view: what its template shows, as `view`; None where there is nothing to show, and the section is left out.
    part: what it keeps; None for a section that shows what others keep.
    """

    name: str
    view: Callable[[RunPage], object | None]
    part: Part[Any] | None = None
