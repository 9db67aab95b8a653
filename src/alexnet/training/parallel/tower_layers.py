"""Exchanges of activations between the two halves of a network, with their gradients, and the layers that use them (paper, figure 2).

Both halves compute the same, whole loss. So the gradient of gathered activations is the sum of both halves' gradients, and the gradient of
a sum is passed to both unchanged.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


def gathered(mine: Tensor) -> Tensor:
    """All workers' maps (N, maps, H, W) or units (N, units), concatenated in the order of the workers."""
    together: Tensor = _Gathered.apply(mine)
    return together


def summed(mine: Tensor) -> Tensor:
    """The sum over all workers."""
    total: Tensor = _Summed.apply(mine)
    return total


class ExchangingConv2d(nn.Conv2d):
    """One tower's maps of a convolution that sees both: conv3 of the 2012 network."""

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102 - see the class
        return super().forward(gathered(images))


class ExchangingLinear(nn.Linear):
    """One tower's units of a fully connected layer that sees both: fc6 and fc7."""

    def forward(self, units: Tensor) -> Tensor:  # noqa: D102
        return super().forward(gathered(units))


class GatheringLinear(nn.Linear):
    """All units, computed from each tower's inputs and summed over the towers: fc8. Both towers hold the bias; it is added once."""

    def forward(self, units: Tensor) -> Tensor:  # noqa: D102
        return summed(functional.linear(units, self.weight)) + self.bias


class _Gathered(torch.autograd.Function):
    """Sends contiguous rows of memory: channels_last maps as (N, H, W, maps), units as (N, units)."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        rows = _last(mine).contiguous()
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows)
        return _second(torch.cat(parts, dim=-1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        parts = torch.stack(_last(gradients[0]).chunk(dist.get_world_size(), dim=-1))
        received = torch.empty_like(parts)
        dist.all_to_all_single(received, parts)  # gloo's reduce_scatter would reduce everything on every worker: twice the bytes
        return _second(received.sum(0))


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        total = mine.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def _last(maps: Tensor) -> Tensor:
    """(N, maps, ...) as (N, ..., maps)."""
    return maps.movedim(1, -1)


def _second(rows: Tensor) -> Tensor:
    return rows.movedim(-1, 1)
