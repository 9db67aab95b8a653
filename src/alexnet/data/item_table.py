"""The names, classes and splits of millions of images as columns: each Item is made when it is requested, and not stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from alexnet.data.dataset import SPLIT_NAMES, Item

UNSPLIT = -1
CHUNK = 65_536  # items decoded at a time while iterating


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ItemTable(Sequence[Item]):
    """A sequence of N items; its arrays may be views of a larger buffer.

    names: uint8, all names in UTF-8, concatenated; ends: int64 (N,), where each name ends;
    labels: int32 (N,); splits: int8 (N,), an index into SPLIT_NAMES, or UNSPLIT.
    """

    names: NDArray[np.uint8]
    ends: NDArray[np.int64]
    labels: NDArray[np.int32]
    splits: NDArray[np.int8]

    @classmethod
    def of(cls, items: Sequence[Item]) -> "ItemTable":
        """The same items as columns."""
        encoded = [item.name.encode("utf-8", "surrogateescape") for item in items]
        places = {None: UNSPLIT} | {name: place for place, name in enumerate(SPLIT_NAMES)}
        return cls(
            names=np.frombuffer(b"".join(encoded), np.uint8),
            ends=np.cumsum([len(name) for name in encoded], dtype=np.int64),
            labels=np.array([item.label for item in items], np.int32),
            splits=np.array([places[item.split] for item in items], np.int8),
        )

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = range(len(self))[index]
        start = int(self.ends[place - 1]) if place else 0
        return self._item(self.names[start : int(self.ends[place])].tobytes(), int(self.labels[place]), int(self.splits[place]))

    def __iter__(self) -> Iterator[Item]:
        at = 0
        for first in range(0, len(self), CHUNK):
            part = slice(first, first + CHUNK)
            start, ends = at, self.ends[part].tolist()
            blob = self.names[start : ends[-1]].tobytes()
            for end, label, split in zip(ends, self.labels[part].tolist(), self.splits[part].tolist(), strict=True):
                yield self._item(blob[at - start : end - start], label, split)
                at = end

    @staticmethod
    def _item(name: bytes, label: int, split: int) -> Item:
        return Item(name.decode("utf-8", "surrogateescape"), label, None if split == UNSPLIT else SPLIT_NAMES[split])
