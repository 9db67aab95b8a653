"""Exact kernel machines: libsvm's answers in our tensors, the gap of all pairs, and what is said where the matrix is too large."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import chi2_kernel
from sklearn.svm import SVC

from alexnet.errors import BadDataset
from alexnet.training.svm import kernel
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.kernel import KernelProblem, check_kernel_size, peak_bytes
from alexnet.training.svm.rows import FeatureSet

DIGITS = load_digits()
PIXELS, LABELS = (DIGITS.data / 16).astype(np.float16), DIGITS.target.astype(np.int64)
CPU = torch.device("cpu")


def problem(n: int, *, of: int = 10, name: str = "rbf") -> KernelProblem:
    chosen = np.flatnonzero(of > LABELS)[:n]
    return KernelProblem(FeatureSet(PIXELS[chosen], LABELS[chosen]), classes=of, kernel=name, gamma=0.2, device=CPU)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_machines_agree_with_scikit_learns(classes: int) -> None:
    chosen = np.flatnonzero(classes > LABELS)[:300]
    fit = problem(300, of=classes).solve(2.0)
    oracle = SVC(C=2.0, gamma=0.2, break_ties=classes > 2).fit(PIXELS[chosen].astype(np.float64), LABELS[chosen])
    scores = fit.machine(torch.from_numpy(PIXELS).float()).numpy()
    assert (scores.argmax(1) == oracle.predict(PIXELS.astype(np.float64))).mean() > 0.998
    assert fit.training_scores.numpy() == pytest.approx(scores[chosen], abs=1e-3)
    if classes > 2:
        decision = oracle.decision_function(PIXELS.astype(np.float64))
        assert np.abs(scores - decision).max() < 0.02 or (np.abs(scores - decision) < 0.02).mean() > 0.999  # a margin at 0 moves a vote


def test_balanced_classes_are_scikit_learns() -> None:
    few = np.concatenate([np.flatnonzero(digit == LABELS)[: 80 if digit < 2 else 8] for digit in range(4)])
    training = FeatureSet(PIXELS[few], LABELS[few])
    fit = KernelProblem(training, classes=4, kernel="rbf", gamma=0.2, device=CPU, balanced=True).solve(0.1)
    oracle = SVC(C=0.1, gamma=0.2, class_weight="balanced", break_ties=True).fit(PIXELS[few].astype(np.float64), LABELS[few])
    others = PIXELS[LABELS < 4]
    scores = fit.machine(torch.from_numpy(others).float()).numpy()
    assert (scores.argmax(1) == oracle.predict(others.astype(np.float64))).mean() > 0.998
    assert fit.dual <= fit.primal * (1 + 1e-9)
    assert fit.relative_gap < 0.02


def test_the_gap_of_all_pairs_closes_with_libsvms_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = {}
    for tolerance in (1.0, 1e-2, 1e-5):
        monkeypatch.setattr(kernel, "SVC", lambda tolerance=tolerance, **options: SVC(tol=tolerance, **options))
        fit = problem(300).solve(2.0)
        assert fit.dual <= fit.primal * (1 + 1e-9)
        gaps[tolerance] = fit.relative_gap
    assert 1e-2 < gaps[1.0] < 1
    assert 1e-4 < gaps[1e-2] < 2e-2
    assert gaps[1e-5] < 3e-5


def test_objectives_are_those_of_one_pair() -> None:
    chosen = np.flatnonzero(LABELS < 2)[:120]
    x, y = PIXELS[chosen].astype(np.float64), LABELS[chosen]
    matrix = chi2_kernel(x, gamma=0.2)
    svc = SVC(C=0.5, kernel="precomputed").fit(matrix, y)
    signs, alpha = np.where(y == 0, 1.0, -1.0), np.zeros(len(y))
    alpha[svc.support_] = np.abs(svc.dual_coef_[0])
    quadratic = (alpha * signs) @ matrix @ (alpha * signs) / 2
    hinge = np.maximum(0, 1 - signs * -svc.decision_function(matrix)).sum()
    fit = problem(120, of=2, name="chi2").solve(0.5)
    assert fit.dual == pytest.approx(alpha.sum() - quadratic, rel=1e-4)
    assert fit.primal == pytest.approx(quadratic + 0.5 * hinge, rel=1e-4)


def test_only_support_vectors_are_kept_in_single_precision() -> None:
    fit = problem(300).solve(2.0)
    assert 0 < len(fit.machine.support) < 300
    assert {tensor.dtype for name, tensor in fit.machine.state_dict().items() if name != "seen"} == {torch.float32}


def test_absent_classes_get_the_last_place() -> None:
    chosen = np.flatnonzero(np.isin(LABELS, (1, 4, 7)))[:150]
    one = KernelProblem(FeatureSet(PIXELS[chosen], LABELS[chosen]), classes=10, kernel="rbf", gamma=0.2, device=CPU)
    scores = one.solve(1.0).machine(torch.from_numpy(PIXELS[:50]).float())
    assert set(scores.argmax(1).tolist()) <= {1, 4, 7}
    assert scores.shape == (50, 10)


def test_one_class_is_not_enough() -> None:
    with pytest.raises(BadDataset, match="all of one class; a kernel machine needs two"):
        problem(50, of=1)


@pytest.mark.slow
def test_the_peak_of_memory_is_within_what_is_stated() -> None:
    cases = [(5_000, 2, "rbf", 20), (2_000, 60, "intersection", 20), (1_200, 10, "chi2", 200)]  # the largest first: pages stay
    program = [sys.executable, str(Path(__file__).with_name("kernel_memory.py"))]
    answers = subprocess.run([*program, *(",".join(map(str, case)) for case in cases)], check=True, capture_output=True, text=True).stdout
    for (n, classes, _, inputs), taken in zip(cases, map(int, answers.split()), strict=True):
        if taken < 0:
            pytest.skip("this system does not say how much memory a process has held")
        assert 0.9 * 8 * n * n < taken < peak_bytes(n, classes=classes, inputs=inputs)


def test_more_classes_and_longer_vectors_need_more(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = SolverConfig(map="exact")
    monkeypatch.setattr(kernel, "available_bytes", lambda: 5_000_000_000)
    check_kernel_size(20_000, exact, classes=10)
    with pytest.raises(BadDataset, match=r"20,000 training pictures needs 7.8 GB of memory \(3.2 GB of it for its kernel matrix\)"):
        check_kernel_size(20_000, exact, classes=100)
    with pytest.raises(BadDataset, match=r"Use --solver\.map explicit"):
        check_kernel_size(20_000, exact, classes=10, inputs=8_000)


def test_a_matrix_that_does_not_fit_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = SolverConfig(map="exact")
    monkeypatch.setattr(kernel, "available_bytes", lambda: 20_000_000_000)
    check_kernel_size(40_000, exact)
    check_kernel_size(10_000_000, SolverConfig())
    with pytest.raises(
        BadDataset, match=r"60,000 .* needs 29.5 GB of memory \(28.8 GB .*\), and 20.0 GB are free. Use --solver.map explicit"
    ):
        check_kernel_size(60_000, exact)
    monkeypatch.setattr(kernel, "available_bytes", lambda: 1_000_000_000_000)
    with pytest.raises(BadDataset, match=r"60,000 training pictures would take hours .*28.8 GB.*the limit is 50,000.*--model fisher-svm"):
        check_kernel_size(60_000, exact)
