"""Descent against its own formula in double precision, against LIBLINEAR's optimum, and on features that ask for small steps."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC

from alexnet.errors import Interrupted
from alexnet.training.svm import averaged_sgd
from alexnet.training.svm.averaged_sgd import average, first_rates
from alexnet.training.svm.problem import Problem, one_against_rest
from alexnet.training.svm.rows import FeatureSet, Rows, mixed_order

DIGITS = load_digits()
PIXELS, LABELS = (DIGITS.data / 16).astype(np.float16), DIGITS.target.astype(np.int64)
CPU = torch.device("cpu")
Floats = NDArray[np.float64]


def problem(vectors: NDArray[np.float16], labels: NDArray[np.int64], *strengths: float, classes: int = 10) -> Problem:
    rows = Rows(FeatureSet(vectors, labels), CPU)
    rows.centre()
    return one_against_rest(rows, labels, classes, strengths)


def seen(one: Problem) -> tuple[Floats, Floats]:
    """The rows (n, D + 1) and signs (n, K) in double precision."""
    everything = np.arange(len(one.rows))
    return one.rows.read(everything).double().numpy().copy(), one.signs(everything).double().numpy()


def objectives(one: Problem, weights: Floats) -> tuple[Floats, Floats]:
    """Primal and best dual value of each column in double precision: of alpha = 2 C hinge, times the best t of a fine grid."""
    rows, signs = seen(one)
    hinge = np.maximum(0, 1 - signs * (rows @ weights))
    alpha = 2 * one.column_strengths * hinge
    primal = (weights**2).sum(0) / 2 + one.column_strengths * (hinge**2).sum(0)
    energy, squares = ((rows.T @ (alpha * signs)) ** 2).sum(0) / 2, (alpha**2).sum(0) / (4 * one.column_strengths)
    scales = np.linspace(0, 2, 20_001)[:, None]
    return primal, (scales * alpha.sum(0) - scales**2 * (energy + squares)).max(0)


def by_the_book(one: Problem, passes: int, batch_size: int, seed: int) -> Floats:
    """The same steps one after the other, in double precision, without any of the program's products."""
    (rows, signs), generator = seen(one), np.random.default_rng(seed)
    n, batches = len(rows), -(-len(rows) // batch_size)

    def order() -> list[NDArray[np.int64]]:
        return np.array_split(mixed_order(n, one.rows.vectors[:1].nbytes, generator), batches)

    rates = first_rates(one, torch.from_numpy(rows[order()[0]]).float()).double().numpy()
    weights = np.zeros((rows.shape[1], one.columns))
    speed, kept, steps = np.zeros_like(weights), [], passes * batches
    for number, which in enumerate(part for _ in range(passes) for part in order()):
        hinge = np.maximum(0, 1 - signs[which] * (rows[which] @ weights))
        gradient = weights / (one.column_strengths * n) - 2 * rows[which].T @ (hinge * signs[which]) / len(which)
        speed = 0.9 * speed - gradient
        scale = np.ones((rows.shape[1], 1))
        scale[-1] = averaged_sgd.BIAS_RATE
        weights = weights + rates * (1 - number / steps) * scale * speed
        kept.append(weights)
    mean: Floats = np.mean(kept[steps // 2 :], axis=0)
    return mean


def test_the_steps_are_those_of_the_formula() -> None:
    one = problem(PIXELS[:250], LABELS[:250], 0.1, 2.0)
    weights, _, made = average(one, passes=4, batch_size=32, seed=5)
    assert made == 4
    assert weights.numpy() == pytest.approx(by_the_book(one, 4, 32, 5), abs=2e-4)


@pytest.mark.parametrize("passes", [1, 5, 60])
def test_the_certificate_is_that_of_the_formulas(passes: int) -> None:
    one = problem(PIXELS[:300], LABELS[:300], 0.03, 1.0)
    weights, certificate, _ = average(one, passes=passes, batch_size=64, seed=0)
    primal, dual = objectives(one, weights.double().numpy())
    assert certificate.primal == pytest.approx(primal, rel=1e-5)
    assert certificate.dual == pytest.approx(dual, rel=1e-4)
    assert (certificate.gap >= 0).all()
    assert (dual <= primal).all()


def test_early_is_far_from_the_optimum_and_late_is_near() -> None:
    one = problem(PIXELS[:600], LABELS[:600], 0.3)
    rows, signs = seen(one)
    best = np.zeros(10)
    for column in range(10):
        oracle = LinearSVC(C=0.3, tol=1e-9, max_iter=200_000).fit(rows[:, :-1], signs[:, column])
        optimum = np.concatenate([oracle.coef_[0], oracle.intercept_])
        best[column] = objectives(one, np.tile(optimum[:, None], 10))[0][column]
    excess = {}
    for passes in (1, 30, 400):
        _, certificate, _ = average(one, passes=passes, batch_size=128, seed=0)
        assert (certificate.dual <= best * (1 + 1e-6)).all()
        assert (certificate.primal >= best * (1 - 1e-6)).all()
        excess[passes] = (certificate.primal / best - 1).max()
    assert excess[1] > 0.1
    assert excess[1] > excess[30] > excess[400]
    assert excess[400] < 1e-3


def test_it_tells_more_of_unseen_images_than_chance() -> None:
    one = problem(PIXELS[:500], LABELS[:500], 1.0)
    weights, _, _ = average(one, passes=10, batch_size=32, seed=0)
    unseen = (PIXELS[500:].astype(np.float32) - one.rows.mean.numpy()) * one.rows.scale
    assert ((unseen @ weights[:-1].numpy() + weights[-1].numpy()).argmax(1) == LABELS[500:]).mean() > 0.85


def test_steps_are_shorter_where_one_direction_holds_everything() -> None:
    generator = np.random.default_rng(0)
    spread, line = generator.normal(size=(64, 400)), generator.normal(size=(64, 1)) * generator.normal(size=(1, 400))
    labels = np.arange(64, dtype=np.int64) % 2
    wide, narrow = (problem(x.astype(np.float16), labels, 1.0, classes=2) for x in (spread, line))
    usual, short = (first_rates(one, one.rows.read(np.arange(64))) for one in (wide, narrow))
    assert usual.numpy() == pytest.approx(averaged_sgd.FIRST_RATE, rel=0.01)
    assert (short < 1.9 / 2).all()  # heavy-ball steps along the line grow from 2 (1 + 0.9) / (2 * 1) on
    weights, certificate, _ = average(narrow, passes=100, batch_size=16, seed=0)
    assert weights.isfinite().all()
    assert (certificate.primal < 1.01 * 64).all()  # the objective of weights of 0 is C n


def test_a_column_is_the_same_alone_and_among_others() -> None:
    x, y = PIXELS[:300], LABELS[:300]
    together, _, _ = average(problem(x, y, 0.1, 1.0), passes=6, batch_size=64, seed=0)
    alone, _, _ = average(problem(x, y, 1.0), passes=6, batch_size=64, seed=0)
    assert together[:, 10:].numpy() == pytest.approx(alone.numpy(), abs=1e-4)


def test_batches_are_even_and_hold_every_row_once() -> None:
    course = averaged_sgd.AveragedSGD(problem(PIXELS[:130], LABELS[:130], 1.0), 64, np.random.default_rng(0))
    parts = list(course.order())
    assert sorted(map(len, parts)) == [43, 43, 44]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(130))


def test_a_class_without_images_is_never_said() -> None:
    one = problem(PIXELS[:300], LABELS[:300], 3.0, classes=11)
    weights, _, _ = average(one, passes=20, batch_size=32, seed=0)
    rows, _ = seen(one)
    absent = (rows @ weights.double().numpy())[:, 10]
    assert (absent < -0.5).all()
    assert (absent > -10).all()  # momentum carries its bias past -1, and at the weights' own rate it would be near -20


def test_a_stop_is_heard_between_two_batches() -> None:
    asked: list[int] = []

    def later() -> bool:
        asked.append(1)
        return len(asked) > 3

    rows = Rows(FeatureSet(PIXELS[:300], LABELS[:300]), CPU)
    with pytest.raises(Interrupted, match="Stopped while the machine was being fitted"):
        average(one_against_rest(rows, LABELS[:300], 10, [1.0], later), passes=9, batch_size=64, seed=0)
    assert len(asked) == 4
