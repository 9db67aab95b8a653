"""The cells of a comparison, one after the other: found again, or run with their share of the time. Knows neither models nor pages."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alexnet.comparison.cells import LEAST_SECONDS, Cell, kind_of, seconds_for
from alexnet.comparison.request import ComparisonRequest
from alexnet.comparison.results import CellResult
from alexnet.data.dataset import Dataset
from alexnet.errors import AlexNetError, BadRun, Interrupted
from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.paired_test import Wrong
from alexnet.i18n.units import duration
from alexnet.runs.answers import read_answers
from alexnet.runs.folder import RunFolder
from alexnet.runs.prepare import share_splits
from alexnet.runs.result import Result, result_from_json
from alexnet.runtime.events import Listener, Message
from alexnet.runtime.machine import available_cpus

CLOSING_SECONDS = 3.0  # the page and the last files, kept free in a budget

RunCell = Callable[..., Result]
FrozenCell = Callable[..., Result]


class ComparisonFolder:
    """The files of one comparison."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words = path / "comparison.json"  # what it was asked for
        self.cells = path / "cells"  # a run folder each
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
    """A comparison in progress: what its steps hand to each other."""

    folder: ComparisonFolder
    words: ComparisonRequest
    dataset: Dataset
    device: str
    workers: int | None
    listen: Listener
    should_stop: Callable[[], bool]
    run_cell: RunCell
    fit_linear_probe: FrozenCell | None
    started: float = field(default_factory=time.monotonic)
    spent_before: float = 0.0  # seconds of the cells that an earlier start has finished
    results: dict[Cell, CellResult] = field(default_factory=dict)
    answers: dict[tuple[str, float, int], Wrong] = field(default_factory=dict)  # by model, fraction and seed


def run_cells(work: ComparisonState) -> None:
    """Run or find again every cell, in order, into `work.results` and `work.answers`; raises Interrupted when asked to stop."""
    cells = work.words.cells()
    finished = {cell: done for cell in cells if (done := RunFolder(work.folder.run_of(cell)).finished()) is not None}
    work.spent_before = sum(_seconds_alone(cell, finished) for cell in finished)
    work.listen(Message(_plan_words(work.words, cells, len(finished))))
    for number, cell in enumerate(cells, 1):
        if work.should_stop():
            raise Interrupted(f"Stopped before cell {number} of {len(cells)}; nothing is lost.")
        if cell in finished:
            work.results[cell] = _kept(work, cell, finished[cell])
            continue
        work.listen(Message(f"Cell {number} of {len(cells)}: {cell.words}{_expected(work, cell)}"))
        remaining = [one for one in cells[number:] if one not in finished]
        work.results[cell] = _run_cell(work, cell, remaining)


def _plan_words(words: ComparisonRequest, cells: Sequence[Cell], finished: int) -> str:
    """How much there is to do, and how long it will take as far as that is known."""
    trained = sum(kind_of(cell.model) == "network" for cell in cells)
    counts = ((len(words.models), "system"), (len(words.fractions), "amount"), (words.seeds, "seed"))
    shape = ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts)
    done = f" {finished} of them are finished already." if finished else ""
    if words.budget_seconds is None:
        time_words = "How long it takes shows after the first ones; --budget 20m would hold the networks to a time."
    else:
        time_words = (
            f"Expected time: {duration(words.budget_seconds)}. Hand-crafted systems take what they take; {trained} trainings of networks "
            f"share the rest, {duration(LEAST_SECONDS)} each at least."
        )
    return f"{len(cells)} cells ({shape}).{done} {time_words}"


def _expected(work: ComparisonState, cell: Cell) -> str:
    """The time that a smaller amount of images lets one expect, in proportion; with a budget, a network has a time of its own."""
    if kind_of(cell.model) == "network" and work.words.budget is not None:
        return ""
    before = [one for one, result in work.results.items() if one.model == cell.model and one.fraction < cell.fraction and not result.error]
    return f" (about {duration(_own_seconds(work, before[-1]) * cell.fraction / before[-1].fraction)})" if before else ""


