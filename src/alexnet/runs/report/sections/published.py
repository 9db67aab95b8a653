"""Published results, next to this run's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.published import published_numbers
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.evaluation import rows_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """published: (what, number, source)."""

    published: Sequence[tuple[str, Any, str]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedView:
    """ours: title and row of each evaluation. numbers: (what, number, source)."""

    model: str
    ours: Sequence[tuple[str, Mapping[str, Any]]]
    numbers: Sequence[tuple[str, Any, str]]


def collect(finished: FinishedRun) -> Published:
    """The published results for the data set, found by its name."""
    return Published(published=published_numbers(finished.dataset.name))


def view(page: RunPage) -> PublishedView | None:
    """Our evaluations and the published numbers, if there are any."""
    part = page.part(Published)
    if part is None or not part.published:
        return None
    return PublishedView(model=page.about.model, ours=rows_of(page), numbers=part.published)


SECTION = Section(name="published", view=view, part=Part(kind=Published, collect=collect))
