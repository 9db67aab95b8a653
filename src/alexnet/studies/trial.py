"""One run of one arm: fit the model and evaluate it once on the judged images. Writes no page and no model file.

The parent process makes the split; a worker process keeps its decoded images from run to run.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alexnet.data.curation.splits import Splits, read_split_names, take_fraction
from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.colour_statistics import ColourPCA, measured
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.data.pipeline.random_labels import with_random_labels
from alexnet.data.preprocess import Fit
from alexnet.errors import AlexNetError, CannotWrite, Interrupted
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.models.kinds import NETWORK, kind_of
from alexnet.recipes.recipe import Recipe, views_of
from alexnet.recipes.resolve import ResolvedRun
from alexnet.recipes.toml import to_toml
from alexnet.runs.context import RunContext
from alexnet.runs.environment import memory_used, start_measuring_memory
from alexnet.runs.fit import fit
from alexnet.runs.fit_network import new_model
from alexnet.runs.folder import RunFolder
from alexnet.runs.prepare import colour_statistics, plain_preprocess, some_images
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult
from alexnet.runtime.device import autocast, choose_device, choose_precision
from alexnet.runtime.machine import available_bytes, available_cpus
from alexnet.studies.claim import Measure
from alexnet.studies.decoded import images_of_runs
from alexnet.studies.layer_signals import Signals, signals_of
from alexnet.studies.on_request import FIRST_EPOCH, OnRequest
from alexnet.studies.outcome import Outcome, read_outcome, write_outcome
from alexnet.studies.shifts import moved

TESTED_ON = 2_000  # training images that the finished network is tested on
CACHED_SIZES = 2  # image sizes that a worker keeps decoded
ORPHAN_SECONDS = 20.0  # for a process of a study that was killed to notice it and end
MEMORY_SHARE = 0.4  # of the free memory, for the decoded images of all workers together


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One run to make: its resolved recipe, the file of its split, and the folder of its outcome.

    measures: of ON_REQUEST, what it measures besides. judged: False for a run of a search, which sees no test image.
    """

    recipe: Recipe
    splits: Path
    folder: Path
    device: str = "auto"
    judged: bool = True
    measures: frozenset[Measure] = frozenset()

    @property
    def outcome(self) -> Path:
        """The file of the outcome, which exists once the run has finished."""
        return self.folder / "outcome.json"

    def done(self) -> Outcome | None:
        """The outcome of the finished run; None if it has not finished, or did not measure what is asked for. Raises BadRun if damaged."""
        if not self.outcome.exists():
            return None
        found = read_outcome(self.outcome)
        return found if found.failure is not None or self.measures <= set(found.measured) else None


class Data(NamedTuple):
    """A data set as recipes record it."""

    name: str
    layout_of_folders: str | None


def digest(recipe: Recipe) -> str:
    """The identity of a run: equal recipes are the same run, in any study."""
    return sha256(to_toml(recipe).encode()).hexdigest()[:16]


def run_trial(trial: Trial, should_stop: Callable[[], bool]) -> Outcome:
    """Make or resume the run, or read its outcome if it has finished; an AlexNetError becomes the outcome's failure.

    Raises Interrupted when `should_stop` returns true.
    """
    if (done := trial.done()) is not None:
        return done
    with RunFolder(trial.folder).owned(resume=True, patience_seconds=ORPHAN_SECONDS):
        return _run(trial, should_stop)


def _run(trial: Trial, should_stop: Callable[[], bool]) -> Outcome:
    key, started = digest(trial.recipe), time.monotonic()
    start_measuring_memory(choose_device(trial.device))
    try:
        outcome = _outcome(trial, key, started, should_stop)
    except (Interrupted, CannotWrite):
        raise
    except AlexNetError as error:
        outcome = Outcome(key=key, seed=trial.recipe.seed, failure=str(error))
    write_outcome(outcome, trial.outcome)
    if outcome.failure is None:  # the message of a failure refers to the last good weights
        shutil.rmtree(trial.folder / "checkpoints", ignore_errors=True)
        (trial.folder / FIRST_EPOCH).unlink(missing_ok=True)
    return outcome