def _own_seconds(work: ComparisonState, cell: Cell) -> float:
    """What a finished cell itself has taken: of a frozen one, without its network."""
    seconds = work.results[cell].train_seconds or 0.0
    return seconds - (work.results[cell.network].train_seconds or 0.0) if kind_of(cell.model) == "frozen" else seconds


def _seconds_alone(cell: Cell, finished: Mapping[Cell, Mapping[str, Any]]) -> float:
    """The same of a cell that an earlier start has finished."""
    network = finished.get(cell.network) if kind_of(cell.model) == "frozen" else None
    return float(finished[cell]["seconds"]) - (float(network["seconds"]) if network else 0.0)


def _run_cell(work: ComparisonState, cell: Cell, remaining: Sequence[Cell]) -> CellResult:
    try:
        result = _frozen(work, cell) if kind_of(cell.model) == "frozen" else _trained(work, cell, remaining)
    except Interrupted:
        raise
    except AlexNetError as error:
        work.listen(Message(f"{cell.words}: no result, and the others go on. {error}"))
        return CellResult(model=cell.model, kind=kind_of(cell.model), fraction=cell.fraction, seed=cell.seed, error=str(error))
    return _cell_result(work, cell, result)


def _trained(work: ComparisonState, cell: Cell, remaining: Sequence[Cell]) -> Result:
    run = work.folder.run_of(cell)
    begun = RunFolder(run).recipe.exists()  # goes on with its own recipe, budget included
    return work.run_cell(
        work.words.data,
        model=cell.model,
        out=run,
        seed=cell.seed,
        budget=None if begun else _budget(work, cell, remaining),
        workers=work.workers,
        device=work.device,
        resume=True,
        overrides={"fraction": cell.fraction} | ({"solver.refit": False} if kind_of(cell.model) == "hand-crafted" else {}),
        splits=_shared_splits(work, cell.seed),
        listen=work.listen,
        should_stop=work.should_stop,
        baseline=False,
    )


def _shared_splits(work: ComparisonState, seed: int) -> Path:
    path = work.folder.splits_of(seed)
    if not path.exists():
        share_splits(work.dataset, {seed: path}, workers=available_cpus() if work.workers is None else work.workers)
    return path


def _budget(work: ComparisonState, cell: Cell, remaining: Sequence[Cell]) -> str | None:
    """The duration that a network's cell may take; None for a hand-crafted system and without a budget."""
    total = work.words.budget_seconds
    if total is None or kind_of(cell.model) != "network":
        return None
    left = total - work.spent_before - (time.monotonic() - work.started) - CLOSING_SECONDS
    return f"{int(seconds_for(cell, left, remaining))}s"


def _frozen(work: ComparisonState, cell: Cell) -> Result:
    network = work.results.get(cell.network)
    if network is None or network.error is not None:
        raise BadRun(f"{cell.network.model} has no result with these pictures and this seed, and {cell.model} takes its features from it.")
    if work.fit_linear_probe is None:
        from alexnet.runs.linear_probe import fit_linear_probe

        work.fit_linear_probe = fit_linear_probe
    return work.fit_linear_probe(
        work.folder.run_of(cell.network),
        work.folder.run_of(cell),
        device=work.device,
        workers=work.workers,
        listen=work.listen,
        should_stop=work.should_stop,
    )


def _kept(work: ComparisonState, cell: Cell, done: Mapping[str, Any]) -> CellResult:
    return _cell_result(work, cell, result_from_json(done))


def _cell_result(work: ComparisonState, cell: Cell, result: Result) -> CellResult:
    folder = RunFolder(work.folder.run_of(cell))
    judged = result.test_error if result.test_error is not None else result.validation_error
    answers = read_answers(folder.answers)
    work.answers[cell.model, cell.fraction, cell.seed] = answers
    interval = result.test_interval or error_interval(sum(answers.values()), len(answers))
    return CellResult(
        model=cell.model,
        kind=kind_of(cell.model),
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
        report=str(folder.report) if folder.report.is_file() else None,  # not the result's: the folder may have been moved
    )
