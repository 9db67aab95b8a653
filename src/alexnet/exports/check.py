"""An exported model against the model that it was made from, on the same uint8 squares, before it is kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import BadModel
from alexnet.evaluation.paired_test import paired_test
from alexnet.exports.run_images import Squares
from alexnet.inference.classifier import Classifier

TOLERANCE = 1e-4  # of a probability, to the same weights in full precision
ANY = 1.0  # the same where weights were changed: accuracy decides
BATCH = 24  # images; the last batch of a check is a smaller one, so the open batch size is checked too

Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What a comparison on `images` images of `source`, a split or "generated", has found.

    largest_difference: of a probability, to the same weights in fp32. agreement: share of images with the same best class as the
    classifier in its own precision. accuracies: shares of correct answers of classifier and exported model; None without labels.
    interval: 95%, of the accuracy lost (paired); None without labels.
    """

    images: int
    source: str
    largest_difference: float
    agreement: float
    accuracies: tuple[float, float] | None
    interval: tuple[float, float] | None


@dataclass(slots=True)
class _Tally:
    """Sums over the images that have been compared so far."""

    source: str = ""
    images: int = 0
    largest_difference: float = 0.0
    furthest_behind: float = 0.0  # the exported model's best class, behind the run's best class, in the run's own probabilities
    agreeing: int = 0
    wrong: tuple[dict[str, bool], dict[str, bool]] | None = None  # of classifier and exported model, by image


def check(classifier: Classifier, exported: Probabilities, squares: Iterable[Squares], *, tolerance: float = TOLERANCE) -> Check:
    """Compare on all squares; raises BadModel, with the difference, if a probability is off by more than the tolerance, or a best class.

    Best classes may differ only where the two best are nearer to each other than the tolerance allows.
    """
    tally = _Tally()
    for part in squares:
        _compare(tally, classifier, exported, part)
        if tally.largest_difference > tolerance:
            difference = f"{tally.largest_difference:.2g} from the run's, more than {tolerance:g}"
            raise BadModel(f"A probability of the exported model differs by {difference}. It is not kept.")
        if tally.furthest_behind > 2 * tolerance:
            raise BadModel("The exported model answers a picture differently. It is not kept.")
    return _result(tally)


def _compare(tally: _Tally, classifier: Classifier, exported: Probabilities, part: Squares) -> None:
    images = centre_crop(part.images, classifier.model.image_size)
    ours, theirs = exact_probabilities(classifier, images), _in_batches(exported, images)
    if theirs.shape != ours.shape or not np.isfinite(theirs).all():
        raise BadModel(
            f"The exported model computes {theirs.shape} numbers that are not all finite; expected {ours.shape}. It is not kept."
        )
    own, answers = classifier.probabilities(part.images).numpy().argmax(1), theirs.argmax(1)
    tally.source = part.source
    tally.largest_difference = max(tally.largest_difference, float(np.abs(ours - theirs).max()))
    tally.furthest_behind = max(tally.furthest_behind, float((ours.max(1) - ours[np.arange(len(ours)), answers]).max()))
    tally.agreeing += int((own == answers).sum())
    if part.labels is not None:
        tally.wrong = tally.wrong or ({}, {})
        for wrong, found in zip(tally.wrong, (own, answers), strict=True):
            wrong.update({str(tally.images + row): bool(miss) for row, miss in enumerate(found != part.labels.numpy())})
    tally.images += len(images)


def _result(tally: _Tally) -> Check:
    accuracies, interval = None, None
    if tally.wrong is not None:
        before, after = tally.wrong
        accuracies = (1 - sum(before.values()) / len(before), 1 - sum(after.values()) / len(after))
        paired = paired_test({0: after}, {0: before})
        interval = None if paired is None else paired.interval
    return Check(
        images=tally.images,
        source=tally.source,
        largest_difference=tally.largest_difference,
        agreement=tally.agreeing / max(1, tally.images),
        accuracies=accuracies,
        interval=interval,
    )


def exact_probabilities(classifier: Classifier, images: Tensor) -> NDArray[np.float32]:
    """The probabilities of the model's weights in full precision, whatever the classifier's; images: uint8 of the model's own size."""
    model = classifier.model
    with torch.inference_mode():
        parts = [torch.softmax(model(part.to(classifier.device)).float(), 1).cpu() for part in images.split(BATCH)]
    return torch.cat(parts).numpy()


def _in_batches(exported: Probabilities, images: Tensor) -> NDArray[np.float32]:
    return np.concatenate([exported(part.numpy()) for part in images.split(BATCH)])
