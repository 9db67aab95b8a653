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

from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import THUMBNAIL, Fingerprints, Skipped, Survey, digest, thumbnails_of
from alexnet.data.preprocess import Fit
from alexnet.errors import UnreadableImage
from alexnet.runtime.device import one_torch_thread

UNREADABLE_SHARE = 0.05  # of a class; more means that something is wrong with the data, not with a file

Progress = Callable[[int, int], None]  # images done, images in all


def survey(
    dataset: Dataset, size: int, how: Fit, *, workers: int, squares: Tensor | None = None, on_progress: Progress | None = None
) -> Survey:
    """Decode every image once; `squares`, uint8 (N, 3, size, size), is filled when given.

    workers: decoding threads; 0 decodes in this one. on_progress hears (images done, images in all).
    """
    sheet = _Sheet(dataset, size, how, squares)
    done, count, step = 0, len(dataset.items), dataset.rows_at_once
    chunks = [range(start, min(start + step, count)) for start in range(0, count, step)]
    with nullcontext() if dataset.is_decoded else one_torch_thread():
        for finished in _each(sheet.fill, chunks, 0 if dataset.is_decoded else workers):
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
        span = slice(rows.start, rows.stop)
        shape = (len(rows), 3, self.size, self.size)
        squares = torch.empty(shape, dtype=torch.uint8) if self.squares is None else self.squares[span]
        for index, found in zip(rows, self.dataset.fill_squares(rows, squares, self.how), strict=True):
            if isinstance(found, UnreadableImage):
                self.reasons[index] = found.reason
                continue
            content, header = found
            self.readable[index], self.native[index], self.modes[index] = True, (header.width, header.height), header.mode
            self.digests[index] = digest(content)
        self.thumbnails[span] = thumbnails_of(squares)
        self.thumbnails[span][~self.readable[span]] = 0
        return len(rows)

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
