"""One decoding pass over a data set: what can be read, how large it is, what it resembles, and the squares that training will use.

Images in files are decoded by threads (decoder and resizing let go of Python's lock); arrays are resized in whole chunks. Every figure
depends on the images only, never on the number of workers. Knows nothing of splits and of what the figures mean.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import THUMBNAIL, Fingerprints, Skipped, Survey, digest, thumbnails_of
from alexnet.data.preprocess import Fit
from alexnet.errors import UnreadableImage
from alexnet.runtime.device import one_torch_thread

UNREADABLE_SHARE = 0.05  # of a class; more means that something is wrong with the data, not with a file
FILES_PER_CHUNK = 32
ROWS_PER_CHUNK = 4096  # of an array

Progress = Callable[[int, int], None]  # images done, images in all


def survey(
    dataset: Dataset, size: int, how: Fit, *, workers: int, squares: Tensor | None = None, on_progress: Progress | None = None
) -> Survey:
    """Decode every image once; `squares`, uint8 (N, 3, size, size), is filled when given.

    workers: decoding threads; 0 decodes in this one. on_progress hears (images done, images in all).
    """
    sheet = _Sheet(dataset, size, how, squares)
    arrays = isinstance(dataset, ArrayDataset)
    done, count, step = 0, len(dataset.items), ROWS_PER_CHUNK if arrays else FILES_PER_CHUNK
    chunks = [range(start, min(start + step, count)) for start in range(0, count, step)]
    with nullcontext() if arrays else one_torch_thread():
        for finished in _each(sheet.fill, chunks, 0 if arrays else workers):
            done += finished
            if on_progress is not None:
                on_progress(done, count)
    return sheet.survey()


class _Sheet:
    """The survey while it is filled in; threads write to rows of their own."""

    def __init__(self, dataset: Dataset, size: int, how: Fit, squares: Tensor | None) -> None:
        count = len(dataset.items)
        self.dataset, self.size, self.how, self.squares = dataset, size, how, squares
        self.digests = np.zeros(count, np.uint64)
        self.thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL), np.uint8)
        self.readable = np.zeros(count, np.bool_)
        self.native = np.zeros((count, 2), np.int32)
        self.modes = [""] * count
        self.reasons: dict[int, str] = {}

    def fill(self, rows: range) -> int:
        dataset = self.dataset
        squares = self._array_rows(dataset, rows) if isinstance(dataset, ArrayDataset) else self._file_rows(rows)
        self.thumbnails[rows.start : rows.stop] = thumbnails_of(squares)
        self.thumbnails[rows.start : rows.stop][~self.readable[rows.start : rows.stop]] = 0
        return len(rows)

    def _array_rows(self, dataset: ArrayDataset, rows: range) -> Tensor:
        span = slice(rows.start, rows.stop)
        header = dataset.header(rows.start)
        self.readable[span], self.native[span] = True, (header.width, header.height)
        self.modes[span] = [header.mode] * len(rows)
        self.digests[span] = [digest(row.tobytes()) for row in dataset.pixels[span].contiguous().numpy()]
        squares = dataset.squares(span, self.size, self.how)
        if self.squares is not None:
            self.squares[span] = squares
        return squares

    def _file_rows(self, rows: range) -> Tensor:
        shape = (len(rows), 3, self.size, self.size)
        squares = torch.empty(shape, dtype=torch.uint8) if self.squares is None else self.squares[rows.start : rows.stop]
        for place, index in enumerate(rows):
            try:
                square, content, header = self.dataset.fitted(index, self.size, self.how)
            except UnreadableImage as problem:
                self.reasons[index] = problem.reason
                squares[place] = 0
                continue
            squares[place] = square
            self.readable[index], self.native[index], self.modes[index] = True, (header.width, header.height), header.mode
            self.digests[index] = digest(content)
        return squares

    def survey(self) -> Survey:
        items, classes = self.dataset.items, self.dataset.classes
        skipped = tuple(Skipped(items[index].name, classes[items[index].label], reason) for index, reason in sorted(self.reasons.items()))
        return Survey(Fingerprints(self.digests, self.thumbnails, self.readable), self.native, tuple(self.modes), skipped)


def _each(work: Callable[[range], int], chunks: list[range], workers: int) -> Iterator[int]:
    """The results of all chunks as they are ready; Ctrl-C drops what has not begun."""
    if workers < 1:
        yield from map(work, chunks)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from (future.result() for future in as_completed([pool.submit(work, chunk) for chunk in chunks]))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
