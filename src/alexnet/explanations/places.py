"""Where the features of a hand-crafted system lie in the image: HOG's cells, a pyramid's cells, the points of a visual word.

Independent of machines, and of what is computed for each place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet.models.handcrafted.bag_of_words import DenseWords, ScatteredWords, cells_of
from alexnet.models.handcrafted.features import DenseFeatures, ScatteredFeatures
from alexnet.models.handcrafted.fisher import FisherVector
from alexnet.models.handcrafted.hog import HOG

MOST_A_SIDE = 16  # places of HOG; smaller cells are grouped
POINT = 1 / 40  # the radius of a point that is drawn, as a share of the side


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the image whose features belong together.

    name: "3/4" is the third row's fourth cell, "SIFT 2x2 1" the first cell of a level. pixels: int64 (m,), those of the flattened image
    that it is drawn on. word: the number of its visual word, and points: how many interest points have it; None for a cell.
    """

    name: str
    pixels: Tensor
    word: int | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one image, and which of them each feature belongs to: owner, int64 (D,), -1 for a feature that is nowhere."""

    places: tuple[Place, ...]
    owner: Tensor

    def totals(self, values: Tensor) -> Tensor:
        """The sum of values (D,) over each place's features: (places,)."""
        found = values.new_zeros(len(self.places) + 1)
        return found.index_add_(0, self.owner + 1, values)[1:]

    def spread(self, values: Sequence[float], size: int) -> Tensor:
        """One value per place, spread evenly over its pixels: float32 (size, size), whose sum is that of the values."""
        found = torch.zeros(size * size, dtype=torch.float64)
        for place, value in zip(self.places, values, strict=True):
            found.index_add_(0, place.pixels, torch.full(place.pixels.shape, value / max(1, len(place.pixels)), dtype=torch.float64))
        return found.view(size, size).float()


def places_of(features: nn.Module, seen: Tensor) -> Places | None:
    """The places of an image uint8 (3, S, S); None for features that belong to no place, and for pixels, which are places themselves."""
    size = seen.shape[-1]
    if isinstance(features, HOG):
        return _cells(features, size)
    if isinstance(features, DenseFeatures):
        return _pyramids(features, size)
    return _points(features, seen) if isinstance(features, ScatteredFeatures) else None


def _cells(hog: HOG, size: int) -> Places:
    """A block's numbers belong to its cells; a cell is in up to four blocks."""
    together = -(-hog.cells // MOST_A_SIDE)
    side, pixels = -(-hog.cells // together), hog.cell * together
    numbers = (torch.arange(hog.blocks)[:, None] + torch.arange(hog.block)) // together  # (blocks, block): of a cell's row, or its column
    rows, columns = numbers[:, None, :, None, None], numbers[None, :, None, :, None]
    owner = (rows * side + columns).expand(hog.blocks, hog.blocks, hog.block, hog.block, hog.orientations).flatten()
    whole = hog.cells * hog.cell  # pixels after the last whole cell are in none
    edges = [min(number * pixels, whole) for number in range(side + 1)]
    found = [
        Place(f"{row + 1}/{column + 1}", _rectangle(edges[row], edges[row + 1], edges[column], edges[column + 1], size))
        for row in range(side)
        for column in range(side)
    ]
    return Places(tuple(found), owner)


def _pyramids(features: DenseFeatures, size: int) -> Places:
    """The cells of each kind of descriptor, one after the other."""
    found: list[Place] = []
    lengths: list[int] = []
    for kind, encoder in zip(("SIFT", "colour"), features.encoders, strict=False):
        assert isinstance(encoder, FisherVector | DenseWords)
        cells = list(_levels(encoder.cells.pyramid))
        lengths += [encoder.dimensions // len(cells)] * len(cells)
        found += [Place(f"{kind} {columns}x{rows} {cell + 1}", _cell_of_level(columns, rows, cell, size)) for columns, rows, cell in cells]
    return Places(tuple(found), torch.arange(len(found)).repeat_interleave(torch.tensor(lengths)))


def _points(features: ScatteredFeatures, seen: Tensor) -> Places:
    """The words that occur in the image, in each cell of a pyramid, at the interest points that have them."""
    encoder: ScatteredWords = features.encoder
    descriptors, _, centres = features.detector(seen[None].to(encoder.words.vocabulary.device))
    nearest, vocabulary = encoder.words.nearest(descriptors).cpu(), len(encoder.words.vocabulary)
    owner, found, first = torch.full((encoder.dimensions,), -1), list[Place](), 0
    for columns, rows in encoder.pyramid:
        cells = cells_of(centres, columns, rows).cpu()
        for number in (cells * vocabulary + nearest).unique().tolist():
            cell, word = divmod(number, vocabulary)
            own = (cells == cell) & (nearest == word)
            owner[first + number] = len(found)
            found.append(Place(f"{columns}x{rows} {cell + 1}", _discs(centres[own].cpu(), seen.shape[-1]), word, int(own.sum())))
        first += columns * rows * vocabulary
    return Places(tuple(found), owner)


def grid_of(columns: int, rows: int, size: int) -> list[Place]:
    """A grid over the whole image, row by row, each named as its row and column."""
    return [
        Place(f"{cell // columns + 1}/{cell % columns + 1}", _cell_of_level(columns, rows, cell, size)) for cell in range(columns * rows)
    ]


def _levels(pyramid: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    for columns, rows in pyramid:
        yield from ((columns, rows, cell) for cell in range(columns * rows))


def _cell_of_level(columns: int, rows: int, cell: int, size: int) -> Tensor:
    row, column = divmod(cell, columns)
    top, bottom = round(row * size / rows), round((row + 1) * size / rows)
    left, right = round(column * size / columns), round((column + 1) * size / columns)
    return _rectangle(top, bottom, left, right, size)


def _rectangle(top: int, bottom: int, left: int, right: int, size: int) -> Tensor:
    return (torch.arange(top, bottom)[:, None] * size + torch.arange(left, right)).flatten()


def _discs(centres: Tensor, size: int) -> Tensor:
    """The pixels within a radius of each centre, (n, 2) of x and y as shares of the side; a pixel near two of them counts twice."""
    places = torch.arange(size) + 0.5
    x, y = centres[:, 0, None, None] * size, centres[:, 1, None, None] * size
    inside = (places - x).square() + (places[:, None] - y).square() <= max(1.0, POINT * size) ** 2  # (n, size, size)
    return inside.flatten(1).nonzero()[:, 1]
