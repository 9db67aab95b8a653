"""The images of a study's runs in one process: each is decoded when the first run needs it, and kept for the runs after it."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import Fingerprints, Survey
from alexnet.data.pipeline.image_store import CPU, ImageStore, open_images, sent
from alexnet.data.preprocess import Fit


class DecodedOnDemand(ImageStore):
    """Squares of the images that are asked for, which a run with few training images leaves most of a data set out of.

    Independent of which images can be read: a study's splits hold those alone.
    """

    def __init__(self, dataset: Dataset, size: int, how: Fit) -> None:
        nothing = Survey(
            fingerprints=Fingerprints(
                digests=np.zeros(0, np.uint64), thumbnails=np.zeros((0, 16, 16), np.uint8), readable=np.zeros(0, np.bool_)
            ),
            native=np.zeros((0, 2), np.int32),
            modes=(),
            skipped=(),
        )
        super().__init__(dataset, size, how, workers=1, squares=None, survey=nothing)
        self._known = torch.zeros(len(dataset.items), dtype=torch.bool)
        self._decoded = torch.empty((len(dataset.items), 3, size, size), dtype=torch.uint8)  # no memory until it is written

    def stream(self, batches: Iterable[Sequence[int]], device: torch.device = CPU) -> Iterator[Tensor]:
        """Yield the images of each batch, uint8 (n, 3, size, size) on `device`, in order; raises UnreadableImage."""
        for batch in batches:
            indices = torch.as_tensor(batch, dtype=torch.int64)
            missing = indices[~self._known[indices]].unique()
            if len(missing):
                self._decoded[missing] = self.dataset.squares(missing.tolist(), self.size, self.how)
                self._known[missing] = True
            yield sent(self._decoded[indices], device)


def images_of_runs(dataset: Dataset, size: int, how: Fit, *, limit_bytes: int, whole: bool) -> ImageStore:
    """The images for many runs: decoded on demand; or all at once, for a GPU or a hand-crafted system, and where memory is short."""
    if whole or math.prod((len(dataset.items), 3, size, size)) > limit_bytes:
        return open_images(dataset, size, how, workers=1, check=False, memory_limit_bytes=limit_bytes)
    return DecodedOnDemand(dataset, size, how)
