"""Muon: momentum whose singular values are made equal before each step (Jordan et al. 2024), in the precision of the training.

PyTorch's own multiplies in bf16 whatever the precision, which takes a hundred times as long on a CPU without bf16 units.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Muon):
    """torch.optim.Muon with the rate "match_rms_adamw"; in_bf16: with its own products in bf16, else in the type of the parameters."""

    def __init__(self, groups: list[dict[str, Any]], *, in_bf16: bool, **settings: Any) -> None:
        super().__init__(groups, adjust_lr_fn="match_rms_adamw", **settings)
        self.in_bf16 = in_bf16

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # no loss is evaluated, so none is returned
        """Update every matrix that has a gradient."""
        if self.in_bf16:
            super().step(closure)  # type: ignore[no-untyped-call]  # PyTorch's
            return
        for group in self.param_groups:
            self._step_group(group, [matrix for matrix in group["params"] if matrix.grad is not None])

    @torch.no_grad()
    def _step_group(self, group: dict[str, Any], matrices: list[Tensor]) -> None:
        directions = [self._direction(matrix, group["momentum"], nesterov=group["nesterov"]) for matrix in matrices]
        updates = orthogonalised(directions, group["ns_coefficients"], group["ns_steps"], group["eps"])
        for matrix, update in zip(matrices, updates, strict=True):
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))

    def _direction(self, matrix: Tensor, momentum: float, *, nesterov: bool) -> Tensor:
        """The running average of the gradients, moved towards the last one once more for Nesterov's momentum."""
        assert matrix.grad is not None
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        average: Tensor = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(average, momentum) if nesterov else average


def orthogonalised(matrices: Sequence[Tensor], coefficients: tuple[float, float, float], steps: int, smallest: float) -> list[Tensor]:
    """Matrices with the same singular vectors and all singular values near 1, by Newton-Schulz steps X <- aX + b(XX')X + c(XX')(XX')X.

    The steps are made on the products XX', whose side is the shorter one, for all matrices with the same shorter side at once; their
    polynomial multiplies X at the end. smallest: norm of a matrix below which it counts as zero.
    """
    wide = [matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT for matrix in matrices]
    scaled = [matrix / matrix.norm().clamp(min=smallest) for matrix in wide]
    results = list(scaled)
    for side in {len(matrix) for matrix in scaled}:
        places = [place for place, matrix in enumerate(scaled) if len(matrix) == side]
        squares = torch.stack([scaled[place] @ scaled[place].mT for place in places])
        for place, polynomial in zip(places, _polynomials(squares, coefficients, steps), strict=True):
            results[place] = polynomial @ scaled[place]
    return [result if result.shape == matrix.shape else result.mT for result, matrix in zip(results, matrices, strict=True)]


def _polynomials(squares: Tensor, coefficients: tuple[float, float, float], steps: int) -> Tensor:
    """(N, m, m) products XX' -> (N, m, m): what `steps` Newton-Schulz steps multiply each X by, from the left."""
    first, third, fifth = coefficients
    total = torch.eye(squares.shape[1], dtype=squares.dtype, device=squares.device).expand_as(squares)
    for _ in range(steps):
        step = torch.baddbmm(squares, squares, squares, beta=third, alpha=fifth)
        step.diagonal(dim1=1, dim2=2).add_(first)
        total, squares = step @ total, step @ squares @ step
    return total
