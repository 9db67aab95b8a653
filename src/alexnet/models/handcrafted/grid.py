"""A regular grid of descriptors over an image: their positions, and maps summed over their 4 x 4 bins by two matrix products.

A descriptor's bins are separable windows, so pooling along the rows and then along the columns of the image costs two products for the
whole batch. Neighbouring descriptors share bins if the bin is a multiple of the step; equal windows are computed once. Independent of
what the maps hold.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from alexnet.errors import ImageSizeTooSmall

BLOCK = 16  # adjacent windows per product, from which pixels outside all of them are left out
BINS = 4  # per side of a descriptor (Lowe 2004)
Window = Literal["triangle", "gaussian", "box"]


class Grid(nn.Module):
    """Descriptors of 4 x 4 bins, `bin_size` px each, every `step` px of a square image; all inside the image, the grid centred.

    window: "triangle", bilinear shares between neighbouring bins, then each bin weighted by the Gaussian at its centre (as in VLFeat's fast
    dense SIFT); "gaussian", the Gaussian at each pixel (as in Lowe's and OpenCV's SIFT; slower, because no bins are shared); "box", plain
    means, in which a pixel on the border of two bins counts half in each.
    Raises ImageSizeTooSmall for an image smaller than one descriptor.
    """

    def __init__(self, image_size: int, *, bin_size: int, step: int, window: Window = "triangle") -> None:
        super().__init__()
        side = BINS * bin_size
        if image_size < side:
            raise ImageSizeTooSmall(
                f"A descriptor of {BINS}x{BINS} bins of {bin_size} px is {side} px wide, but the picture {image_size} px: "
                f"use {_smaller(image_size // BINS)}an --image-size of at least {side}."
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
        """The number of descriptors of an image."""
        return self.across**2

    def macs(self, maps: int) -> int:
        """Multiply-accumulates of pooling `maps` maps of one image."""
        used = sum(self.windows[span].numel() for span in self.spans)
        return maps * used * sum(self.windows.shape)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, M, S, S) -> sums over bins (N, positions, 16, M): positions row by row, the 16 bins row by row."""
        count, depth = maps.shape[:2]
        parts = [(self.windows[pixels, block], pixels) for pixels, block in self.spans]
        rows = torch.cat([part.T @ maps[..., pixels, :] for part, pixels in parts], dim=-2)  # (N, M, distinct y, S)
        sums = torch.cat([rows[..., pixels] @ part for part, pixels in parts], dim=-1)  # (N, M, distinct y, distinct x)
        cells = sums.flatten(2).transpose(1, 2)
        pooled = cells.index_select(1, self.bins).view(count, self.positions, -1)
        if self.weights.numel():
            pooled.mul_(self.weights.expand(-1, depth).flatten())  # as a full row, in a quarter of the time of broadcasting (16, 1)
        return pooled.view(count, self.positions, BINS**2, depth)


def _smaller(largest: int) -> str:
    return f"--features.bins of at most {largest}, or " if largest else ""


def _windows(size: int, centres: Tensor, bin_size: int, window: Window) -> Tensor:
    """(descriptors, 4, size): the weight of each pixel of a row in each bin of each descriptor."""
    middles = centres[:, None] + bin_size * (torch.arange(BINS) - (BINS - 1) / 2)
    distances = (torch.arange(size) - middles[..., None]).abs()  # whole or half pixels, so equal windows are equal in all digits
    if window == "box":
        return ((bin_size + 1) / 2 - distances).clamp(0, 1) / bin_size  # the part of a pixel that is in the bin
    shares = (1 - distances / bin_size).clamp(min=0)
    if window == "triangle":
        return shares
    from_centre = (torch.arange(size) - centres[:, None]) / bin_size
    return shares * torch.exp(-from_centre[:, None, :].square() / (BINS**2 / 2))  # standard deviation: half the descriptor's side


def _spans(windows: Tensor) -> list[tuple[slice, slice]]:
    """For each block of columns of `windows`, (size, distinct): the pixels where it is not zero, and the block."""
    found = []
    for block in torch.arange(windows.shape[1]).split(BLOCK):
        columns = slice(int(block[0]), int(block[-1]) + 1)
        used = windows[:, columns].any(1).nonzero()
        found.append((slice(int(used[0]), int(used[-1]) + 1), columns))
    return found


def _bin_weights(window: Window) -> Tensor:
    """(16, 1): the Gaussian at the bins' centres; empty if the windows include it, or there is none."""
    if window != "triangle":
        return torch.empty(0)
    from_centre = torch.arange(BINS) - (BINS - 1) / 2
    line = torch.exp(-from_centre.square() / (BINS**2 / 2))
    return (line[:, None] * line[None]).reshape(-1, 1)


def _bins(place: Tensor, distinct: int) -> Tensor:
    """Flat indices (positions * 16,) into the distinct cells of an image, from the windows (across, 4) of a row."""
    rows = place[:, None, :, None] * distinct  # descriptor row, _, bin row, _
    return (rows + place[None, :, None, :]).reshape(-1)


def _centres(line: Tensor) -> Tensor:
    """(positions, 2): x and y of every descriptor as fractions of the image's side."""
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], dim=1)


def smoothing_kernel(sigma: float) -> Tensor:
    """(k,): samples of a Gaussian with standard deviation `sigma` px, out to four standard deviations on each side, with the sum 1."""
    radius = max(1, math.ceil(4 * sigma))
    line = torch.exp(-torch.arange(-radius, radius + 1).square() / (2 * sigma**2))
    return line / line.sum()
