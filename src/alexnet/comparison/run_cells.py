"""Runs the cells of a comparison one after the other, each within its share of the budget; finished cells are read back.

Independent of models and pages.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alexnet.comparison.cells import LEAST_SECONDS, Cell, seconds_for
from alexnet.comparison.request import ComparisonRequest
from alexnet.comparison.results import CellResult
from alexnet.data.dataset import Dataset
from alexnet.errors import AlexNetError, BadRun, CannotWrite, Interrupted
from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.paired_test import Wrong
from alexnet.i18n.units import duration
from alexnet.models.kinds import FROZEN_NETWORK, NETWORK, kind_of
from alexnet.runs.folder import RunFolder
from alexnet.runs.linear_probe import fit_linear_probe
from alexnet.runs.predictions import read_predictions
from alexnet.runs.prepare import share_splits
from alexnet.runs.result import Result
from alexnet.runs.train import train
from alexnet.runtime.events import Listener, Message, silent
from alexnet.runtime.machine import available_cpus

CLOSING_SECONDS = 3.0  # reserved in a budget for the page and the last files


@dataclass(frozen=True, slots=True)
class Trainers:
    """The functions that run a cell: train a system, or fit an SVM on the frozen features of a finished run."""

    train: Callable[..., Result] = train
    fit_linear_probe: Callable[..., Result] = fit_linear_probe


class ComparisonFolder:
    """The files of one comparison."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path / "comparison.json"
        self.cells = path / "cells"  # one run folder per cell
        self.result = path / "result.json"  # what `alexnet compare --json` prints
        self.report = path / "report.html"

    def splits_of(self, seed: int) -> Path:
        """The split that all cells of a seed share."""
        return self.path / f"splits-{seed}.json"

    def run_of(self, cell: Cell) -> Path:
        """The run folder of a cell."""
        return self.cells / cell.folder


@dataclass(slots=True)
class ComparisonState:
    """A comparison in progress: what its steps share."""

    folder: ComparisonFolder
    request: ComparisonRequest
    dataset: Dataset
    device: str
    workers: int | None
    listen: Listener
    should_stop: Callable[[], bool]
    trainers: Trainers = field(default_factory=Trainers)
    started: float = field(default_factory=time.monotonic)
    spent_before: float = 0.0  # seconds of the cells that were finished before this start
    results: dict[Cell, CellResult] = field(default_factory=dict)
    wrong: dict[tuple[str, float, int], Wrong] = field(default_factory=dict)  # images misclassified, by model, fraction and seed


def run_cells(state: ComparisonState) -> None:
    """Run every cell in order, or read it back if it has finished, and fill `state.results` and `state.wrong`.

    Raises Interrupted when `should_stop` returns true.
    """
    cells = state.request.cells()
    finished = {cell: done for cell in cells if (done := RunFolder(state.folder.run_of(cell)).finished()) is not None}
    state.spent_before = sum(_seconds_alone(cell, finished) for cell in finished)
    state.listen(Message(_plan(state.request, cells, len(finished))))
    for number, cell in enumerate(cells, 1):
        if state.should_stop():
            raise Interrupted(f"Stopped before part {number} of {len(cells)}; nothing is lost.")
        if cell in finished:
            state.results[cell] = _cell_result(state, cell, finished[cell])
            continue
        state.listen(Message(f"Part {number} of {len(cells)}: {cell.label}{_expected(state, cell)}"))
        remaining = [one for one in cells[number:] if one not in finished]
        state.results[cell] = _run_cell(state, cell, remaining)


def _plan(request: ComparisonRequest, cells: Sequence[Cell], finished: int) -> str:
    """How much there is to do, and how long it is expected to take."""
    trained = sum(kind_of(cell.model) is NETWORK for cell in cells)
    counts = ((len(request.models), "system"), (len(request.fractions), "amount"), (request.seeds, "seed"))
    shape = ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts)
    done = f" {finished} of them are already finished." if finished else ""
    if request.budget_seconds is None:
        expected = "The first parts show how long it takes; --budget 20m would limit the time of the networks."
    else:
        expected = (
            f"Expected time: {duration(request.budget_seconds)}. Hand-crafted systems run to their end; the {trained} networks to train "
            f"share the rest, at least {duration(LEAST_SECONDS)} each."
        )
    return f"{len(cells)} parts of the comparison ({shape}).{done} {expected}"


def _expected(state: ComparisonState, cell: Cell) -> str:
    """The time expected in proportion to the same model on fewer images; empty for a network with a budget, which sets its time."""
    if kind_of(cell.model) is NETWORK and state.request.budget is not None:
        return ""
    before = [one for one, result in state.results.items() if one.model == cell.model and one.fraction < cell.fraction and not result.error]
    return f" (about {duration(_own_seconds(state, before[-1]) * cell.fraction / before[-1].fraction)})" if before else ""


