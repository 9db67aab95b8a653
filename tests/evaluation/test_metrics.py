import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, precision_score, recall_score, top_k_accuracy_score

from alexnet.evaluation import metrics
from alexnet.evaluation.metrics import Labels, Probabilities

# Five images of three classes; the most probable class is 0, 1, 1, 2, 0.
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.4, 0.5, 0.1], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
LABELS = np.array([0, 1, 0, 2, 2])


def random_answers(seed: int, n: int = 500, classes: int = 8) -> tuple[Probabilities, Labels]:
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.ones(classes), n), generator.integers(0, classes, n)


def test_top_k_error_by_hand() -> None:
    assert metrics.top_k_error(PROBABILITIES, LABELS, 1) == pytest.approx(2 / 5)
    assert metrics.top_k_error(PROBABILITIES, LABELS, 2) == pytest.approx(1 / 5)
    assert metrics.top_k_error(PROBABILITIES, LABELS, 3) == 0.0
    assert metrics.top_k_error(PROBABILITIES, LABELS, 5) == 0.0  # fewer classes than places: nothing can be missed


@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_top_k_error_equals_scikit_learn_s(k: int) -> None:
    probabilities, labels = random_answers(k)
    expected = 1 - top_k_accuracy_score(labels, probabilities, k=k, labels=range(8))
    assert metrics.top_k_error(probabilities, labels, k) == pytest.approx(expected)


def test_top_1_error_agrees_with_the_predicted_classes_on_ties() -> None:
    probabilities, labels = np.full((6, 3), 1 / 3), np.array([0, 0, 1, 1, 2, 2])
    assert metrics.top_k_error(probabilities, labels, 1) == pytest.approx(4 / 6)
    assert (metrics.predicted_classes(probabilities) != labels).mean() == pytest.approx(4 / 6)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        metrics.top_k_error(np.full((2, 3), np.nan), np.array([0, 1]), 1)


@pytest.mark.parametrize(
    ("probabilities", "labels"), [(np.ones((0, 3)), np.ones(0, int)), (np.ones((2, 3)), np.ones(3, int)), (np.ones(3), np.ones(3, int))]
)
def test_answers_that_do_not_fit_are_refused(probabilities: Probabilities, labels: Labels) -> None:
    with pytest.raises(ValueError, match="n > 0"):
        metrics.top_k_error(probabilities, labels, 1)


@pytest.mark.parametrize(
    ("errors", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 10, 0.0179, 0.4042), (81, 263, 0.2553, 0.3662)],  # Newcombe 1998, table I, method 3
)
def test_error_interval_equals_published_values(errors: int, n: int, low: float, high: float) -> None:
    assert metrics.error_interval(errors, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("rate", "n"), [(0.1, 200), (0.4, 50), (0.02, 1000)])
def test_error_interval_covers_the_true_rate_95_times_in_100(rate: float, n: int) -> None:
    errors = np.random.default_rng(0).binomial(n, rate, 4000)
    intervals = {count: metrics.error_interval(count, n) for count in set(errors.tolist())}
    covered = np.mean([intervals[count][0] <= rate <= intervals[count][1] for count in errors.tolist()])
    assert 0.93 < covered < 0.97


def test_balanced_accuracy_by_hand_and_against_scikit_learn() -> None:
    predicted = metrics.predicted_classes(PROBABILITIES)
    assert metrics.balanced_accuracy(LABELS, predicted) == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    probabilities, labels = random_answers(9)
    predicted = metrics.predicted_classes(probabilities)
    assert metrics.balanced_accuracy(labels, predicted) == pytest.approx(balanced_accuracy_score(labels, predicted))


def test_balanced_accuracy_is_over_the_classes_that_have_images() -> None:
    assert metrics.balanced_accuracy(np.array([0, 0, 1]), np.array([0, 2, 1])) == pytest.approx(0.75)  # 2 has none; no warning either


def test_per_class_by_hand() -> None:
    rows = metrics.per_class(LABELS, metrics.predicted_classes(PROBABILITIES), ("ant", "bee", "cat"))
    assert rows == [
        {"class": "ant", "n": 2, "error": pytest.approx(0.5), "precision": pytest.approx(0.5), "recall": pytest.approx(0.5)},
        {"class": "bee", "n": 1, "error": pytest.approx(0.0), "precision": pytest.approx(0.5), "recall": pytest.approx(1.0)},
        {"class": "cat", "n": 2, "error": pytest.approx(0.5), "precision": pytest.approx(1.0), "recall": pytest.approx(0.5)},
    ]


def test_per_class_equals_scikit_learn_s() -> None:
    probabilities, labels = random_answers(4)
    predicted = metrics.predicted_classes(probabilities)
    rows = metrics.per_class(labels, predicted, tuple("abcdefgh"))
    assert [row["recall"] for row in rows] == pytest.approx(recall_score(labels, predicted, average=None))
    assert [row["precision"] for row in rows] == pytest.approx(precision_score(labels, predicted, average=None))


def test_what_is_undefined_is_null() -> None:
    rows = metrics.per_class(np.array([0, 0]), np.array([0, 1]), ("seen", "only predicted", "neither"))
    assert rows[1] == {"class": "only predicted", "n": 0, "error": None, "precision": 0.0, "recall": None}
    assert rows[2] == {"class": "neither", "n": 0, "error": None, "precision": None, "recall": None}
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_confusion_has_true_classes_in_rows() -> None:
    table = metrics.confusion(np.array([0, 0, 1]), np.array([2, 0, 1]), 4)
    assert table.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_confusion_equals_scikit_learn_s_and_holds_the_errors() -> None:
    probabilities, labels = random_answers(2)
    predicted = metrics.predicted_classes(probabilities)
    table = metrics.confusion(labels, predicted, 8)
    assert np.array_equal(table, confusion_matrix(labels, predicted))
    assert np.trace(table) / table.sum() == pytest.approx(accuracy_score(labels, predicted))


