"""A section of a run's page: its name, its part of the report, and the view for its template. Independent of which sections exist."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.runs.report.part import About, Part, RunReport, T


@dataclass(frozen=True)
class RunPage:
    """What sections are rendered from: a report and the texts of a language. `prefix` distinguishes the ids of several runs on one page."""

    report: RunReport
    prefix: str = ""
    words: PageWords = ENGLISH

    @property
    def about(self) -> About:
        """The model, the data set and other values of the head."""
        return self.report.about

    def part(self, kind: type[T]) -> T | None:
        """A section's part, if the report has it."""
        return self.report.part(kind)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section: a file in `sections` and a row in SECTIONS.

    name: determines its anchor, its template pages/templates/run/NAME.html.j2, its messages report.title_NAME and report.contents_NAME.
    view: returns what its template shows as `view`; None omits the section because there is nothing to show.
    part: its data in the report; None for a section that only shows data of others.
    """

    name: str
    view: Callable[[RunPage], object | None]
    part: Part[Any] | None = None