def _own_seconds(state: ComparisonState, cell: Cell) -> float:
    """Seconds of a finished cell; those of a frozen cell exclude its network."""
    seconds = state.results[cell].train_seconds or 0.0
    return seconds - (state.results[cell.network].train_seconds or 0.0) if kind_of(cell.model) is FROZEN_NETWORK else seconds


def _seconds_alone(cell: Cell, finished: Mapping[Cell, Result]) -> float:
    """The same for a cell that was finished before this start."""
    network = finished.get(cell.network) if kind_of(cell.model) is FROZEN_NETWORK else None
    return finished[cell].seconds - (network.seconds if network else 0.0)


def _run_cell(state: ComparisonState, cell: Cell, remaining: Sequence[Cell]) -> CellResult:
    try:
        result = _frozen(state, cell) if kind_of(cell.model) is FROZEN_NETWORK else _trained(state, cell, remaining)
    except (Interrupted, CannotWrite):
        raise
    except AlexNetError as error:
        state.listen(Message(f"{cell.label}: no result; the other parts of the comparison still run. {error}"))
        return CellResult(model=cell.model, kind=kind_of(cell.model).name, fraction=cell.fraction, seed=cell.seed, error=str(error))
    return _cell_result(state, cell, result)


def _trained(state: ComparisonState, cell: Cell, remaining: Sequence[Cell]) -> Result:
    run = state.folder.run_of(cell)
    begun = RunFolder(run).recipe.exists()  # resumes with its saved recipe, which includes the budget
    return state.trainers.train(
        state.request.data,
        model=cell.model,
        out=run,
        seed=cell.seed,
        budget=None if begun else _budget(state, cell, remaining),
        workers=state.workers,
        device=state.device,
        resume=True,
        overrides=_overrides(state.request, cell),
        splits=_shared_splits(state, cell.seed),
        listen=state.listen,
        should_stop=state.should_stop,
        baseline=False,
    )


def _overrides(request: ComparisonRequest, cell: Cell) -> dict[str, Any]:
    """The recipe fields that the comparison sets for a cell."""
    folders = {"layout_of_folders": request.layout_of_folders} if request.layout_of_folders is not None else {}
    allowed = {"max_unreadable": request.max_unreadable} if request.max_unreadable is not None else {}
    return {"fraction": cell.fraction} | allowed | ({"solver.refit": False} if kind_of(cell.model).fixed_features else {}) | folders


def _shared_splits(state: ComparisonState, seed: int) -> Path:
    path = state.folder.splits_of(seed)
    if not path.exists():
        workers = available_cpus() if state.workers is None else state.workers
        allowed = state.request.max_unreadable
        share_splits(state.dataset, {seed: path}, workers=workers, listen=state.listen if seed == 0 else silent, max_unreadable=allowed)
    return path


def _budget(state: ComparisonState, cell: Cell, remaining: Sequence[Cell]) -> str | None:
    """The duration for a network's cell; None for a hand-crafted system, or if there is no budget."""
    total = state.request.budget_seconds
    if total is None or kind_of(cell.model) is not NETWORK:
        return None
    left = total - state.spent_before - (time.monotonic() - state.started) - CLOSING_SECONDS
    return f"{int(seconds_for(cell, left, remaining))}s"


def _frozen(state: ComparisonState, cell: Cell) -> Result:
    network = state.results.get(cell.network)
    if network is None or network.error is not None:
        raise BadRun(f"{cell.network.model} has no result with these pictures and this seed, and {cell.model} needs its features.")
    return state.trainers.fit_linear_probe(
        state.folder.run_of(cell.network),
        state.folder.run_of(cell),
        device=state.device,
        workers=state.workers,
        listen=state.listen,
        should_stop=state.should_stop,
    )


def _cell_result(state: ComparisonState, cell: Cell, result: Result) -> CellResult:
    folder = RunFolder(state.folder.run_of(cell))
    judged = result.test_error if result.test_error is not None else result.validation_error
    wrong = read_predictions(folder.predictions)
    state.wrong[cell.model, cell.fraction, cell.seed] = wrong
    interval = result.test_interval or error_interval(sum(wrong.values()), len(wrong))
    return CellResult(
        model=cell.model,
        kind=kind_of(cell.model).name,
        fraction=cell.fraction,
        seed=cell.seed,
        n_train=result.n_train,
        test_error=result.test_error,
        validation_error=result.validation_error,
        judged_error=judged,
        interval=(interval[0], interval[1]),
        train_seconds=result.seconds,
        predict_milliseconds=result.predict_milliseconds,
        bytes=result.bytes,
        parameters=result.parameters,
        macs=result.macs,
        memory_bytes=result.peak_memory_bytes,
        run=str(folder.path),
        report=str(folder.report) if folder.report.is_file() else None,  # not the path in the result: the folder may have been moved
    )
