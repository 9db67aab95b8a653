"""The systems that a search has tried, the best one first, and why others have no result."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.i18n.units import MISSING, percent
from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.tried import Search, Tried, reason_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Systems:
    """The search that has chosen the model; None for a run of a model that was asked for."""

    search: Search | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One attempt, as the page shows it. error: a share of the validation images, or why there is none."""

    model: str
    scale: str
    time: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempts:
    """What the template shows."""

    validation: str
    rows: Sequence[Row]


def collect(finished: FinishedRun) -> Systems:
    """The run's search, if it had one."""
    return Systems(search=finished.search)


def view(page: RunPage) -> Attempts | None:
    """All attempts, the lowest error first and those without a result last; None without a search."""
    part = page.part(Systems)
    if part is None or part.search is None:
        return None
    ordered = sorted(part.search.tried, key=lambda one: (one.error is None, *one.rank))
    return Attempts(validation=f"{part.search.validation:,}", rows=[_row(page, one) for one in ordered])


def _row(page: RunPage, one: Tried) -> Row:
    time = page.words.duration(one.seconds) if one.seconds else MISSING
    error = percent(one.error)
    if one.balanced_error is not None:
        error = page.words.plain("report.search_errors", error=error, balanced=percent(one.balanced_error))
    model = f"{one.model} ({page.words.plain('report.balanced')})" if one.balance in ("loss", "sampling") else one.model
    return Row(model=model, scale=_scale(page, one), time=time, error=reason_of(one, page.words) or error)


def _scale(page: RunPage, one: Tried) -> str:
    if one.epochs is None:
        return page.words.plain("report.search_share", share=percent(one.fraction)) if one.fraction < 1 else ""
    number = page.words.number
    return page.words.plain("report.search_scale", size=one.image_size, width=number(one.width), epochs=number(round(one.epochs, 1)))


def _values(part: Systems) -> dict[str, Any]:
    return {"search": asdict(part.search) if part.search is not None else None}


SECTION = Section(name="search", view=view, part=Part(kind=Systems, collect=collect, write=_values))
