"""A regular grid of descriptors over an image: where they lie, and maps summed over their 4 x 4 bins as two matrix products.

A descriptor's bins are separable windows, so pooling along a row and then along a column of the image costs two products for the whole
batch. Neighbouring descriptors share bins when the bin is a multiple of the step; equal windows are computed once. Knows no gradients.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from alexnet.errors import ImageSizeTooSmall

BLOCK = 16  # windows to a product: they lie side by side, and the pixels that none of them sees are left out
BINS = 4  # a side of a descriptor (Lowe 2004)
Window = Literal["triangle", "gaussian", "box"]


class Grid(nn.Module):
    """Descriptors of 4 x 4 bins, `bin_size` px each, every `step` px of a square image; they lie wholly inside, centred.

    window: "triangle", bilinear shares between neighbouring bins, then each bin weighted by the Gaussian at its centre (as VLFeat's fast
    dense SIFT does); "gaussian", the Gaussian at each pixel (Lowe's, OpenCV's; slower, no bins are shared); "box", plain means, to which
    a pixel on the border of two bins gives half to each.
    Raises ImageSizeTooSmall for an image smaller than one descriptor.
    """

    def __init__(self, image_size: int, *, bin_size: int, step: int, window: Window = "triangle") -> None:
        super().__init__()
        side = BINS * bin_size
        if image_size < side:
            raise ImageSizeTooSmall(
                f"A descriptor of {BINS}x{BINS} bins of {bin_size} px is {side} px wide, and the picture {image_size} px: "
                f"take {_smaller(image_size // BINS)}an --image-size of at least {side}."
            )
        self.across = (image_size - side) // step + 1  # descriptors in a row
        first = (image_size - 1) / 2 - step * (self.across - 1) / 2
        centres = first + step * torch.arange(self.across)
        rows = _windows(image_size, centres, bin_size, window)
        unique, place = torch.unique(rows.reshape(-1, image_size), dim=0, return_inverse=True)
        self.windows: Tensor
        self.bins: Tensor
        self.weights: Tensor
        self.centres: Tensor
        self.register_buffer("windows", unique.T.contiguous(), persistent=False)  # (image_size, distinct windows)
        self.spans = _spans(self.windows)
        self.register_buffer("bins", _bins(place.view(self.across, BINS), len(unique)), persistent=False)
        self.register_buffer("weights", _bin_weights(window), persistent=False)
        self.register_buffer("centres", _centres((centres + 0.5) / image_size), persistent=False)

    @property
    def positions(self) -> int:
        """How many descriptors an image has."""
        return self.across**2

    def macs(self, maps: int) -> int:
        """Multiply-accumulates of pooling so many maps of one image."""
        seen = sum(self.windows[span].numel() for span in self.spans)
        return maps * seen * sum(self.windows.shape)

    def forward(self, maps: Tensor) -> Tensor:
        """maps (N, M, S, S) -> sums over bins (N, positions, 16, M): positions row by row, the 16 bins row by row."""
        count, depth = maps.shape[:2]
        parts = [(self.windows[pixels, block], pixels) for pixels, block in self.spans]
        rows = torch.cat([part.T @ maps[..., pixels, :] for part, pixels in parts], dim=-2)  # (N, M, distinct y, S)
        sums = torch.cat([rows[..., pixels] @ part for part, pixels in parts], dim=-1)  # (N, M, distinct y, distinct x)
        cells = sums.flatten(2).transpose(1, 2)
        pooled = cells.index_select(1, self.bins).view(count, self.positions, -1)
        if self.weights.numel():
            pooled.mul_(self.weights.expand(-1, depth).flatten())  # as long as a descriptor: a quarter of the time of (16, 1)
        return pooled.view(count, self.positions, BINS**2, depth)


def _smaller(largest: int) -> str:
    return f"--features.bins {largest} at most, or " if largest else ""


def _windows(size: int, centres: Tensor, bin_size: int, window: Window) -> Tensor:
    """(descriptors, 4, size): how much each pixel of a row counts in each bin of each descriptor."""
    middles = centres[:, None] + bin_size * (torch.arange(BINS) - (BINS - 1) / 2)
    away = (torch.arange(size) - middles[..., None]).abs()  # whole or half pixels: equal windows are equal in all digits
    if window == "box":
        return ((bin_size + 1) / 2 - away).clamp(0, 1) / bin_size  # how much of a pixel lies in the bin
    shares = (1 - away / bin_size).clamp(min=0)
    if window == "triangle":
        return shares
    from_centre = (torch.arange(size) - centres[:, None]) / bin_size
    return shares * torch.exp(-from_centre[:, None, :].square() / (BINS**2 / 2))  # standard deviation: half the descriptor


def _spans(windows: Tensor) -> list[tuple[slice, slice]]:
    """For each block of columns of windows (size, distinct): the pixels where it is not zero, and the block."""
    found = []
    for block in torch.arange(windows.shape[1]).split(BLOCK):
        columns = slice(int(block[0]), int(block[-1]) + 1)
        seen = windows[:, columns].any(1).nonzero()
        found.append((slice(int(seen[0]), int(seen[-1]) + 1), columns))
    return found


def _bin_weights(window: Window) -> Tensor:
    """(16, 1): the Gaussian at the bins' centres, or nothing where the windows hold it, or none is wanted."""
    if window != "triangle":
        return torch.empty(0)
    away = torch.arange(BINS) - (BINS - 1) / 2
    line = torch.exp(-away.square() / (BINS**2 / 2))
    return (line[:, None] * line[None]).reshape(-1, 1)


def _bins(place: Tensor, distinct: int) -> Tensor:
    """Flat indices (positions * 16,) into the distinct cells of an image, from the windows (across, 4) of a row."""
    rows = place[:, None, :, None] * distinct  # descriptor row, _, bin row, _
    return (rows + place[None, :, None, :]).reshape(-1)


def _centres(line: Tensor) -> Tensor:
    """(positions, 2): x and y of every descriptor, 0 to 1 of the image's side."""
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], dim=1)


def smoothing_kernel(sigma: float) -> Tensor:
    """The (k,) samples of a Gaussian with standard deviation `sigma` px, over four of them on each side, summing to 1."""
    radius = max(1, math.ceil(4 * sigma))
    line = torch.exp(-torch.arange(-radius, radius + 1).square() / (2 * sigma**2))
    return line / line.sum()
