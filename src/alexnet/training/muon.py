"""Muon: momentum whose singular values are made equal before each step (Jordan et al. 2024), in the precision of the training.

PyTorch's own multiplies in bf16 whatever the precision, which takes a hundred times as long on a CPU without bf16 units.
"""

import math
from collections.abc import Callable
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
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._update(matrix, group)

    @torch.no_grad()
    def _update(self, matrix: Tensor, group: dict[str, Any]) -> None:
        assert matrix.grad is not None
        state, momentum = self.state[matrix], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        average: Tensor = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
        direction = matrix.grad.lerp(average, momentum) if group["nesterov"] else average
        update = orthogonalised(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))


def orthogonalised(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, smallest: float) -> Tensor:
    """(m, n) with the same singular vectors and all singular values near 1, by Newton-Schulz steps X <- aX + b(XX')X + c(XX')(XX')X.

    The steps are made on the products XX', whose side is the shorter one: their polynomials multiply X once, at the end. smallest: norm
    of a matrix below which it counts as zero.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonalised(matrix.mT, coefficients, steps, smallest).mT
    first, third, fifth = coefficients
    scaled = matrix / matrix.norm().clamp(min=smallest)
    squared = scaled @ scaled.T
    identity = torch.eye(len(squared), dtype=matrix.dtype, device=matrix.device)
    product = identity
    for _ in range(steps):
        polynomial = torch.addmm(first * identity + third * squared, squared, squared, alpha=fifth)
        product, squared = polynomial @ product, polynomial @ squared @ polynomial
    result: Tensor = product @ scaled
    return result
