"""Classes of different size: when they differ by much, and what an image of each must count so that all classes count the same."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Balance = Literal["none", "loss", "sampling"]  # of a training: as they are; every class weighs the same; is drawn as often
UNEVEN = 5  # times as many images in the largest class as in the smallest: most of the error is then that of large classes


def is_uneven(counts: Iterable[float]) -> bool:
    """Whether classes, by their numbers of images, differ by more than UNEVEN times; classes without images do not count."""
    sizes = [count for count in counts if count > 0]
    return bool(sizes) and max(sizes) > UNEVEN * min(sizes)


def class_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """float64 (classes,): n / (k n_c) for the k classes with images, 0 for the others.

    With these weights every class counts as much as any other, and the mean over the images is 1.
    """
    counts = np.bincount(labels, minlength=classes)
    seen = counts > 0
    weights = np.zeros(classes)
    weights[seen] = len(labels) / (seen.sum() * counts[seen])
    return weights


def effective_images(labels: NDArray[np.int64]) -> int:
    """How many images of classes of equal size would tell the mean of the classes' errors as surely as these do: k^2 / sum_c 1 / n_c.

    Exact if all classes have the same error (Kish, Survey Sampling, 1965); small classes leave few.
    """
    counts = np.bincount(labels)
    seen = counts[counts > 0]
    return round(len(seen) ** 2 / (1 / seen).sum()) if len(seen) else 0


def balanced_error(wrong: NDArray[np.bool_], labels: NDArray[np.int64], classes: int) -> float:
    """The mean of the classes' shares of wrong answers, 0 to 1, over the classes with images: 1 minus the balanced accuracy."""
    return float((class_weights(labels, classes)[labels] * wrong).mean())
