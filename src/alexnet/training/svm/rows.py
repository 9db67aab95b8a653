"""Feature vectors of images in half precision, read in slices: the set may be larger than memory. Independent of the kind of feature."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

VALUES_AT_A_TIME = 1_000_000  # of a slice in single precision: 4 MB stay in the CPU's cache
FEWEST_ROWS = 64  # products of fewer rows are bound by memory


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """One vector and one class number per image: float16 (n, D), an array or a memory map, and int64 (n,)."""

    vectors: NDArray[np.float16]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


class Rows:
    """Rows of a feature set in single precision on a device: mapped, then (x - mean) * scale, then a last column of ones.

    `read` returns a view of a buffer, which the next call overwrites. The ones make the bias a weight like the others, as in LIBLINEAR
    with intercept_scaling=1.
    """

    def __init__(self, features: FeatureSet, device: torch.device, feature_map: nn.Module | None = None) -> None:
        self.vectors, self.device, self.feature_map = features.vectors, device, feature_map
        self.staging = np.empty((0, self.vectors.shape[1]), dtype=self.vectors.dtype)  # writable, unlike memory maps, as torch requires
        self.inputs = self._raw(slice(0, 1)).shape[1]
        self.mean, self.scale = torch.zeros(self.inputs, device=device), 1.0
        self.offset = self.mean  # -mean * scale
        self.chunk = max(FEWEST_ROWS, VALUES_AT_A_TIME // self.inputs)
        self.buffer = torch.ones(0, self.inputs + 1, device=device)

    def __len__(self) -> int:
        return len(self.vectors)

    def centre(self) -> None:
        """Subtract the features' mean from now on, and scale their mean squared norm to 1; one pass."""
        assert self.scale == 1.0, "centred already"
        sums, squares = torch.zeros(self.inputs, dtype=torch.float64, device=self.device), 0.0
        for _, rows in self.chunks():
            sums += rows[:, :-1].sum(0).double()
            squares += torch.linalg.vector_norm(rows[:, :-1], dim=1).double().square().sum().item()
        mean = sums / len(self)
        spread = squares / len(self) - mean.square().sum().item()
        self.mean, self.scale = mean.float(), 1.0 / max(spread, 1e-12) ** 0.5
        self.offset = -self.mean * self.scale

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """All rows in storage order, a slice at a time: (slice, float32 (rows, D + 1))."""
        for start in range(0, len(self), self.chunk):
            which = slice(start, min(start + self.chunk, len(self)))
            yield which, self.read(which)

    def read(self, which: slice | NDArray[np.int64]) -> Tensor:
        """The selected rows, float32 (rows, D + 1)."""
        raw = self._raw(which)
        if len(raw) > len(self.buffer):
            self.buffer = torch.ones(len(raw), self.inputs + 1, device=self.device)
        rows = self.buffer[: len(raw)]
        values = rows[:, :-1]
        values.copy_(raw)  # two steps: reading half precision and adding in one takes four times as long
        torch.add(self.offset, values, alpha=self.scale, out=values)
        return rows

    def _raw(self, which: slice | NDArray[np.int64]) -> Tensor:
        """The selected rows on the device, mapped if there is a feature map, but not centred."""
        count = len(range(*which.indices(len(self)))) if isinstance(which, slice) else len(which)
        if count > len(self.staging):
            self.staging = np.empty((count, self.vectors.shape[1]), dtype=self.vectors.dtype)
        part = self.staging[:count]
        if isinstance(which, slice):
            part[:] = self.vectors[which]
        else:
            np.take(self.vectors, which, axis=0, out=part, mode="clip")  # "raise" would make a second copy
        raw = torch.from_numpy(part).to(self.device)
        if self.feature_map is None:
            return raw
        with torch.no_grad():
            mapped: Tensor = self.feature_map(raw.float())
        return mapped


def mixed_order(n: int, row_bytes: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """int64 (n,): all rows in random order, in short runs of neighbours, so that a memory map on a disk is read in large pieces.

    A run holds at most one megabyte and at most 16 rows: sets are often stored class by class, and a batch should hold several classes.
    """
    length = int(np.clip(1_000_000 // max(1, row_bytes), 1, 16))
    starts = generator.permutation(np.arange(0, n, length))
    return np.concatenate([np.arange(start, min(start + length, n)) for start in starts]).astype(np.int64)