def two_class_answers(confidence: np.ndarray, accuracy: np.ndarray, seed: int) -> tuple[Probabilities, Labels]:
    """Class 0 is always predicted with `confidence`, and right with probability `accuracy`."""
    right = np.random.default_rng(seed).random(len(confidence)) < accuracy
    return np.stack([confidence, 1 - confidence], axis=1), np.where(right, 0, 1)


def calibration(probabilities: Probabilities, labels: Labels) -> float:
    return metrics.calibration_error(metrics.reliability_bins(probabilities, labels))


def test_perfectly_calibrated_predictions_have_next_to_no_calibration_error() -> None:
    confidence = np.random.default_rng(1).uniform(0.5, 1, 200_000)
    assert calibration(*two_class_answers(confidence, confidence, 2)) < 0.005


def test_overconfident_predictions_have_their_excess_as_calibration_error() -> None:
    confidence = np.random.default_rng(1).uniform(0.75, 1, 200_000)
    assert calibration(*two_class_answers(confidence, confidence - 0.2, 2)) == pytest.approx(0.2, abs=0.005)


def test_calibration_by_hand() -> None:
    # Confidences .7, .6, .5, .6, .5 lie in the bins ending at 11/15, 9/15, 8/15; right: yes, yes, no, yes, no.
    bins = [each for each in metrics.reliability_bins(PROBABILITIES, LABELS) if each.n]
    assert [each.n for each in bins] == [2, 2, 1]
    assert [each.accuracy for each in bins] == [0.0, 1.0, 1.0]
    assert [each.confidence for each in bins] == pytest.approx([0.5, 0.6, 0.7])
    assert metrics.calibration_error(tuple(bins)) == pytest.approx((2 * 0.5 + 2 * 0.4 + 0.3) / 5)


def test_a_confidence_on_an_edge_lies_in_the_bin_below() -> None:
    bins = metrics.reliability_bins(np.array([[0.5, 0.5], [0.75, 0.25], [0.8, 0.2]]), np.array([0, 0, 1]), bins=4)
    assert [(each.low, each.high, each.n) for each in bins] == [(0.0, 0.25, 0), (0.25, 0.5, 1), (0.5, 0.75, 1), (0.75, 1.0, 1)]


def test_certain_predictions_lie_in_the_last_bin() -> None:
    bins = metrics.reliability_bins(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0]))
    assert len(bins) == 15
    assert bins[-1].n == 2
    assert bins[-1].accuracy == 0.5
    assert bins[0].accuracy is None
    assert metrics.calibration_error(bins) == pytest.approx(0.5)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), classes=st.integers(2, 12))
@settings(deadline=None, max_examples=60)
def test_measures_agree_with_each_other(seed: int, n: int, classes: int) -> None:
    probabilities, labels = random_answers(seed, n, classes)
    predicted = metrics.predicted_classes(probabilities)
    error = metrics.top_k_error(probabilities, labels, 1)
    low, high = metrics.error_interval(int((predicted != labels).sum()), n)
    bins = metrics.reliability_bins(probabilities, labels)
    rows = metrics.per_class(labels, predicted, tuple(map(str, range(classes))))
    assert low <= error <= high
    assert metrics.top_k_error(probabilities, labels, 5) <= error
    assert sum(each.n for each in bins) == sum(row["n"] for row in rows) == metrics.confusion(labels, predicted, classes).sum() == n
    assert sum(row["n"] * row["error"] for row in rows if row["n"]) / n == pytest.approx(error)
    assert 0 <= metrics.calibration_error(bins) <= 1


@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), classes=st.integers(2, 9))
def test_they_are_scikit_learns(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, labels = rng.dirichlet(np.full(classes, 0.5), n), rng.integers(0, classes, n)
    predicted, present = metrics.predicted_classes(probabilities), np.unique(labels)
    assert metrics.top_k_error(probabilities, labels, 1) == pytest.approx(1 - accuracy_score(labels, predicted))
    for k in range(2, classes):
        theirs = top_k_accuracy_score(labels, probabilities, k=k, labels=np.arange(classes)) if classes > 2 else 1.0
        assert metrics.top_k_error(probabilities, labels, k) == pytest.approx(1 - theirs)
    assert np.array_equal(metrics.confusion(labels, predicted, classes), confusion_matrix(labels, predicted, labels=np.arange(classes)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, about predicted classes that have no images
        assert metrics.balanced_accuracy(labels, predicted) == pytest.approx(balanced_accuracy_score(labels, predicted))
    rows = metrics.per_class(labels, predicted, tuple(map(str, range(classes))))
    precision = precision_score(labels, predicted, labels=np.arange(classes), average=None, zero_division=0.0)
    recall = recall_score(labels, predicted, labels=np.arange(classes), average=None, zero_division=0.0)
    for row, p, r, number in zip(rows, precision, recall, range(classes), strict=True):
        assert row["precision"] == (pytest.approx(p) if number in predicted else None)
        assert row["recall"] == (pytest.approx(r) if number in present else None)
