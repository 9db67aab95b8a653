"""A whole evaluation: a model, some images of a data set and a view in; errors with intervals, per-class results and calibration out.

Independent of recipes and run folders.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alexnet.data.images.resize import fit_whole
from alexnet.errors import BadDataset, BadModel, did_you_mean
from alexnet.evaluation import metrics
from alexnet.evaluation.batches import Batches, batches_by_shape, images_at_once
from alexnet.evaluation.views import Scorer, View, count_views, view_probabilities
from alexnet.i18n.notebook import html_table, with_interval
from alexnet.i18n.units import percent
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.thread_pool import map_in_order

if TYPE_CHECKING:
    from alexnet.data.dataset import Dataset
    from alexnet.data.pipeline.image_store import ImageStore

Progress = Callable[[int, int], None]  # images done, images in total


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """The measurements on n images; rates lie in 0..1.

    The arrays hold the prediction for each image: row i is image `indices[i]` of the data set.
    """

    view: View
    views_per_image: int
    n: int
    top1_error: float
    top5_error: float  # 0.0 with five classes or fewer
    interval: tuple[float, float]  # 95%, of top1_error
    balanced_accuracy: float  # over the classes that have images
    classes: tuple[str, ...]
    per_class: list[dict[str, Any]]
    confusion: NDArray[np.int64]  # (classes, classes), rows true
    calibration_error: float
    reliability: tuple[metrics.ReliabilityBin, ...]
    seconds: float
    probabilities: NDArray[np.float32]  # (n, classes)
    labels: NDArray[np.int64]  # (n,), numbers of `classes`
    indices: NDArray[np.int64]  # (n,)

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        rows = [
            ("top-1 error", with_interval(self.top1_error, self.interval)),
            ("top-5 error", percent(self.top5_error)),
            ("balanced accuracy", percent(self.balanced_accuracy)),
            ("calibration error", percent(self.calibration_error)),
        ]
        return html_table(f"{self.n:,} pictures, {self.view}", rows)

    def to_json(self) -> dict[str, Any]:
        """The keys of `alexnet evaluate --json`, plus view; plain JSON values, null where a value is undefined, never NaN."""
        names = ("n", "top1_error", "top5_error", "balanced_accuracy", "per_class", "calibration_error", "seconds", "view")
        rest = {"interval": list(self.interval), "classes": list(self.classes), "confusion": self.confusion.tolist()}
        return {name: getattr(self, name) for name in names} | rest


@dataclass(frozen=True, slots=True)
class WrongPrediction:
    """Image `index` of the data set, classified as another class with this probability."""

    index: int
    true: str
    predicted: str
    probability: float


def evaluate(  # noqa: PLR0913 - what is measured (5), and by keyword how
    model: Scorer,
    dataset: "Dataset",
    store: "ImageStore",
    indices: Sequence[int],
    classes: Sequence[str],
    *,
    view: View = "centre",
    flip: bool,
    batch_size: int | None = None,
    on_progress: Progress | None = None,
    world: Workers = ALONE,
) -> Evaluation:
    """Measure `model` on the images `indices` of `dataset`; `classes` are the model's, and the data set's are matched to them by name.

    flip: whether a mirrored image keeps its class (used by "ten" and "shifted" only). batch_size: by default, what memory is sure to
    hold. All views but "any" are cropped from the squares in `store`; that one decodes each image again and keeps its aspect ratio. The
    model is in evaluation mode meanwhile. The workers of a `world` share the images, and all of them return the whole result.
    Raises BadDataset if there are no images or a class that the model was not trained on; BadModel if the model does not support the view,
    or its scores are not finite.
    """
    if not len(indices):
        raise BadDataset(f"{dataset.name} has no pictures to evaluate on: this split is empty. Choose another --split.")
    started = perf_counter()
    labels = _labels(dataset, indices, classes)
    own = [indices[row] for row in world.rows(len(indices))]
    mine = _probabilities(model, dataset, store, own, len(classes), view=view, flip=flip, batch_size=batch_size, on_progress=on_progress)
    probabilities = world.gather_rows(torch.from_numpy(mine), len(indices)).numpy()
    if not np.isfinite(probabilities).all():
        raise BadModel(
            f"The model's scores for {dataset.name} are not finite: its weights are damaged or have diverged. Train the model again."
        )
    seen = count_views(store.size, model.image_size, view, flip=flip)
    order = np.asarray(indices, dtype=np.int64)
    return summarise(probabilities, labels, order, tuple(classes), view=view, views_per_image=seen, seconds=perf_counter() - started)


def _probabilities(  # noqa: PLR0913 - the same as `evaluate`'s
    model: Scorer,
    dataset: "Dataset",
    store: "ImageStore",
    indices: Sequence[int],
    classes: int,
    *,
    view: View,
    flip: bool,
    batch_size: int | None,
    on_progress: Progress | None,
) -> NDArray[np.float32]:
    """Probabilities (n, classes), one row per image."""
    source = _whole_images if view == "any" else _squares
    probabilities, done = np.empty((len(indices), classes), np.float32), 0
    with _measuring(model) as device:
        for rows, images in source(dataset, store, indices, batch_size or images_at_once(model.image_size, device)):
            probabilities[rows] = view_probabilities(model, images.to(device), view, flip=flip).cpu().numpy()
            done += len(rows)
            if on_progress:
                on_progress(done, len(indices))
    return probabilities


def summarise(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    view: View,
    views_per_image: int,
    seconds: float,
) -> Evaluation:
    """All metrics of probabilities (n, classes) and labels (n,), as one Evaluation."""
    predicted = metrics.predicted_classes(probabilities)
    bins = metrics.reliability_bins(probabilities, labels)
    return Evaluation(
        view=view,
        views_per_image=views_per_image,
        n=len(labels),
        top1_error=metrics.top_k_error(probabilities, labels, 1),
        top5_error=metrics.top_k_error(probabilities, labels, 5),
        interval=metrics.error_interval(int((predicted != labels).sum()), len(labels)),
        balanced_accuracy=metrics.balanced_accuracy(labels, predicted),
        classes=classes,
        per_class=metrics.per_class(labels, predicted, classes),
        confusion=metrics.confusion(labels, predicted, len(classes)),
        calibration_error=metrics.calibration_error(bins),
        reliability=bins,
        seconds=seconds,
        probabilities=probabilities,
        labels=labels,
        indices=indices,
    )


def worst_mistakes(evaluation: Evaluation, count: int) -> list[WrongPrediction]:
    """The `count` wrong predictions with the highest confidence, highest first; in a tie the earlier image."""
    predicted = metrics.predicted_classes(evaluation.probabilities)
    confidence = evaluation.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != evaluation.labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    names = evaluation.classes
    return [
        WrongPrediction(int(evaluation.indices[row]), names[evaluation.labels[row]], names[predicted[row]], float(confidence[row]))
        for row in surest
    ]


def summary_sentence(evaluation: Evaluation) -> str:
    """One line for a person: error, interval, top-5 error, balanced accuracy and the view."""
    low, high = evaluation.interval
    several = f"{evaluation.views_per_image} views"
    seen = {"centre": "centre view", "ten": several, "shifted": several, "any": "whole pictures"}[evaluation.view]
    top5 = f", top-5 error {evaluation.top5_error:.1%}" if len(evaluation.classes) > 5 else ""
    plural = "" if evaluation.n == 1 else "s"
    return (
        f"{evaluation.top1_error:.1%} error on {evaluation.n:,} picture{plural} (95%: {low:.1%} to {high:.1%}){top5}, "
        f"balanced accuracy {evaluation.balanced_accuracy:.1%}; {seen}."
    )


def _labels(dataset: "Dataset", indices: Sequence[int], classes: Sequence[str]) -> NDArray[np.int64]:
    """The images' classes as indices into the model's list, matched by name."""
    numbers = {name: number for number, name in enumerate(classes)}
    used = {dataset.items[index].label for index in indices}
    for name in (dataset.classes[label] for label in sorted(used)):
        if name not in numbers:
            raise BadDataset(f"{dataset.name} has a class '{name}' that the model wasn't trained on. {did_you_mean(name, classes)}")
    return np.array([numbers[dataset.classes[dataset.items[index].label]] for index in indices], dtype=np.int64)


def _squares(_: "Dataset", store: "ImageStore", indices: Sequence[int], batch_size: int) -> Batches:
    rows = [list(range(first, min(first + batch_size, len(indices)))) for first in range(0, len(indices), batch_size)]
    return zip(rows, store.stream([[indices[row] for row in batch] for batch in rows]), strict=True)


def _whole_images(dataset: "Dataset", store: "ImageStore", indices: Sequence[int], batch_size: int) -> Batches:
    """Images in their own aspect ratio, their short side that of the store's squares (as in training), decoded by as many threads."""
    whole = partial(_whole_image, dataset, store.size)
    with closing(map_in_order(whole, indices, threads=store.workers)) as images:
        yield from batches_by_shape(enumerate(images), batch_size)


def _whole_image(dataset: "Dataset", short_side: int, index: int) -> Tensor:
    return fit_whole(dataset.image(index), short_side)


@contextmanager
def _measuring(model: Scorer) -> Iterator[torch.device]:
    """Put the model into evaluation mode without gradients, and restore its mode afterwards. Yields the device of its weights."""
    if not isinstance(model, nn.Module):
        with torch.inference_mode():
            yield torch.device("cpu")
        return
    was_training = model.training
    weights = next(model.parameters(), None)
    model.eval()
    try:
        with torch.inference_mode():
            yield torch.device("cpu") if weights is None else weights.device
    finally:
        model.train(was_training)
