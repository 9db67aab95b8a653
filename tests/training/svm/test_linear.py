"""Linear machines against LIBLINEAR: the same problem, the same optimum, and a gap that says how far away a machine is."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC

from alexnet.errors import BadRecipe, Interrupted
from alexnet.training.svm import dual, linear
from alexnet.training.svm.config import LONG, Method, SolverConfig
from alexnet.training.svm.linear import LinearFit, fit_linear
from alexnet.training.svm.problem import certify, one_against_rest
from alexnet.training.svm.rows import FeatureSet, Rows

DIGITS = load_digits()
PIXELS, LABELS = (DIGITS.data / 16).astype(np.float16), DIGITS.target.astype(np.int64)
METHODS: tuple[Method, ...] = ("primal", "dual", "descent")
TIGHT = {
    "primal": SolverConfig(method="primal", tolerance=1e-4, epochs=1_000),
    "dual": SolverConfig(method="dual", tolerance=1e-4, epochs=1_000),
    "descent": SolverConfig(method="descent", epochs=300),
}


def fitted(
    vectors: NDArray[np.float16],
    labels: NDArray[np.int64],
    strengths: Sequence[float],
    solver: str,
    *,
    classes: int = 10,
    centre: bool = False,
) -> tuple[list[LinearFit], Rows]:
    rows = Rows(FeatureSet(vectors, labels), torch.device("cpu"))
    if centre:
        rows.centre()
    return fit_linear(rows, labels, classes=classes, strengths=strengths, config=TIGHT[solver], seed=0), rows


def scores_of(fit: LinearFit, vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = (torch.from_numpy(vectors).float() @ fit.weights + fit.bias).numpy()
    return scores


@pytest.fixture(params=METHODS)
def solver(request: pytest.FixtureRequest) -> str:
    """Every way, whatever the length of the features."""
    return str(request.param)


@pytest.mark.parametrize("strength", [0.01, pytest.param(0.1, marks=pytest.mark.slow)])
def test_the_optimum_is_liblinears(solver: str, strength: float) -> None:
    x, y = PIXELS[:600], LABELS[:600]
    (fit,), _ = fitted(x, y, [strength], solver)
    oracle = LinearSVC(C=strength, tol=1e-8, max_iter=100_000).fit(x.astype(np.float64), y)
    values = oracle.decision_function(PIXELS.astype(np.float64))
    gap, near = (3e-2, 0.4) if solver == "descent" else (2e-4, 0.02)
    assert fit.relative_gap <= gap
    assert scores_of(fit, PIXELS) == pytest.approx(values, abs=near)
    assert (scores_of(fit, PIXELS).argmax(1) == values.argmax(1)).mean() > 0.995


def test_balanced_classes_are_liblinears(solver: str) -> None:
    """`class_weight="balanced"` of one class against the rest would weigh the two sides; ours weighs the images of every class."""
    few = np.concatenate([np.flatnonzero(digit == LABELS)[: 60 if digit < 5 else 6] for digit in range(10)])
    x, y = PIXELS[few], LABELS[few]
    rows = Rows(FeatureSet(x, y), torch.device("cpu"))
    (fit,) = fit_linear(rows, y, classes=10, strengths=[0.01], config=TIGHT[solver], seed=0, balanced=True)
    costs = (len(y) / (10 * np.bincount(y)))[y]
    for digit in (0, 7):
        signs = np.where(y == digit, 1, -1)
        oracle = LinearSVC(C=0.01, tol=1e-8, max_iter=100_000).fit(x.astype(np.float64), signs, sample_weight=costs)
        found = scores_of(fit, PIXELS)[:, digit]
        assert found == pytest.approx(oracle.decision_function(PIXELS.astype(np.float64)), abs=0.4 if solver == "descent" else 0.02)
    weights, bias = fit.weights.double().numpy(), fit.bias.double().numpy()
    hinge = np.maximum(0, 1 - np.where(y[:, None] == np.arange(10), 1, -1) * (x.astype(np.float64) @ weights + bias))
    assert fit.primal == pytest.approx(((weights**2).sum(0) + bias**2) / 2 + 0.01 * (costs[:, None] * hinge**2).sum(0), rel=1e-4)
    assert (fit.dual <= fit.primal * (1 + 1e-6)).all()
    (optimum,) = fit_linear(rows, y, classes=10, strengths=[0.01], config=TIGHT["primal"], seed=0, balanced=True)
    assert fit.primal.sum() <= optimum.primal.sum() * (1.05 if solver == "descent" else 1.0003)
    assert solver == "descent" or fit.relative_gap <= 2e-4


def test_centring_is_undone_exactly(solver: str) -> None:
    x, y = PIXELS[:250], LABELS[:250]
    (fit,), rows = fitted(x, y, [1.0], solver, centre=True)
    centred = (x.astype(np.float64) - rows.mean.numpy()) * rows.scale
    oracle = LinearSVC(C=1.0, tol=1e-8, max_iter=100_000).fit(centred, y)
    assert scores_of(fit, x) == pytest.approx(oracle.decision_function(centred), abs=0.03)


def test_the_certificate_closes_at_liblinears_optimum_and_nowhere_else() -> None:
    x, y = PIXELS[:500], LABELS[:500]
    rows = Rows(FeatureSet(x, y), torch.device("cpu"))
    oracle = LinearSVC(C=0.1, tol=1e-9, max_iter=200_000).fit(x.astype(np.float64), y)
    weights = torch.from_numpy(np.hstack([oracle.coef_, oracle.intercept_[:, None]]).T.copy()).float()
    problem = one_against_rest(rows, y, 10, [0.1])
    best = certify(problem, weights)
    assert best.gap.max() < 1e-4
    assert (best.gap >= 0).all()
    elsewhere = certify(problem, weights * 1.2)
    assert elsewhere.gap.min() > best.gap.max()
    assert (elsewhere.primal > best.primal).all()
    assert (elsewhere.dual <= best.primal * (1 + 1e-6)).all()


def objective(vectors: NDArray[np.float16], labels: NDArray[np.int64], fit: LinearFit) -> NDArray[np.float64]:
    """The primal objective of each class in double precision, from its printed formula."""
    weights, bias = fit.weights.double().numpy(), fit.bias.double().numpy()
    signs = np.where(labels[:, None] == np.arange(len(bias)), 1.0, -1.0)
    hinge = np.maximum(0, 1 - signs * (vectors.astype(np.float64) @ weights + bias))
    total: NDArray[np.float64] = ((weights**2).sum(0) + bias**2) / 2 + fit.strength * (hinge**2).sum(0)
    return total


def test_the_objective_is_the_formulas(solver: str) -> None:
    fits, _ = fitted(PIXELS[:150], LABELS[:150], [0.02, 0.1], solver)
    for fit in fits:
        assert fit.primal == pytest.approx(objective(PIXELS[:150], LABELS[:150], fit), rel=1e-4)
        assert (fit.dual <= fit.primal * (1 + 1e-6)).all()


@settings(max_examples=25)
@given(
    st.integers(2, 60),
    st.integers(1, 12),
    st.integers(2, 4),
    st.floats(1e-3, 30),
    st.integers(0, 99),
    st.sampled_from(["primal", "dual", "descent"]),
)
def test_no_bound_lies_above_an_objective(n: int, dimensions: int, classes: int, strength: float, seed: int, method: Method) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(n, dimensions)).astype(np.float16), generator.integers(0, classes, n)
    rows = Rows(FeatureSet(x, y), torch.device("cpu"))
    config = SolverConfig(method=method, epochs=6, batch_size=16)
    (fit,) = fit_linear(rows, y, classes=classes, strengths=[strength], config=config, seed=seed)
    assert (fit.dual <= fit.primal * (1 + 1e-5)).all()
    assert fit.primal == pytest.approx(objective(x, y, fit), rel=1e-3)
    assert 0 <= fit.relative_gap <= 1


@pytest.mark.slow
def test_all_strengths_at_once_are_each_alone(solver: str) -> None:
    x, y, strengths = PIXELS[:300], LABELS[:300], (0.01, 0.1, 1.0)
    together, _ = fitted(x, y, strengths, solver)
    for fit, strength in zip(together, strengths, strict=True):
        (alone,), _ = fitted(x, y, [strength], solver)
        assert scores_of(fit, x) == pytest.approx(scores_of(alone, x), abs=2e-3)


def test_column_groups_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,), _ = fitted(PIXELS[:100], LABELS[:100], [0.02], "dual")
    monkeypatch.setattr(dual, "DUAL_BYTES", 3 * 4 * 100)
    monkeypatch.setattr(dual, "DUAL_SHARE", 0.0)
    (parts,), _ = fitted(PIXELS[:100], LABELS[:100], [0.02], "dual")
    assert torch.allclose(whole.weights, parts.weights, atol=1e-4)


def test_a_seed_gives_one_machine(solver: str) -> None:
    (first,), _ = fitted(PIXELS[:100], LABELS[:100], [0.03], solver)
    (second,), _ = fitted(PIXELS[:100], LABELS[:100], [0.03], solver)
    assert torch.equal(first.weights, second.weights)
    assert torch.equal(first.bias, second.bias)


def test_classes_of_one_image_or_none(solver: str) -> None:
    y = LABELS[:100].copy()
    y[y == 3] = 4
    y[0] = 3
    (fit,), _ = fitted(PIXELS[:100], y, [1.0], solver, classes=11, centre=True)
    scores = scores_of(fit, PIXELS[:100])
    assert scores.shape == (100, 11)
    assert np.isfinite(scores).all()
    assert (scores[:, 10] < 0).all()
    assert scores[:, 3].argmax() == 0


def test_two_classes_have_two_columns_that_mirror_each_other(solver: str) -> None:
    chosen = np.flatnonzero(LABELS < 2)[:200]
    (fit,), _ = fitted(PIXELS[chosen], LABELS[chosen], [0.1], solver, classes=2)
    scores = scores_of(fit, PIXELS[chosen])
    assert scores[:, 0] == pytest.approx(-scores[:, 1], abs=0.02)


def test_a_fit_can_be_stopped(solver: str) -> None:
    rows = Rows(FeatureSet(PIXELS, LABELS), torch.device("cpu"))
    with pytest.raises(Interrupted, match="Stopped while the machine was being fitted"):
        fit_linear(rows, LABELS, classes=10, strengths=[1.0], config=TIGHT[solver], seed=0, should_stop=lambda: True)


@pytest.mark.parametrize(("dimensions", "used"), [(LONG, "descend"), (LONG + 1, "average")])
def test_short_features_go_to_the_primal_and_long_ones_to_descent(monkeypatch: pytest.MonkeyPatch, dimensions: int, used: str) -> None:
    monkeypatch.setattr(linear, used, lambda *_, **__: pytest.fail(used))
    rows = Rows(FeatureSet(np.ones((4, dimensions), dtype=np.float16), LABELS[:4]), torch.device("cpu"))
    with pytest.raises(pytest.fail.Exception, match=used):
        fit_linear(rows, LABELS[:4], classes=10, strengths=[1.0], config=SolverConfig(), seed=0)


def test_the_primal_is_refused_where_its_matrix_would_be_too_large() -> None:
    rows = Rows(FeatureSet(np.zeros((2, 30_000), dtype=np.float16), LABELS[:2]), torch.device("cpu"))
    with pytest.raises(BadRecipe, match=r"'primal', and features of 30,000 numbers need a matrix of 3.6 GB .* to 'descent' or 'dual'"):
        fit_linear(rows, LABELS[:2], classes=2, strengths=[1.0], config=SolverConfig(method="primal"), seed=0)


MEMORY_PROGRAM = """
import resource, sys
import numpy as np, torch
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.rows import FeatureSet, Rows
from alexnet.training.svm.linear import fit_linear
torch.set_num_threads(1)
vectors, labels = np.load(sys.argv[1], mmap_mode="r"), np.arange(4_000) % 10
warm = FeatureSet(np.array(vectors[:200]), labels[:200])
config = SolverConfig(method=sys.argv[2], epochs=2)
fit_linear(Rows(warm, torch.device("cpu")), warm.labels, classes=10, strengths=[0.1, 1.0], config=config, seed=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = Rows(FeatureSet(vectors, labels), torch.device("cpu"))
rows.centre()
fit_linear(rows, labels, classes=10, strengths=[0.1, 1.0], config=config, seed=0)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before), vectors.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in other units")
@pytest.mark.parametrize("method", ["descent", "dual"])
def test_memory_stays_near_the_features_in_half_precision(tmp_path: Path, method: str) -> None:
    vectors = np.lib.format.open_memmap(tmp_path / "vectors.npy", mode="w+", dtype=np.float16, shape=(4_000, 25_000))
    generator = np.random.default_rng(0)
    for start in range(0, 4_000, 500):
        vectors[start : start + 500] = generator.normal(scale=1 / 158, size=(500, 25_000))
    vectors.flush()
    command = [sys.executable, "-c", MEMORY_PROGRAM, str(tmp_path / "vectors.npy"), method]
    grown, features = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    buffers = 32_000_000  # a batch of rows in half and in single precision, whatever the number of rows
    assert grown < 1.3 * features + buffers  # the pages of the map itself count: 1.0 of it
