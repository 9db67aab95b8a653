"""A spatial pyramid: which descriptors of an image are in which of its parts (Lazebnik, Schmid, Ponce 2006)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Cells(nn.Module):
    """Parts of the image, level by level, each level row by row.

    centres (P, 2): x and y of the descriptors as fractions of the image's side. pyramid: (columns, rows) of each level.
    """

    def __init__(self, centres: Tensor, pyramid: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.pyramid, self.positions = tuple(pyramid), len(centres)
        self.numbers: list[str | None] = []
        for level, (columns, rows) in enumerate(self.pyramid):
            for cell, inside in enumerate(_inside(centres, columns, rows)):
                self._add(f"level_{level}_cell_{cell}", inside)

    def _add(self, name: str, inside: Tensor) -> None:
        if len(inside) == self.positions:
            self.numbers.append(None)
            return
        self.numbers.append(name)
        self.register_buffer(name, inside, persistent=False)

    @property
    def count(self) -> int:
        """The number of cells over all levels."""
        return len(self.numbers)

    @property
    def levels(self) -> int:
        """The number of levels."""
        return len(self.pyramid)

    def places(self) -> list[Tensor | None]:
        """For each cell, the indices of its descriptors; None means all."""
        return [None if name is None else self.get_buffer(name) for name in self.numbers]


def _inside(centres: Tensor, columns: int, rows: int) -> list[Tensor]:
    x = (centres[:, 0] * columns).floor().clamp(0, columns - 1)
    y = (centres[:, 1] * rows).floor().clamp(0, rows - 1)
    number = (y * columns + x).long()
    return [torch.nonzero(number == cell).squeeze(1) for cell in range(columns * rows)]
