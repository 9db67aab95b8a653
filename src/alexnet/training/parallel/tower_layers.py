"""What two halves of a network tell each other, with the gradients that come back; and the layers that do so (paper, figure 2).

The halves compute one loss together, each of them all of it. So the gradient of what was gathered is the sum of what both make of it, and
the gradient of a sum goes to both as it is.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


def gathered(mine: Tensor) -> Tensor:
    """All workers' maps (N, maps, H, W) or units (N, units), the first worker's first."""
    together: Tensor = _Gathered.apply(mine)
    return together


def summed(mine: Tensor) -> Tensor:
    """The sum of what all workers have."""
    total: Tensor = _Summed.apply(mine)
    return total


class ExchangingConv2d(nn.Conv2d):
    """One tower's maps of a convolution that sees both: conv3 of the 2012 network."""

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102 - told by its class
        return super().forward(gathered(images))


class ExchangingLinear(nn.Linear):
    """One tower's units of a fully connected layer that sees both: fc6 and fc7."""

    def forward(self, units: Tensor) -> Tensor:  # noqa: D102
        return super().forward(gathered(units))


class GatheringLinear(nn.Linear):
    """All units, each from one tower's inputs, added up over the towers: fc8. The bias is in both, and is added once."""

    def forward(self, units: Tensor) -> Tensor:  # noqa: D102
        return summed(functional.linear(units, self.weight)) + self.bias


class _Gathered(torch.autograd.Function):
    """Rows of memory are sent: of channels_last maps (N, H, W, maps), of units (N, units)."""

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
        dist.all_to_all_single(received, parts)  # gloo's own reduce_scatter would add up everything everywhere: twice the bytes
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
    """(N, maps, ...) with the maps last."""
    return maps.movedim(1, -1)


def _second(rows: Tensor) -> Tensor:
    return rows.movedim(-1, 1)