def _outcome(trial: Trial, key: str, started: float, should_stop: Callable[[], bool]) -> Outcome:
    resolved = ResolvedRun(recipe=trial.recipe, model_reason="set by the study")
    context, prepared = _prepared(resolved, trial, started, should_stop)
    splits, images = prepared.splits, prepared.images
    request = OnRequest(measures=trial.measures, resolved=resolved, context=context, prepared=prepared)
    looked_at = time.monotonic()
    signals, times = _signals(resolved, context, prepared) if trial.judged else Signals(), request.before()
    prepared_at = time.monotonic()
    fitted = fit(resolved, request.watching(), prepared)
    fitted_at = time.monotonic()
    judged, indices = ("test", splits.test) if splits.test else ("validation", splits.validation)
    evaluation = _evaluated(resolved, context, fitted, images, indices) if trial.judged else None
    sample = _evaluated(resolved, context, fitted, images, splits.train[:: -(-len(splits.train) // TESTED_ON)])
    return Outcome(
        key=key,
        seed=trial.recipe.seed,
        moved=_moved(resolved, context, fitted, images, indices) if trial.judged else (),
        **times,
        **request.after(fitted),
        judged=judged,
        training_error=sample.top1_error,
        evaluation_seconds=time.monotonic() - fitted_at + prepared_at - looked_at,
        overhead_seconds=looked_at - started,
        n_train=len(splits.train),
        memory_bytes=memory_used(context.device),
        gradients=signals.gradients,
        outputs=signals.outputs,
        **_fit_values(fitted),
        **(_evaluation_values(evaluation) if evaluation is not None else {}),
    )


def _prepared(resolved: ResolvedRun, trial: Trial, started: float, should_stop: Callable[[], bool]) -> tuple[RunContext, Prepared]:
    """Like `runs.prepare` for a single run, but from images, splits and colour statistics that many runs share."""
    recipe, folder = resolved.recipe, RunFolder(trial.folder)
    folder.start(recipe, resume=True)
    data = Data(recipe.data, recipe.layout_of_folders)
    dataset, sizes = _dataset(data), recipe.preprocess
    splits = take_fraction(dataset, _splits(data, trial.splits), recipe.fraction, seed=recipe.seed)
    if kind_of(recipe.model) is NETWORK and splits.test:
        splits = replace(splits, validation=_at_most(splits.validation, len(splits.train)))
    whole = choose_device(trial.device).type == "cuda" or kind_of(recipe.model).fixed_features
    images = _images(data, sizes.stored_size, sizes.fit, whole)
    context = RunContext(
        folder=folder,
        dataset=dataset,
        device=choose_device(trial.device),
        should_stop=should_stop,
        splits=trial.splits,
        decoders=1,
        started=started,
    )
    if kind_of(recipe.model).fixed_features:
        return context, Prepared(images=images, splits=splits, preprocess=plain_preprocess(sizes))
    colours = _colours(data, sizes.stored_size, sizes.fit, whole, splits.train, recipe.seed)
    images = with_random_labels(images, splits.train, recipe.training.random_labels, recipe.seed)
    return context, Prepared(images=images, splits=splits, preprocess=measured(sizes, colours), colours=colours)


def _at_most(indices: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Up to `most` of the images, spread evenly."""
    return indices if len(indices) <= most else tuple(indices[round(place)] for place in np.linspace(0, len(indices) - 1, most))


def _fit_values(fitted: FitResult) -> dict[str, Any]:
    return {
        "validation_error": fitted.validation_error,
        "epochs": fitted.epochs,
        "seconds": fitted.seconds,
        "parameters": fitted.parameters,
        "macs": fitted.macs,
        "history": [dict(row) for row in fitted.history],
    }


def _evaluation_values(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "judged_error": evaluation.top1_error,
        "wrong": [bool(wrong) for wrong in evaluation.probabilities.argmax(1) != evaluation.labels],
        "per_class": {row["class"]: row["error"] for row in evaluation.per_class if row["error"] is not None},
    }


def _signals(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> Signals:
    """The layer signals of the untrained network; empty for a hand-crafted system."""
    if kind_of(resolved.recipe.model).fixed_features:
        return Signals()
    sample = some_images(prepared.images, prepared.splits)
    model = new_model(resolved, context, prepared.preprocess, sample)
    return signals_of(model, context.device, prepared.images, prepared.splits)


def _moved(resolved: ResolvedRun, context: RunContext, fitted: FitResult, store: ImageStore, indices: tuple[int, ...]) -> list[bool]:
    """What a shift of the judged images changes; nothing for a hand-crafted system."""
    recipe = resolved.recipe
    if kind_of(recipe.model).fixed_features:
        return []
    fitted.model.eval()
    with autocast(choose_precision(recipe.training.precision, context.device), context.device):
        return moved(fitted.model, store, indices, recipe.preprocess.image_size, context.device)


def _evaluated(resolved: ResolvedRun, context: RunContext, fitted: FitResult, store: ImageStore, indices: tuple[int, ...]) -> Evaluation:
    view = views_of(resolved.recipe.views)[0]
    with autocast(choose_precision(resolved.recipe.training.precision, context.device), context.device):
        return evaluate(fitted.model, context.dataset, store, indices, context.dataset.classes, view=view, flip=context.dataset.traits.flip)


@lru_cache(maxsize=2)
def _dataset(data: Data) -> Dataset:
    return open_dataset(data.name, layout_of_folders=data.layout_of_folders)


@lru_cache(maxsize=8)
def _splits(data: Data, path: Path) -> Splits:
    return Splits.from_json(_dataset(data), read_split_names(path))


@lru_cache(maxsize=CACHED_SIZES)
def _images(data: Data, size: int, fit: Fit, whole: bool) -> ImageStore:
    limit = int(MEMORY_SHARE * available_bytes() / CACHED_SIZES / available_cpus())
    return images_of_runs(_dataset(data), size, fit, limit_bytes=limit, whole=whole)


@lru_cache(maxsize=8)
def _colours(data: Data, size: int, fit: Fit, whole: bool, train: tuple[int, ...], seed: int) -> ColourPCA:
    """Mean and colour statistics of these training images, which many runs share."""
    return colour_statistics(_images(data, size, fit, whole), Splits(train=train, validation=(), test=()), seed)
