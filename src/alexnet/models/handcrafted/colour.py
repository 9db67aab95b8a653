"""Local colour statistics: mean and spread of red, green and blue in 4 x 4 cells of a patch, XRCE's second descriptor besides SIFT."""

import torch
from torch import Tensor, nn

from alexnet.models.handcrafted.grid import BINS, Grid

CHANNELS = 3
FLAT = 1e-6  # a variance up to this, the square of a quarter of a gray level, may be a rounding error of the two moments


class LocalColour(nn.Module):
    """uint8 images -> 96 numbers at every position of a grid: three means and three standard deviations in each of 16 cells, over 255.

    Source: Clinchant, Csurka, Perronnin, Renders, XRCE's participation to ImageEval (2007).
    """

    dimensions = BINS**2 * CHANNELS * 2

    def __init__(self, image_size: int, *, bin_size: int, step: int) -> None:
        super().__init__()
        self.grid = Grid(image_size, bin_size=bin_size, step=step, window="box")

    @property
    def centres(self) -> Tensor:
        """(positions, 2): x and y as fractions of the image's side."""
        return self.grid.centres

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image's pooling."""
        return self.grid.macs(2 * CHANNELS)

    def forward(self, images: Tensor) -> Tensor:
        """Uint8 (N, 3, S, S) -> float32 (N, positions, 96)."""
        return self.describe(self.maps(images))

    def maps(self, images: Tensor) -> Tensor:
        """The maps that all scales share: pixels and their squares, (N, 6, S, S)."""
        pixels = images.to(self.grid.windows.dtype) / 255 - 0.5  # centred at 0, because the spread is a difference of squares
        return torch.cat([pixels, pixels.square()], dim=1)

    def describe(self, maps: Tensor) -> Tensor:
        """The descriptors of images from their `maps`."""
        mean, square = self.grid(maps).split(CHANNELS, dim=-1)
        variance = nn.functional.threshold(square - mean.square(), FLAT, 0.0)
        spread = variance.sqrt_()
        return torch.cat([mean, spread], dim=-1).flatten(2)
