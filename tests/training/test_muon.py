"""Orthogonalised momentum against singular values, against PyTorch's own, and against the formula."""

import pytest
import torch
from torch import Tensor, nn
from torch.optim._muon import _zeropower_via_newtonschulz

from alexnet.training.muon import Muon, orthogonalised

COEFFICIENTS, STEPS, SMALLEST = (3.4445, -4.775, 2.0315), 5, 1e-7


def matrix(rows: int, columns: int, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(rows, columns, dtype=dtype)


@pytest.mark.parametrize(("rows", "columns"), [(8, 40), (40, 8), (16, 16)])
def test_the_singular_values_become_equal_and_the_vectors_stay(rows: int, columns: int) -> None:
    start = matrix(rows, columns)
    (result,) = orthogonalised([start], COEFFICIENTS, STEPS, SMALLEST)
    assert result.shape == start.shape
    left, _, right = torch.linalg.svd(start, full_matrices=False)
    in_its_basis = left.T @ result @ right.T
    values = in_its_basis.diagonal()
    assert 0.6 < values.min() <= values.max() < 1.25
    torch.testing.assert_close(in_its_basis, torch.diag(values), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_steps_on_squares_are_the_plain_steps(dtype: torch.dtype) -> None:
    x = matrix(24, 100)
    (result,) = orthogonalised([x.to(dtype)], COEFFICIENTS, STEPS, SMALLEST)
    a, b, c = COEFFICIENTS
    x = x / x.norm()
    for _ in range(STEPS):
        square = x @ x.T
        x = a * x + b * square @ x + c * square @ square @ x
    torch.testing.assert_close(result.double(), x, rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-12)


def test_matrices_of_any_shapes_are_made_equal_each_on_its_own() -> None:
    matrices = [matrix(8, 40), matrix(40, 8), 1e6 * matrix(16, 16), matrix(8, 8) + 1, torch.zeros(16, 20, dtype=torch.float64)]
    together = orthogonalised(matrices, COEFFICIENTS, STEPS, SMALLEST)
    alone = [orthogonalised([one], COEFFICIENTS, STEPS, SMALLEST)[0] for one in matrices]
    torch.testing.assert_close(together, alone)
    assert (together[-1] == 0).all()


def test_it_is_pytorchs_own_to_the_precision_of_bf16() -> None:
    start = matrix(24, 100, torch.float32)
    other = _zeropower_via_newtonschulz(start, COEFFICIENTS, STEPS, SMALLEST).float()
    torch.testing.assert_close(orthogonalised([start], COEFFICIENTS, STEPS, SMALLEST)[0], other, rtol=0, atol=0.02)


def test_a_gradient_of_zeros_changes_nothing_but_by_decay() -> None:
    weight = nn.Parameter(matrix(4, 6))
    before, weight.grad = weight.detach().clone(), torch.zeros(4, 6, dtype=torch.float64)
    Muon([{"params": [weight]}], in_bf16=False, lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight.detach(), before * 0.95)


@pytest.mark.parametrize("nesterov", [False, True])
def test_three_steps_are_those_of_pytorch(nesterov: bool) -> None:
    """PyTorch rounds each orthogonalised update to bf16; momentum, decay and rates are equal."""
    gradients = [torch.randn(12, 30, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    results = []
    for in_bf16 in (False, True):
        weight = nn.Parameter(matrix(12, 30, torch.float32))
        muon = Muon([{"params": [weight]}], in_bf16=in_bf16, lr=0.02, weight_decay=0.1, momentum=0.9, nesterov=nesterov)
        for gradient in gradients:
            weight.grad = gradient.clone()
            muon.step()
        results.append((weight.detach(), muon.state[weight]["momentum_buffer"]))
    (ours, momentum), (theirs, other_momentum) = results
    assert (ours - theirs).abs().max() < 0.01 * (ours - matrix(12, 30, torch.float32)).abs().max() + 0.002
    torch.testing.assert_close(momentum, other_momentum)
