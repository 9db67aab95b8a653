"""Batch normalisation with a nonlinearity inside, as timm has it, uses the images of all workers too."""

from typing import Any

import torch
from tests.training.parallel.workers import together
from torch import Tensor, nn

from alexnet.models.networks.layers import Window
from alexnet.runtime.distributed import Workers
from alexnet.training.parallel.sync_batch_norm import SharedBatchNormAct2d, share_statistics

IMAGES, WORKERS = 5, 2  # an odd number: the last worker has an image that only pads its share


class BatchNormAct2d(nn.BatchNorm2d):
    """timm's layer, as far as it matters here: a batch normalisation, what it drops, its nonlinearity."""

    def __init__(self, maps: int) -> None:
        super().__init__(maps)
        self.drop, self.act = nn.Identity(), nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """(n, maps, H, W) -> the same."""
        activated: Tensor = self.act(self.drop(super().forward(maps)))
        return activated


def images() -> Tensor:
    return torch.randn(IMAGES, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def shared(world: Workers) -> tuple[Tensor, Tensor, Tensor]:
    """This worker's share after the layer, and the running statistics."""
    layer: Any = BatchNormAct2d(3).double()
    share_statistics(layer)
    assert type(layer).__name__ == SharedBatchNormAct2d.__name__
    rows = range(world.rank * 3, world.rank * 3 + 3)
    layer.window = Window(IMAGES, rows)
    padded = torch.cat([images(), torch.full((1, 3, 4, 4), 1e3, dtype=torch.float64)])
    return layer(padded[rows.start : rows.stop]).detach(), layer.running_mean, layer.running_var


def test_workers_compute_what_one_process_does() -> None:
    alone: Any = BatchNormAct2d(3).double()
    expected = alone(images()).detach()
    outputs, means, variances = zip(*together(shared, WORKERS), strict=True)
    assert torch.allclose(torch.cat(outputs)[:IMAGES], expected, rtol=0, atol=1e-12)
    for mean, variance in zip(means, variances, strict=True):
        assert torch.allclose(mean, alone.running_mean, atol=1e-12)
        assert torch.allclose(variance, alone.running_var, atol=1e-12)
