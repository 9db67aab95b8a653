"""A fast hand-crafted baseline for a network, to see whether the deep model is worth it on these images.

HOG features with a linear SVM, on the same images and the same split, in a matter of seconds. It is fitted before the network.
"""

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.evaluation.metrics import error_interval
from alexnet.i18n.phrases import baseline_name
from alexnet.models.handcrafted.hog import HOG
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runtime.device import one_torch_thread
from alexnet.runtime.events import Message
from alexnet.storage.files import read_record, write_atomically
from alexnet.training.dictionaries import sample_indices
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.model_selection import choose
from alexnet.training.svm.rows import FeatureSet

MODEL = "hog-svm"
ACROSS = 8  # HOG cells in a row
MOST = 60_000  # training images; from more, a seeded sample is used
MOST_SEEN = 10_000  # validation images, and test images
FEW_NUMBERS = 50_000_000  # feature values; with fewer, torch's threads wait for each other longer than they work
SOLVER = SolverConfig(kernel="linear", strengths="0.1,1", epochs=20, refit=False)  # two values of C are enough


NONE = b"{}"  # baseline.json of a run that was started without one


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """The results of the hand-crafted baseline; errors are shares of the network's validation and test images."""

    model: str
    kernel: str
    n_train: int
    validation_error: float
    test_error: float | None
    test_interval: tuple[float, float] | None
    n_test: int
    seconds: float
    relative_duality_gap: float


def fit_baseline(resolved: ResolvedRun, context: RunContext, store: ImageStore, splits: Splits) -> Baseline | None:
    """Fit the baseline, or read its results if it was fitted before the run was interrupted; None for a run that was started without one.

    Such a run's baseline.json is an empty object, so that it is resumed without one too. Several workers fit none.
    """
    path = context.folder.baseline
    if path.exists():
        return None if path.read_bytes() == NONE else read_record(path, Baseline)
    if not context.with_baseline:
        context.folder.write(path, NONE.decode())
        return None
    if context.world.size > 1:
        return None
    found = _fitted(resolved, context, store, splits)
    write_atomically(context.folder.baseline, json.dumps(asdict(found)))
    context.listen(
        Message(f"Baseline: {baseline_name(asdict(found))} ({found.seconds:.0f} s): validation error {found.validation_error:.2%}.")
    )
    return found


def _fitted(resolved: ResolvedRun, context: RunContext, store: ImageStore, splits: Splits) -> Baseline:
    started = time.monotonic()
    train, validation, test = _features(resolved, context, store, splits)
    with one_torch_thread() if train.vectors.size < FEW_NUMBERS else nullcontext():
        choice = choose(
            train,
            validation,
            classes=len(context.dataset.classes),
            kernel="linear",
            config=replace(SOLVER, balance=resolved.recipe.training.machine_balance),
            seed=resolved.recipe.seed,
            device=context.device,
            should_stop=context.should_stop,
        )
    wrong = _mistakes(choice.machine, test, context.device)
    tested = len(test.labels)
    return Baseline(
        model=MODEL,
        kernel="linear",
        n_train=len(train.labels),
        validation_error=choice.validation_error,
        test_error=wrong / tested if tested else None,
        test_interval=error_interval(wrong, tested) if tested else None,
        n_test=tested,
        seconds=time.monotonic() - started,
        relative_duality_gap=choice.relative_gap,
    )


def _features(resolved: ResolvedRun, context: RunContext, store: ImageStore, splits: Splits) -> list[FeatureSet]:
    """The features of training, validation and test images; of a seeded sample if there are many."""
    hog = HOG(store.size, cell=max(2, store.size // ACROSS)).to(context.device)
    sets = []
    for part, most in ((splits.train, MOST), (splits.validation, MOST_SEEN), (splits.test, MOST_SEEN)):
        chosen = tuple(sample_indices(part, most, resolved.recipe.seed))
        sets.append(FeatureSet(_vectors(hog, store, chosen, context.device), store.labels_of(chosen)))
    return sets


def _mistakes(machine: nn.Module, test: FeatureSet, device: torch.device) -> int:
    if not len(test.labels):
        return 0
    with torch.inference_mode():
        scores = machine(torch.from_numpy(test.vectors.astype(np.float32)).to(device)).cpu()
    return int((scores.argmax(1).numpy() != test.labels).sum())


def _vectors(hog: HOG, store: ImageStore, indices: Sequence[int], device: torch.device) -> NDArray[np.float16]:
    rows = np.empty((len(indices), hog.dimensions), np.float16)
    parts = [indices[start : start + 64] for start in range(0, len(indices), 64)]
    with torch.inference_mode(), one_torch_thread():
        for number, images in enumerate(store.stream(parts)):
            rows[64 * number : 64 * number + len(images)] = hog(images.to(device)).cpu().numpy()
    return rows
