"""The learning curves: loss, error and learning rate over epochs or steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from alexnet.i18n.units import finite, percent
from alexnet.pages.plots import Series, curves, finite_points
from alexnet.runs.report.part import WHOLE, FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections import solver
from alexnet.runs.report.sections.recipe import Settings
from alexnet.storage.records import convert
from alexnet.training.config import BALANCED_ERROR

MOST_COUNTED = 10**12  # epochs and steps
BEST = {  # of the axis: for the error, and for the mean of the classes' errors
    "epoch": ("report.best_epoch", "report.best_epoch_balanced"),
    "step": ("report.best_step", "report.best_step_balanced"),
    "record": ("report.best_record", "report.best_record_balanced"),
}


@dataclass(frozen=True, kw_only=True)
class History:
    """One dict per epoch (or step) with any of epoch, step, training_loss, training_error, validation_loss, validation_error,
    validation_balanced_error, learning_rate, images_per_second, seconds (since the start of training). Errors are shares, 0 to 1.
    """  # noqa: D205  # a list of keys

    history: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def axis(self) -> tuple[str, list[Any]]:
        """The unit of the horizontal axis and each row's position: epoch or step, whichever first always increases, else the row number."""
        for unit in ("epoch", "step"):
            places = [finite(row.get(unit)) for row in self.history]
            known = [p for p in places if p is not None]
            if len(known) == len(places) and all(a < b for a, b in pairwise(known)):
                return unit, places
        return "record", list(range(1, len(self.history) + 1))

    def column(self, key: str) -> Series:
        """The positions and values of one key, for the rows that have it."""
        return finite_points(self.axis[1], [row.get(key) for row in self.history])


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvesView:
    """plots: those that the history has data for. best: the lowest validation error and its position, as a sentence; empty without one."""

    plots: Sequence[Markup]
    best: str


def collect(finished: FinishedRun) -> History:
    """The rows that training wrote."""
    return History(history=finished.fitted.history)


def read(values: Mapping[str, Any]) -> History:
    """The rows, checked: epochs and steps are small enough to plot."""
    part = convert(History, values, WHOLE)
    if any(abs(finite(row.get(unit)) or 0.0) > MOST_COUNTED for row in part.history for unit in ("epoch", "step")):
        raise ValueError(f"a row of history has more than {MOST_COUNTED:.0e} epochs or steps")
    return part


def history_of(page: RunPage) -> History:
    """The page's history; empty if it has none."""
    return page.part(History) or History()


def view(page: RunPage) -> CurvesView | None:
    """The curves of a network; None for a hand-crafted system, whose page has the solver's section instead."""
    if solver.view(page):
        return None
    return CurvesView(plots=_plots(page), best=best_of(page))


def best_of(page: RunPage) -> str:
    """The lowest validation error, or mean of the classes' errors if they are balanced, and its position, as a sentence; else empty."""
    history, balanced = history_of(page), _is_balanced(page)
    places, errors = history.column(_judged_by(page))
    if not errors:
        return ""
    place = f"{places[errors.index(min(errors))]:g}"
    return page.words.plain(BEST[history.axis[0]][balanced], place=place, error=percent(min(errors)))


def chosen_error(page: RunPage) -> float | None:
    """The validation error of the weights that validation chose; None without one."""
    key = _judged_by(page)
    rows = [(judged, row) for row in history_of(page).history if (judged := finite(row.get(key))) is not None]
    return finite(min(rows, key=lambda one: one[0])[1].get("validation_error")) if rows else None


def _judged_by(page: RunPage) -> str:
    return BALANCED_ERROR if _is_balanced(page) else "validation_error"


def _is_balanced(page: RunPage) -> bool:
    """Whether the recipe balances classes, so that the mean of their errors has chosen the weights."""
    settings = page.part(Settings)
    training = settings.recipe.get("training") if settings else None
    return isinstance(training, Mapping) and training.get("balance") in ("loss", "sampling")


def _plots(page: RunPage) -> list[Markup]:
    history, say = history_of(page), page.words.plain
    training, validation = say("report.line_training"), say("report.line_validation")
    plots = (
        ("loss", say("report.curve_loss"), {training: "training_loss", validation: "validation_loss"}),
        ("error", say("report.curve_error"), {training: "training_error", validation: "validation_error"}),
        ("rate", say("report.curve_rate"), {say("report.line_rate"): "learning_rate"}),
    )
    drawn = []
    for name, title, keys in plots:
        lines = {label: line for label, key in keys.items() if (line := history.column(key))[0]}
        if lines:
            drawn.append(curves(f"{page.prefix}{name}", title, lines, unit=history.axis[0], percent=name == "error", words=page.words))
    return drawn


SECTION = Section(name="curves", view=view, part=Part(kind=History, collect=collect, read=read))
