"""Histograms of oriented gradients on whole batches as tensor operations (Dalal and Triggs, CVPR 2005).

Each cell has a histogram of unsigned gradient directions, weighted by the gradient's length; overlapping blocks of cells are normalised to
unit length, clipped at 0.2 and normalised again (L2-Hys). As in scikit-image, a pixel counts in its own cell and direction only, while
the authors' program shared it among neighbours. Independent of classifiers.

Pixels are whole numbers, so a gradient is one of 511 x 511 pairs: its direction is read from a table, with no arc tangent at run time and
no direction on the wrong side of a limit by rounding. Pooling over cells takes two matrix products per slice of images.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet.errors import BadModel, ImageSizeTooSmall

LARGEST = 255  # difference of two uint8 pixels
CLIP = 0.2  # the largest number in a unit block, so that one strong edge does not dominate it
FAINT = 1e-5  # added to a block's length, so that a block without gradients becomes zeros
PIXELS_AT_A_TIME = 32_768  # in a slice of images, whose intermediate results then stay in the CPU's cache
PIXELS_AT_A_TIME_ON_A_GPU = 16_777_216


class HOG(nn.Module):
    """uint8 (N, 3, S, S) -> float32 (N, dimensions): blocks row by row, the cells of a block row by row, `orientations` numbers each.

    cell: px per side of a cell; pixels right and below the last whole cell count only as neighbours. orientations: directions over 180
    degrees. block: cells per side of a block; blocks are one cell apart. At each pixel, the colour with the longest gradient counts.
    With three equal channels the result is that of the gray image. Raises ImageSizeTooSmall for an image smaller than a block.
    """

    def __init__(self, image_size: int, *, cell: int = 8, orientations: int = 9, block: int = 2) -> None:
        super().__init__()
        _check(image_size, cell, orientations, block)
        self.image_size, self.cell, self.orientations, self.block = image_size, cell, orientations, block
        self.cells = image_size // cell  # in a row
        self.blocks = self.cells - block + 1  # in a row
        self.membership: Tensor
        self.directions: Tensor
        self.register_buffer("membership", _membership(image_size, cell), persistent=False)  # (S, cells) of 0 and 1
        self.register_buffer("directions", direction_table(orientations), persistent=False)

    @property
    def dimensions(self) -> int:
        """The length of an image's vector."""
        return self.blocks**2 * self.block**2 * self.orientations

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image: squared lengths in three colours, two pooling products, two normalisations per block."""
        lengths = 2 * 3 * self.image_size**2
        pooling = self.orientations * self.image_size * self.cells * (self.image_size + self.cells)
        return lengths + pooling + 2 * self.dimensions

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (N, 3, S, S) with the module's S; the result has the data type of the module's buffers."""
        budget = PIXELS_AT_A_TIME if images.device.type == "cpu" else PIXELS_AT_A_TIME_ON_A_GPU
        step = max(1, budget // self.image_size**2)
        features = self.membership.new_empty(len(images), self.dimensions)
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            features[part] = self._blocks(self._histograms(images[part])).flatten(1)
        return features

    def _histograms(self, images: Tensor) -> Tensor:
        """(n, cells, cells, orientations): the mean gradient length per direction and cell."""
        squares, pairs = _strongest_gradients(images.to(self.membership.dtype))
        lengths = squares.sqrt_()
        bins = self.directions.index_select(0, pairs.flatten().int()).view_as(pairs).long()
        maps = lengths.new_zeros(len(images), self.orientations, self.image_size, self.image_size)
        maps.scatter_(1, bins[:, None], lengths[:, None])
        sums = self.membership.T @ (maps @ self.membership)
        return sums.permute(0, 2, 3, 1) / self.cell**2

    def _blocks(self, histograms: Tensor) -> Tensor:
        """(n, blocks, blocks, block * block * orientations), each block normalised twice."""
        n, side = len(histograms), self.block
        windows = histograms.unfold(1, side, 1).unfold(2, side, 1)  # (n, blocks, blocks, orientations, rows, columns)
        flat = windows.permute(0, 1, 2, 4, 5, 3).reshape(n, self.blocks, self.blocks, -1)
        return _unit(_unit(flat).clamp_(max=CLIP))


def direction_table(orientations: int) -> Tensor:
    """uint8 (511 * 511,): at (dy + 255) * 511 + dx + 255, the number of the gradient's direction; direction 0 starts at the x axis."""
    steps = torch.arange(-LARGEST, LARGEST + 1, dtype=torch.float64)
    degrees = torch.rad2deg(torch.atan2(steps[:, None], steps[None])).remainder(180)
    limits = 180 / orientations * torch.arange(1, orientations, dtype=torch.float64)
    return torch.bucketize(degrees, limits, right=True).to(torch.uint8).flatten()


def _strongest_gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images (n, 3, S, S) -> squared lengths (n, S, S) and indices into the direction table (n, S, S), of the colour with the longest.

    Gradients are differences of the neighbours on both sides, and zero at the border. Of equal lengths, the first colour's counts.
    """
    across = F.pad(images[..., 2:] - images[..., :-2], (1, 1))
    down = F.pad(images[..., 2:, :] - images[..., :-2, :], (0, 0, 1, 1))
    squares = across.square().addcmul_(down, down)
    pairs = across.add_(down.add_(LARGEST).mul_(2 * LARGEST + 1)).add_(LARGEST)  # whole numbers under 2 ** 18: exact in float32
    strongest, pair = squares[:, 0], pairs[:, 0]
    for colour in range(1, images.shape[1]):
        pair = torch.where(squares[:, colour] > strongest, pairs[:, colour], pair)
        strongest = torch.maximum(strongest, squares[:, colour])
    return strongest, pair


def _membership(image_size: int, cell: int) -> Tensor:
    """(image_size, cells): 1 where a pixel of a row is in a cell; pixels after the last whole cell are in none."""
    number = torch.arange(image_size) // cell
    return (number[:, None] == torch.arange(image_size // cell)).float()


def _unit(blocks: Tensor) -> Tensor:
    return blocks / blocks.square().sum(-1, keepdim=True).add_(FAINT**2).sqrt_()


def _check(image_size: int, cell: int, orientations: int, block: int) -> None:
    if min(cell, block) < 1 or not 1 <= orientations <= LARGEST:
        raise BadModel(
            f"HOG cannot have cells of {cell} px, {orientations} orientations and blocks of {block}x{block} cells: "
            f"use cells and blocks of at least 1, and 1 to {LARGEST} orientations."
        )
    cells, needed = image_size // cell, block * cell
    if cells < block:
        raise ImageSizeTooSmall(
            f"A HOG block of {block}x{block} cells of {cell} px is {block} * {cell} = {needed} px wide, but the picture {image_size} px: "
            f"use --features.cell {max(1, image_size // block)} or a larger --image-size."
        )
