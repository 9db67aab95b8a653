"""Batch normalisation over the images of all workers, as one process would normalise the whole batch.

PyTorch's own SyncBatchNorm is for GPUs only, and includes the images that only pad a worker's share.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from alexnet.models.networks.layers import Window


class SharedBatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d with the mean and variance of the whole batch; `share_statistics` converts an ordinary one."""

    window = Window(0, range(0))

    def forward(self, maps: Tensor) -> Tensor:
        """(n, maps, H, W) of this worker -> the same, normalised."""
        if not self.training:
            return super().forward(maps)
        window, positions = self.window, maps.shape[2] * maps.shape[3]
        here = maps[: max(0, min(len(maps), window.images - window.rows.start))]
        exact = here if here.dtype == torch.float64 else here.float()
        count = window.images * positions
        mean = _total(exact.sum((0, 2, 3))) / count
        variance = _total((exact - _per_channel(mean)).square().sum((0, 2, 3))) / count
        self._update_running_statistics(mean.detach(), variance.detach() * count / max(1, count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (maps * _per_channel(scale) + _per_channel(self.bias - mean * scale)).to(maps.dtype)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics, which validation and testing use."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


class SharedBatchNormAct2d(SharedBatchNorm2d):
    """The same for timm's layers that also drop units and have a nonlinearity (timm.layers.BatchNormAct2d)."""

    drop: nn.Module
    act: nn.Module

    def forward(self, maps: Tensor) -> Tensor:
        """(n, maps, H, W) of this worker -> the same, normalised and activated."""
        activated: Tensor = self.act(self.drop(super().forward(maps)))
        return activated


def share_statistics(model: nn.Module) -> None:
    """Make every batch normalisation layer of a model use the images of all workers."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d
        elif isinstance(module, nn.BatchNorm2d) and {"drop", "act"} <= dict(module.named_children()).keys():
            module.__class__ = SharedBatchNormAct2d


def _per_channel(of_channels: Tensor) -> Tensor:
    return of_channels.view(1, -1, 1, 1)


def _total(mine: Tensor) -> Tensor:
    """The sum over the workers. Each worker's loss covers its own images only, so gradients are summed too."""
    total: Tensor = _Total.apply(mine)
    return total


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        return _summed(mine)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _summed(mine: Tensor) -> Tensor:
    total = mine.clone()
    dist.all_reduce(total)
    return total
