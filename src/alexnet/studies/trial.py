"""One run of one arm: images that are already there, a fit, the judged images looked at once. No page, no model file.

The parent process makes the split; a worker keeps the decoded images between its runs.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from alexnet.data.curation.splits import Splits, take_fraction
from alexnet.data.dataset import SPLIT_NAMES, Dataset
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.colour_statistics import ColourPCA, measured
from alexnet.data.pipeline.image_store import ImageStore, open_images
from alexnet.data.preprocess import Fit, Preprocess
from alexnet.errors import AlexNetError, Interrupted
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.recipes.recipe import Recipe, views_of
from alexnet.recipes.toml import to_toml
from alexnet.runs.fit_handcrafted import fit_handcrafted
from alexnet.runs.fit_network import fit_network, new_model
from alexnet.runs.folder import Run, RunFolder
from alexnet.runs.prepare import colour_statistics, some_images
from alexnet.runs.result import FitResult
from alexnet.runtime.device import autocast, choose_device, choose_precision
from alexnet.runtime.events import silent
from alexnet.runtime.machine import available_bytes, available_cpus, forget_peak_memory, peak_memory
from alexnet.storage.files import read_object
from alexnet.studies.layer_signals import Signals, signals_of
from alexnet.studies.outcome import Outcome, read_outcome, write_outcome

TRAINING_SAMPLE = 2_000  # training images that the finished network is tested on
KEPT_SQUARES = 2  # image sizes that a worker keeps decoded
MEMORY_SHARE = 0.4  # of the free memory, for the squares of all workers together


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One run to be made: its resolved recipe, the split that it uses, and the folder where its outcome lies."""

    recipe: Recipe
    splits: Path
    folder: Path
    device: str = "auto"

    @property
    def outcome(self) -> Path:
        """The file that says it has ended."""
        return self.folder / "outcome.json"


def digest(recipe: Recipe) -> str:
    """What names a run: equal recipes are the same run, in whatever study they stand."""
    return sha256(to_toml(recipe).encode()).hexdigest()[:16]


def run_trial(trial: Trial, should_stop: Callable[[], bool]) -> Outcome:
    """Make the run, or go on with it, or read what it gave; a mistake of the user's kind becomes the outcome's failure.

    Raises Interrupted when `should_stop` answers true.
    """
    if trial.outcome.exists():
        return read_outcome(trial.outcome)
    key, started = digest(trial.recipe), time.monotonic()
    forget_peak_memory()
    try:
        outcome = _made(trial, key, started, should_stop)
    except Interrupted:
        raise
    except AlexNetError as error:
        outcome = Outcome(key=key, seed=trial.recipe.seed, failure=str(error))
    write_outcome(outcome, trial.outcome)
    if outcome.failure is None:  # a failure names the last good weights
        shutil.rmtree(trial.folder / "checkpoints", ignore_errors=True)
    return outcome


def _made(trial: Trial, key: str, started: float, should_stop: Callable[[], bool]) -> Outcome:
    run, images, splits = _prepared(trial, started, should_stop)
    measures = _measures(run, splits)
    signals = _signals(run, measures, images, splits)
    prepared_at = time.monotonic()
    fitted = fit_network(run, images, splits, *measures) if measures else fit_handcrafted(run, images, splits)
    fitted_at = time.monotonic()
    judged, indices = ("test", splits.test) if splits.test else ("validation", splits.validation)
    evaluation = _evaluated(run, fitted, images, indices)
    sample = _evaluated(run, fitted, images, splits.train[:: -(-len(splits.train) // TRAINING_SAMPLE)])
    return Outcome(
        key=key,
        seed=trial.recipe.seed,
        judged=judged,
        training_error=sample.top1_error,
        evaluation_seconds=time.monotonic() - fitted_at + signals.seconds,
        overhead_seconds=prepared_at - started - signals.seconds,
        n_train=len(splits.train),
        memory_bytes=peak_memory(),
        gradients=signals.gradients,
        outputs=signals.outputs,
        **_of_the_fit(fitted),
        **_of_the_answers(evaluation),
    )


def _prepared(trial: Trial, started: float, should_stop: Callable[[], bool]) -> tuple[Run, ImageStore, Splits]:
    recipe, folder = trial.recipe, RunFolder(trial.folder)
    folder.start(recipe, resume=True)
    dataset = _dataset(recipe.data)
    run = Run(folder, recipe, "a study asks for it", dataset, choose_device(trial.device), silent, should_stop, trial.splits, started)
    splits = take_fraction(dataset, _splits(recipe.data, trial.splits), recipe.fraction, seed=recipe.seed)
    return run, _images(recipe.data, recipe.preprocess.stored_size, recipe.preprocess.fit), splits


def _of_the_fit(fitted: FitResult) -> dict[str, Any]:
    return {
        "validation_error": fitted.validation_error,
        "epochs": fitted.epochs,
        "seconds": fitted.seconds,
        "parameters": fitted.parameters,
        "macs": fitted.macs,
        "history": [dict(row) for row in fitted.history],
    }


def _of_the_answers(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "judged_error": evaluation.top1_error,
        "wrong": [bool(wrong) for wrong in evaluation.probabilities.argmax(1) != evaluation.labels],
        "per_class": {row["class"]: row["error"] for row in evaluation.per_class if row["error"] is not None},
    }


def _measures(run: Run, splits: Splits) -> tuple[ColourPCA, Preprocess] | None:
    """The colours of a network's training images and its preprocessing; a hand-crafted system measures for itself."""
    recipe = run.recipe
    if recipe.model in SYSTEMS:
        return None
    pca = _colours(recipe.data, recipe.preprocess.stored_size, recipe.preprocess.fit, splits.train, recipe.seed)
    return pca, measured(recipe.preprocess, pca)


def _signals(run: Run, measures: tuple[ColourPCA, Preprocess] | None, store: ImageStore, splits: Splits) -> Signals:
    """Of a network, before it is trained."""
    if measures is None:
        return Signals()
    started = time.monotonic()
    signals = signals_of(new_model(run, measures[1], some_images(store, splits)), run, store, splits)
    return replace(signals, seconds=time.monotonic() - started)


def _evaluated(run: Run, fitted: FitResult, store: ImageStore, indices: tuple[int, ...]) -> Evaluation:
    view = views_of(run.recipe.views)[0]
    with autocast(choose_precision(run.recipe.training.precision, run.device), run.device):
        return evaluate(fitted.model, run.dataset, store, indices, run.dataset.classes, view=view, flip=run.dataset.traits.flip)


@lru_cache(maxsize=2)
def _dataset(data: str) -> Dataset:
    return open_dataset(data)


@lru_cache(maxsize=8)
def _splits(data: str, path: Path) -> Splits:
    return Splits.from_json(_dataset(data), read_object(path, SPLIT_NAMES))


@lru_cache(maxsize=KEPT_SQUARES)
def _images(data: str, size: int, fit: Fit) -> ImageStore:
    limit = int(MEMORY_SHARE * available_bytes() / KEPT_SQUARES / available_cpus())
    return open_images(_dataset(data), size, fit, workers=1, check=False, memory_limit_bytes=limit)


@lru_cache(maxsize=8)
def _colours(data: str, size: int, fit: Fit, train: tuple[int, ...], seed: int) -> ColourPCA:
    """Mean and colours of these training images, which many runs share."""
    return colour_statistics(_images(data, size, fit), Splits(train=train, validation=(), test=()), seed)
