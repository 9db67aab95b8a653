"""One decoding pass over a data set: which images can be read, their sizes, their fingerprints, and the squares for training.

Images in files are decoded by threads (decoding and resizing release Python's global interpreter lock); arrays are resized in whole chunks.
The results depend on the images only, never on the number of workers. Independent of splits and of what the results mean.
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

UNREADABLE_SHARE = 0.05  # of a class; more means that the data set is broken, not single files

Progress = Callable[[int, int], None]  # images done, images in all


def survey(
    dataset: Dataset, size: int, how: Fit, *, workers: int, squares: Tensor | None = None, on_progress: Progress | None = None
) -> Survey:
    """Decode every image once; `squares`, uint8 (N, 3, size, size), is filled if it is not None.

    workers: decoding threads; 0 decodes in the calling thread. on_progress is called with (images done, images in all).
    """
    partial = _PartialSurvey(dataset, size, how, squares)
    done, count, step = 0, len(dataset.items), dataset.rows_at_once
    chunks = [range(start, min(start + step, count)) for start in range(0, count, step)]
    with nullcontext() if dataset.is_decoded else one_torch_thread():
        for finished in _each(partial.fill, chunks, 0 if dataset.is_decoded else workers):
            done += finished
            if on_progress is not None:
                on_progress(done, count)
    return partial.survey()


class _PartialSurvey:
    """The arrays of a survey while they are filled; each thread writes to its own rows."""

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
    """The results of all chunks as they become ready; Ctrl-C drops the chunks that have not begun."""
    if workers < 1:
        yield from map(work, chunks)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from (future.result() for future in as_completed([pool.submit(work, chunk) for chunk in chunks]))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
