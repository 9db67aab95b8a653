"""Machines, kernels and maps: scikit-learn's are the oracles; machines survive being written down, and refuse what does not fit."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import AdditiveChi2Sampler, Nystroem
from sklearn.metrics.pairwise import chi2_kernel, rbf_kernel
from sklearn.svm import SVC
from torch import Tensor

from alexnet.errors import BadModel
from alexnet.models.handcrafted import kernels
from alexnet.models.handcrafted.kernel_maps import Chi2Map, NystroemMap
from alexnet.models.handcrafted.kernels import kernel_matrix
from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine, machine_from, operations

DIGITS = load_digits()
PIXELS = torch.from_numpy(DIGITS.data / 16)  # float64 (1797, 64), from 0 to 1, with many zeros


def linear_machine(dimensions: int = 12, classes: int = 3) -> LinearMachine:
    generator = torch.Generator().manual_seed(0)
    return LinearMachine(torch.randn(dimensions, classes, generator=generator), torch.randn(classes, generator=generator))


def kernel_machine(classes: int = 4, seen: int = 3) -> KernelMachine:
    generator, pairs = torch.Generator().manual_seed(0), seen * (seen - 1) // 2
    support, coefficients = torch.rand(9, 5, generator=generator), torch.randn(9, pairs, generator=generator)
    intercepts = torch.randn(pairs, generator=generator)
    return KernelMachine(
        support, coefficients, intercepts, torch.arange(seen), torch.tensor(2.0), kernel="chi2", gamma=0.5, classes=classes
    )


@pytest.mark.parametrize("kernel", kernels.KERNELS)
@pytest.mark.parametrize("at_a_time", [70, 8_000_000])
def test_kernels_agree_with_scikit_learn(kernel: str, at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "VALUES_AT_A_TIME", at_a_time)
    x, y = PIXELS[:50], PIXELS[50:83]
    oracle = {
        "linear": x.numpy() @ y.numpy().T,
        "rbf": rbf_kernel(x, y, gamma=0.3),
        "chi2": chi2_kernel(x, y, gamma=0.3),
        "intersection": np.minimum(x.numpy()[:, None], y.numpy()[None]).sum(2),
    }
    assert kernel_matrix(kernel, x, y, 0.3).numpy() == pytest.approx(oracle[kernel], abs=1e-12)
    single = kernel_matrix(kernel, x.float(), y.float(), 0.3)
    assert single.numpy() == pytest.approx(oracle[kernel], abs=2e-5)


def test_rbf_of_far_away_features_keeps_its_digits() -> None:
    far = PIXELS[:40] + 1_000.0
    assert kernel_matrix("rbf", far.float(), far.float(), 0.1).numpy() == pytest.approx(rbf_kernel(far, gamma=0.1), abs=2e-3)


def test_an_unknown_kernel_is_named() -> None:
    with pytest.raises(BadModel, match=r"No kernel is called 'rfb'\. Did you mean 'rbf'"):
        kernel_matrix("rfb", PIXELS[:2], PIXELS[:2])


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(0, 1_000))
def test_chi2_and_intersection_are_kernels_of_any_shape(n: int, m: int, dimensions: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.rand(n, dimensions, generator=generator), torch.rand(m, dimensions, generator=generator)
    for kernel in ("chi2", "intersection", "rbf"):
        assert torch.allclose(kernel_matrix(kernel, x, y), kernel_matrix(kernel, y, x).t(), atol=1e-6)
    assert torch.allclose(kernel_matrix("chi2", x, x).diagonal(), torch.ones(n))


def test_chi2_map_is_scikit_learns() -> None:
    oracle = AdditiveChi2Sampler(sample_steps=2).fit_transform(PIXELS.numpy())
    np.testing.assert_allclose(Chi2Map()(PIXELS).numpy(), oracle, atol=1e-10)
    np.testing.assert_allclose(Chi2Map()(PIXELS.float()).numpy(), oracle, atol=1e-5)


def test_chi2_map_reproduces_the_additive_kernel() -> None:
    mapped = Chi2Map()(PIXELS[:60])
    x, y = PIXELS[:60, None], PIXELS[None, :60]
    exact = (2 * x * y / (x + y).clamp_min(1e-30)).sum(2)
    off = (mapped @ mapped.t() - exact).abs() / exact.clamp_min(1)
    assert float(off.max()) < 0.12  # two samples of the spectrum: a tenth of the kernel is missing


@pytest.mark.parametrize("kernel", ["rbf", "chi2"])
def test_nystroem_map_is_scikit_learns(kernel: str) -> None:
    oracle = Nystroem(kernel=kernel, gamma=0.4, n_components=80, random_state=0).fit(PIXELS.numpy())
    ours = NystroemMap(torch.from_numpy(oracle.components_), torch.from_numpy(oracle.normalization_), kernel=kernel, gamma=0.4)
    expected = oracle.transform(PIXELS.numpy())
    np.testing.assert_allclose(ours(PIXELS).numpy(), expected, atol=1e-8)
    np.testing.assert_allclose(ours.float()(PIXELS.float()).numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_kernel_machine_votes_as_scikit_learn(classes: int) -> None:
    few = classes <= DIGITS.target.max()
    chosen = np.flatnonzero(DIGITS.target < classes)[:400] if few else np.arange(400)
    x, y = PIXELS[chosen].numpy(), DIGITS.target[chosen]
    svc = SVC(C=2.0, gamma=0.2, decision_function_shape="ovr", break_ties=classes > 2).fit(x, y)
    machine = machine_of(svc, y)
    scores = machine(PIXELS).numpy()
    assert scores.shape == (len(PIXELS), classes)
    oracle = svc.decision_function(PIXELS.numpy())
    if classes > 2:
        assert scores == pytest.approx(oracle, abs=1e-6)
        assert machine.float()(PIXELS.float()).numpy() == pytest.approx(oracle, abs=1e-3)
    else:
        margin = scores[:, 1] - scores[:, 0]  # a vote, and twice the confidence
        assert margin == pytest.approx(np.where(oracle > 0, 1, -1) + 2 * oracle / (3 * (np.abs(oracle) + 1)), abs=1e-6)
    assert (scores.argmax(1) == svc.predict(PIXELS.numpy())).all()


def machine_of(svc: SVC, labels: np.ndarray) -> KernelMachine:
    """A KernelMachine of scikit-learn's numbers, by an order of its own: one pair after another."""
    classes, mine = len(svc.classes_), labels[svc.support_]
    turn = -1.0 if classes == 2 else 1.0
    columns = []
    for i in range(classes):
        for j in range(i + 1, classes):
            column = np.where(mine == i, svc.dual_coef_[j - 1], 0.0) + np.where(mine == j, svc.dual_coef_[i], 0.0)
            columns.append(turn * column)
    tensors = svc.support_vectors_, np.stack(columns, 1), turn * svc.intercept_
    support, coefficients, intercepts = (torch.from_numpy(np.array(tensor)) for tensor in tensors)
    gamma = float(svc.gamma)
    seen, scale = torch.arange(classes), torch.ones((), dtype=torch.float64)
    return KernelMachine(support, coefficients, intercepts, seen, scale, kernel="rbf", gamma=gamma, classes=classes)


