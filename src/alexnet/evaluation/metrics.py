"""Measures of a classifier, from probabilities (n, classes) and labels (n,) alone. Pure NumPy, scikit-learn and SciPy.

Independent of models and images. An image's predicted class is the most probable one, in a tie the first; every metric here follows this
rule. Undefined values (the error of a class without images) are None, never NaN, so results can be written to JSON as they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, recall_score

Probabilities = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions with confidence in (low, high]: their number, mean confidence and accuracy. The last two are None for n = 0."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def predicted_classes(probabilities: Probabilities) -> Labels:
    """int64 (n,): the most probable class; in a tie the first."""
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def top_k_error(probabilities: Probabilities, labels: Labels, k: int) -> float:
    """Fraction of images whose class is not among the k most probable; 0.0 for k >= classes, where nothing can be missed.

    Among equally probable classes the first ones count as more probable, as in `predicted_classes` (scikit-learn's `top_k_accuracy_score`
    prefers the last, so uniform probabilities would have another top-1 error there). Raises ValueError for no images or NaN.
    """
    _check(probabilities, labels)
    own = probabilities[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    rank = ((probabilities > own) | ((probabilities == own) & earlier)).sum(axis=1)
    return float((rank >= k).mean())


def error_interval(errors: int, n: int) -> tuple[float, float]:
    """95% interval of an error rate after `errors` of `n`: Wilson's score interval, which holds for few images and rates near 0."""
    interval = binomtest(errors, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def balanced_accuracy(labels: Labels, predicted: Labels) -> float:
    """Mean recall over the classes that have images: a model that always predicts the same of c classes scores 1/c."""
    return float(recall_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0.0))


def per_class(labels: Labels, predicted: Labels, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row {class, n, error, precision, recall} per class, in the model's order.

    error and recall are None for a class without images; precision is None for a class that was never predicted.
    """
    precision, recall, _, counts = precision_recall_fscore_support(labels, predicted, labels=np.arange(len(classes)), zero_division=np.nan)
    return [
        {"class": name, "n": int(n), "error": _or_none(1 - r), "precision": _or_none(p), "recall": _or_none(r)}
        for name, n, p, r in zip(classes, counts, precision, recall, strict=True)
    ]


def confusion(labels: Labels, predicted: Labels, classes: int) -> NDArray[np.int64]:
    """Counts (classes, classes): row = true class, column = predicted class."""
    return np.asarray(confusion_matrix(labels, predicted, labels=np.arange(classes)), dtype=np.int64)


def reliability_bins(probabilities: Probabilities, labels: Labels, bins: int = 15) -> tuple[ReliabilityBin, ...]:
    """Confidence and accuracy in `bins` bins of equal width over (0, 1]; they are equal for a calibrated model."""
    _check(probabilities, labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = predicted_classes(probabilities) == labels
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    counts = np.bincount(place, minlength=bins)
    sums = np.bincount(place, confidence, minlength=bins), np.bincount(place, right, minlength=bins)
    return tuple(
        ReliabilityBin(float(edges[i]), float(edges[i + 1]), n, float(sums[0][i] / n) if n else None, float(sums[1][i] / n) if n else None)
        for i, n in enumerate(counts.tolist())
    )


def calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Expected calibration error: mean |accuracy - confidence| over bins, weighted by their images (Guo et al. 2017, section 2)."""
    total = sum(each.n for each in bins)
    gaps = (each.n * abs(each.accuracy - each.confidence) for each in bins if each.accuracy is not None and each.confidence is not None)
    return sum(gaps) / total


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _check(probabilities: Probabilities, labels: Labels) -> None:
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or not len(labels):
        raise ValueError(f"need probabilities (n, classes) and labels (n,) with n > 0, not {probabilities.shape} and {labels.shape}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities must be finite")
