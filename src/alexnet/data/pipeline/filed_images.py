"""The fitted squares of a data set in a file instead of memory, for work that reads them a few times and needs its memory for other things.

The file has no name, so that nothing is left behind, however the process ends. It is read by position: a mapped file would count as memory
of the process again. Independent of what the squares are for.
"""

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alexnet.data.curation.scan import survey
from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import Survey
from alexnet.data.pipeline.image_store import ImageStore, open_images
from alexnet.data.preprocess import Fit

FEW = 1 << 28  # bytes of squares that memory holds without a file


class SquareFile:
    """Room for squares uint8 (count, 3, size, size) in a file in `folder`; raises OSError if the disk has none."""

    def __init__(self, folder: Path, count: int, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.shape, self.each = (count, 3, size, size), 3 * size * size
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open as long as the squares are needed
        weakref.finalize(self, self.file.close)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.file.fileno(), 0, count * self.each)  # now: a mapped page that finds the disk full ends the process
        self.file.truncate(count * self.each)

    def mapped(self) -> Tensor:
        """All squares, to be written; they take memory as long as this tensor lives."""
        return torch.from_numpy(np.memmap(self.file, np.uint8, "r+", shape=self.shape))

    def read(self, indices: Sequence[int]) -> Tensor:
        """The squares at these indices, uint8 (n, 3, size, size)."""
        found = torch.empty(len(indices), *self.shape[1:], dtype=torch.uint8)
        for row, index in zip(found.numpy(), indices, strict=True):
            self.file.seek(int(index) * self.each)
            self.file.readinto(row.reshape(-1))
        return found


class FiledImages(ImageStore):
    """An image store whose squares are in a file."""

    def __init__(self, dataset: Dataset, size: int, how: Fit, *, workers: int, file: SquareFile, found: Survey) -> None:
        super().__init__(dataset, size, how, workers=workers, squares=None, survey=found)
        self.file = file

    def _stream_on_host(self, batches: Iterable[Sequence[int]]) -> Iterator[Tensor]:
        for batch in batches:
            yield self.file.read(batch)


def open_filed(dataset: Dataset, size: int, how: Fit, *, workers: int, folder: Path, few: int = FEW) -> ImageStore:
    """Decode all images once, into a file in `folder` unless they take no more than `few` bytes; without room there, as `open_images`.

    Images that cannot be read are skipped, however many these are.
    """
    count = len(dataset.items)
    if 3 * count * size * size <= few:
        return open_images(dataset, size, how, workers=workers, check=False)
    try:
        file = SquareFile(folder, count, size)
    except OSError:
        return open_images(dataset, size, how, workers=workers, check=False)
    return FiledImages(
        dataset, size, how, workers=workers, file=file, found=survey(dataset, size, how, workers=workers, squares=file.mapped())
    )