def test_a_class_without_training_images_is_never_said() -> None:
    machine = kernel_machine(classes=4, seen=3)
    scores = machine(torch.rand(200, 5, generator=torch.Generator().manual_seed(1)))
    assert (scores[:, 3] == -2.0).all()  # -1 times the scale
    assert (scores[:, :3] > -1.0).all()


def nystroem_machine() -> LinearMachine:
    machine = linear_machine(dimensions=7)
    generator = torch.Generator().manual_seed(3)
    machine.feature_map = NystroemMap(torch.rand(7, 5, generator=generator), torch.eye(7), kernel="rbf", gamma=0.25)
    return machine


def mapped_machine() -> LinearMachine:
    machine = linear_machine(dimensions=15)
    machine.feature_map = Chi2Map()
    return machine


@pytest.mark.parametrize("make", [linear_machine, nystroem_machine, mapped_machine, kernel_machine])
def test_a_machine_is_restored_exactly(make: Callable[[], LinearMachine | KernelMachine]) -> None:
    machine = make()
    inputs = 12 if make is linear_machine else 5
    features = torch.rand(6, inputs, generator=torch.Generator().manual_seed(2))
    state = {name: tensor.clone() for name, tensor in machine.state_dict().items()}
    restored = machine_from(state, machine.spec())
    assert torch.equal(restored(features), machine(features))
    assert restored.spec() == machine.spec()
    assert all(type(value) in (str, int, float) for value in machine.spec().values())


def test_operations_count_every_product() -> None:
    assert operations(linear_machine(12, 3)) == 36
    assert operations(kernel_machine(seen=3)) == 9 * 5 + 9 * 3
    assert operations(nystroem_machine()) == 7 * 3 + 7 * 5 + 7 * 7
    assert operations(torch.nn.Identity()) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "oracle"}, "kind 'oracle'; it can be 'linear', 'kernel'"),
        ({"kind": None}, "kind None"),
        ({"dimensions": 0}, "dimensions 0; it must be a whole number of at least 1"),
        ({"dimensions": True}, "dimensions True"),
        ({"classes": "3"}, "classes '3'"),
        ({"dimensions": 1 << 39, "classes": 1 << 39}, "a machine cannot be so large"),
        ({"map": ["chi2"]}, "map"),
        ({"map": "nystroem", "inputs": 5, "kernel": "rbf", "gamma": float("nan")}, "gamma nan; it must be a number above 0"),
        ({"map": "nystroem", "inputs": 5, "kernel": "cosine", "gamma": 1.0}, "kernel 'cosine'"),
        ({"dimensions": 13}, r"weights is \(12, 3\), needs \(13, 3\)"),
        ({"map": "nystroem", "inputs": 5, "kernel": "rbf", "gamma": 1.0}, "missing: feature_map.components, feature_map.normalisation"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    machine = linear_machine()
    with pytest.raises(BadModel, match=message):
        machine_from(machine.state_dict(), machine.spec() | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": torch.zeros(4)}, r"bias is \(4,\), needs \(3,\)"),
        ({"bias": torch.zeros(3, dtype=torch.int64)}, "bias holds torch.int64"),
        ({"more": torch.zeros(1)}, "unknown: more"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(change: dict[str, Tensor], message: str) -> None:
    machine = linear_machine()
    with pytest.raises(BadModel, match=message):
        machine_from(machine.state_dict() | change, machine.spec())


@pytest.mark.parametrize("seen", [torch.tensor([0, 1, 9]), torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2], dtype=torch.int32)])
def test_a_kernel_machine_must_number_its_classes(seen: Tensor) -> None:
    machine = kernel_machine()
    with pytest.raises(BadModel, match="'seen' must hold different class numbers below"):
        machine_from(machine.state_dict() | {"seen": seen}, machine.spec())
    with pytest.raises(BadModel, match="has 1 of 4 classes with training images"):
        machine_from(machine.state_dict(), machine.spec() | {"seen": 1})
