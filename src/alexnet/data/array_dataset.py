"""Data sets that are arrays of pixels, all of the same size: no files, no decoding."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from alexnet.data.dataset import Dataset, Item, SplitName, Traits
from alexnet.data.images.headers import Header
from alexnet.data.images.resize import fit_square
from alexnet.data.preprocess import Fit
from alexnet.errors import UnreadableImage

Parts = Sequence[tuple[SplitName | None, Tensor, Tensor]]  # pixels and labels of each split


class ArrayDataset(Dataset):
    """Pixels uint8 (N, 1 or 3, H, W) with labels int64 (N,); items are named split/class/number."""

    rows_at_once = 1024
    is_decoded = True

    def __init__(self, name: str, classes: Sequence[str], parts: Parts, traits: Traits, *, version: str = "") -> None:
        self.name, self.classes, self.version = name, tuple(classes), version
        self.pixels = torch.cat([pixels for _, pixels, _ in parts])
        self.items = tuple(
            Item("/".join([*([split] if split else []), self.classes[label], f"{number:05d}"]), label, split)
            for split, _, labels in parts
            for number, label in enumerate(labels.tolist())
        )
        self._traits = traits

    @property
    def traits(self) -> Traits:
        """The traits passed to the constructor."""
        return self._traits

    def content(self, index: int) -> bytes:
        """The raw pixels."""
        return self.pixels[index].numpy().tobytes()

    def image(self, index: int) -> Tensor:
        """Uint8 (3, H, W); gray is repeated three times."""
        return self.pixels[index].expand(3, -1, -1).contiguous()

    def header(self, index: int) -> Header:
        """The size that all images share."""
        _, channels, height, width = self.pixels.shape
        return Header("array", width, height, "L" if channels == 1 else "RGB")

    def fitted(self, index: int, size: int, how: Fit) -> tuple[Tensor, bytes, Header]:
        """One square; `squares` resizes many at once, a hundred times as fast."""
        return self.squares([index], size, how)[0], self.content(index), self.header(index)

    def squares(self, indices: Sequence[int], size: int, how: Fit) -> Tensor:
        """Many images as squares, uint8 (n, 3, size, size); a gray image is resized once and its channel repeated without a copy."""
        rows = slice(indices.start, indices.stop, indices.step) if isinstance(indices, range) else torch.as_tensor(indices)
        return fit_square(self.pixels[rows], size, how).expand(-1, 3, -1, -1)

    def fill_squares(self, rows: range, squares: Tensor, how: Fit) -> Iterator[tuple[bytes, Header] | UnreadableImage]:
        """Write the images `rows` into `squares`, all resized at once; yields the raw pixels and the header of each."""
        squares.copy_(self.squares(rows, squares.shape[-1], how))
        header = self.header(rows.start)
        for row in self.pixels[rows.start : rows.stop].contiguous().numpy():
            yield row.tobytes(), header
