"""Fitting one candidate of a search, in a folder of its own that is resumed like any run's. Nothing is tested here."""

import json
import time
from dataclasses import replace

from alexnet.data.curation.splits import Splits, take_fraction
from alexnet.models.kinds import kind_of
from alexnet.recipes.resolve import ResolvedRun, TrainingRequest, resolve
from alexnet.runs.context import RunContext
from alexnet.runs.fit import fit
from alexnet.runs.folder import RunFolder
from alexnet.runs.prepare import prepare
from alexnet.runs.result import FitResult
from alexnet.runs.tried import Tried
from alexnet.runs.workers import start_together
from alexnet.runtime.events import Message
from alexnet.search.request import BY_VALIDATION
from alexnet.search.state import Attempt, SearchState


def attempt(
    state: SearchState,
    model: str,
    *,
    seconds: float | None,
    name: str,
    ends: float | None = None,
    fraction: float = 1.0,
    balance: str | None = None,
) -> Attempt:
    """Fit one system: a network for that many seconds, any other to its end, or until `ends` on the monotonic clock.

    fraction: of the training images of the search's split, which must have been made if it is below 1. The folder is `name` under the
    candidates'; if an earlier start of the search was interrupted in it, it is resumed there. Raises AlexNetError as a run of that model
    would, and Interrupted when the user stops it or the time is over.
    """
    started, folder = time.monotonic(), RunFolder(state.candidates / name)
    resolved = _resolved(state, state.request.of(model, balance), seconds, folder, fraction)
    context = _context(state, folder, ends)
    with start_together(resolved, context, resume=True):
        if state.live is not None:
            state.live.begin(model, folder.path)
        _share_split(state, folder, fraction)
        prepared = prepare(resolved, context)
        _share_split(state, folder, fraction)
        fitted = fit(resolved, context, prepared)
    row = replace(_row(resolved, fitted, time.monotonic() - started, name), balance=balance)
    if state.judges_classes:
        row = replace(row, balanced_error=fitted.validation_balanced_error)
    _tell(state, row, prepared.splits)
    return Attempt(resolved=resolved, prepared=prepared, fitted=fitted, tried=row)


def _resolved(state: SearchState, request: TrainingRequest, seconds: float | None, folder: RunFolder, fraction: float) -> ResolvedRun:
    begun = folder.started()
    if seconds is not None:
        budget = begun.training.budget_seconds if begun is not None else round(seconds, 1)
        request = replace(request, overrides={**request.overrides, "training.budget_seconds": budget})
    share = begun.fraction if begun is not None else fraction
    if share < 1:
        request = replace(request, overrides={**request.overrides, "fraction": share})
    return resolve(request, state.dataset, device=state.device, started=begun, listen=state.listen)


def _context(state: SearchState, folder: RunFolder, ends: float | None) -> RunContext:
    def should_stop() -> bool:
        return state.should_stop() or (ends is not None and time.monotonic() > ends)

    return RunContext(
        folder=folder,
        dataset=state.dataset,
        device=state.device,
        listen=state.listen,
        should_stop=should_stop,
        decoders=state.decoders,
        live=state.live,
    )


def _share_split(state: SearchState, folder: RunFolder, fraction: float) -> None:
    """Give the search the split of its first candidate, and the split of the search, or the fraction of it, to every other."""
    shared = RunFolder(state.out)
    if fraction < 1 and not folder.splits.exists():
        part = take_fraction(state.dataset, shared.read_splits(state.dataset), fraction, seed=state.request.seed)
        folder.write(folder.splits, json.dumps(part.to_json(state.dataset), ensure_ascii=False))
    for here, there in ((shared, folder), (folder, shared)):
        if here.splits.exists() and not there.splits.exists():
            there.write(there.splits, here.splits.read_text(encoding="utf-8"))


def _row(resolved: ResolvedRun, fitted: FitResult, seconds: float, folder: str) -> Tried:
    recipe = resolved.recipe
    if kind_of(recipe.model).fixed_features:
        return Tried(
            model=recipe.model,
            seconds=seconds,
            error=fitted.validation_error,
            fraction=recipe.fraction,
            balanced=fitted.balanced if recipe.solver.balance == BY_VALIDATION else None,
            folder=folder,
        )
    size, width = recipe.preprocess.image_size, recipe.network.width
    return Tried(
        model=recipe.model,
        seconds=seconds,
        error=fitted.validation_error,
        image_size=size,
        width=width if width is not None else 1.0,
        epochs=fitted.epochs,
        folder=folder,
    )


def _tell(state: SearchState, row: Tried, splits: Splits) -> None:
    error = f"{row.error:.1%} of {len(splits.validation):,} validation pictures wrong"
    of_classes = f" ({row.balanced_error:.1%} of an average class)" if row.balanced_error is not None else ""
    state.listen(Message(f"{row.model}: {error}{of_classes}, after {row.seconds:.0f} s."))
