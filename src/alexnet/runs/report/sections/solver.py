"""The solution of a convex problem with its optimality gap, instead of learning curves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Solver:
    """solver: names and values, possibly nested; None for a network."""

    solver: Mapping[str, Any] | None = None


def collect(finished: FinishedRun) -> Solver:
    """The solver's values from the fit."""
    return Solver(solver=finished.fitted.solver or None)


def view(page: RunPage) -> Mapping[str, Any] | None:
    """The values, if there are any."""
    part = page.part(Solver)
    return (part.solver or None) if part else None


SECTION = Section(name="solver", view=view, part=Part(kind=Solver, collect=collect))
