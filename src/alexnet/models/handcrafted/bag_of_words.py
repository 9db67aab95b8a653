"""Bags of visual words: how often each of a set of typical descriptors occurs in an image, or in each of its cells (Csurka et al. 2004)."""

import torch
from torch import Tensor, nn

from alexnet.models.handcrafted.spatial_pyramid import Cells


class VisualWords(nn.Module):
    """The visual words, vocabulary (words, d), and the search for the nearest word of each descriptor."""

    def __init__(self, vocabulary: Tensor) -> None:
        super().__init__()
        self.vocabulary: Tensor
        self.register_buffer("vocabulary", vocabulary)

    def nearest(self, descriptors: Tensor) -> Tensor:
        """(..., d) -> int64 (...): the number of the word with the smallest Euclidean distance."""
        products = nn.functional.linear(descriptors.to(self.vocabulary.dtype), self.vocabulary, -0.5 * self.vocabulary.square().sum(1))
        return products.argmax(-1)


class DenseWords(nn.Module):
    """A bag of words of descriptors that are at the same positions in every image; a cell without descriptors gets zeros."""

    def __init__(self, vocabulary: Tensor, cells: Cells) -> None:
        super().__init__()
        self.words, self.cells = VisualWords(vocabulary), cells

    @property
    def dimensions(self) -> int:
        """Numbers of one image: cells x words."""
        return self.cells.count * len(self.words.vocabulary)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return self.cells.positions * self.words.vocabulary.numel()

    def forward(self, descriptors: Tensor) -> Tensor:
        """(N, P, d) -> (N, dimensions); each cell's numbers sum to 1."""
        nearest = self.words.nearest(descriptors)
        cells = [nearest if places is None else nearest[:, places] for places in self.cells.places()]
        return torch.cat([self._histogram(inside, descriptors.dtype) for inside in cells], dim=1)

    def _histogram(self, nearest: Tensor, kind: torch.dtype) -> Tensor:
        counts = torch.zeros(len(nearest), len(self.words.vocabulary), dtype=kind, device=nearest.device)
        counts.scatter_add_(1, nearest, torch.ones_like(nearest, dtype=kind))
        return counts / max(1, nearest.shape[1])


class ScatteredWords(nn.Module):
    """A bag of words of descriptors at interest points, whose number and positions differ from image to image."""

    def __init__(self, vocabulary: Tensor, pyramid: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.words, self.pyramid = VisualWords(vocabulary), pyramid

    @property
    def dimensions(self) -> int:
        """Numbers of one image: cells x words."""
        return sum(columns * rows for columns, rows in self.pyramid) * len(self.words.vocabulary)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one descriptor; the number of descriptors differs from image to image."""
        return self.words.vocabulary.numel()

    def forward(self, descriptors: Tensor, image: Tensor, centres: Tensor, count: int) -> Tensor:
        """Descriptors (T, d) of the images `image` (T,) at x, y (T, 2) -> (count, dimensions); see `keypoints`."""
        nearest, size = self.words.nearest(descriptors), len(self.words.vocabulary)
        histograms = []
        for columns, rows in self.pyramid:
            cells = columns * rows
            flat = (image * cells + cells_of(centres, columns, rows)) * size + nearest
            level = torch.bincount(flat, minlength=count * cells * size).view(count * cells, size).to(self.words.vocabulary.dtype)
            histograms.append((level / level.sum(1, keepdim=True).clamp(min=1)).view(count, cells * size))
        return torch.cat(histograms, dim=1)


def cells_of(centres: Tensor, columns: int, rows: int) -> Tensor:
    """int64 (T,): which cell of a level each centre is in, row by row; x and y (T, 2) are fractions of the image's side."""
    x = (centres[:, 0] * columns).floor().clamp(0, columns - 1).long()
    y = (centres[:, 1] * rows).floor().clamp(0, rows - 1).long()
    return y * columns + x
