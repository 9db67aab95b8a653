"""The fitted squares of a data set, ready to train on: in memory if they fit, otherwise decoded again by worker processes.

Fitted means at the size that training needs, before augmentation. The bytes and their order do not depend on the number of workers.
Squares in memory are copied once to the GPU that needs them, if they leave enough of its memory for training.
Independent of splits, epochs and augmentation.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from alexnet.data.curation.scan import UNREADABLE_SHARE, Progress, survey
from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import Fingerprints, Skipped, Survey
from alexnet.data.pipeline.shared_memory import can_share, together
from alexnet.data.preprocess import Fit
from alexnet.data.sources.folder import LAYOUT
from alexnet.errors import BadDataset, UnreadableImage
from alexnet.runtime.device import free_device_memory, one_torch_thread
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.machine import available_bytes
from alexnet.runtime.process_pool import end_with_parent

MEMORY_SHARE = 0.4  # of the free memory, for decoded squares
DEVICE_SHARE = 1 / 3  # of a GPU's free memory, for the same squares
FreeMemory = Callable[[torch.device], int | None]  # free bytes of a device; None for a device without memory of its own
CPU = torch.device("cpu")


class ImageStore:
    """Squares uint8 (3, size, size) of a data set by index; made by `open_images`.

    labels: int64 (N,), of all items; readable: the indices that may be used; skipped: the others, with reasons;
    native: width and height of each upright image in pixels; fingerprints: the data for finding duplicates.
    """

    def __init__(self, dataset: Dataset, size: int, how: Fit, *, workers: int, squares: Tensor | None, survey: Survey) -> None:
        self.dataset, self.size, self.how, self.workers = dataset, size, how, workers
        self.squares = squares
        self.labels = torch.as_tensor(dataset.labels, dtype=torch.int64)
        self._on_devices: dict[torch.device, Tensor | None] = {}
        self.readable: tuple[int, ...] = survey.readable
        self.skipped: tuple[Skipped, ...] = survey.skipped
        self.fingerprints: Fingerprints = survey.fingerprints
        self.native: Tensor = torch.from_numpy(survey.native)

    def labels_of(self, indices: Sequence[int]) -> NDArray[np.int64]:
        """int64 (n,), the class numbers of images."""
        return np.asarray(self.labels[torch.tensor(indices, dtype=torch.int64)].numpy(), dtype=np.int64)

    @property
    def in_memory(self) -> bool:
        """Whether the decoded squares are in memory."""
        return self.squares is not None

    def square(self, index: int) -> Tensor:
        """One image, uint8 (3, size, size)."""
        return next(self.stream([[index]]))[0]

    def squares_on(self, device: torch.device, free_memory: FreeMemory = free_device_memory) -> Tensor | None:
        """All squares on a device with its own memory, copied at the first call; None if they would take too much of its free memory."""
        if device not in self._on_devices:
            free = free_memory(device)
            fits = self.squares is not None and free is not None and self.squares.nbytes < DEVICE_SHARE * free
            self._on_devices[device] = self.squares.to(device) if fits and self.squares is not None else None
        return self._on_devices[device]

    def stream(self, batches: Iterable[Sequence[int]], device: torch.device = CPU) -> Iterator[Tensor]:
        """Yield the images of each batch of indices, uint8 (n, 3, size, size) on `device`, in order.

        They come from the device's memory if `squares_on` has room, from main memory, or from `workers` processes, which decode ahead and
        start with each call: call it once per run or epoch, not per batch.
        Raises UnreadableImage for an image that cannot be read, or can no longer be read.
        """
        resident = self.squares_on(device)
        if resident is None:
            yield from (sent(images, device) for images in self._stream_on_host(batches))
            return
        for batch in batches:
            yield resident[sent(torch.as_tensor(batch, dtype=torch.int64), device)]

    def _stream_on_host(self, batches: Iterable[Sequence[int]]) -> Iterator[Tensor]:
        if self.squares is not None:
            for batch in batches:
                yield self.squares[torch.as_tensor(batch, dtype=torch.int64)]
            return
        for squares in _loader(_Squares(self.dataset, self.size, self.how), batches, self.workers):
            if isinstance(squares, UnreadableImage):
                raise squares
            yield squares


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; a GPU copies it from pinned memory while the CPU continues."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def open_images(
    dataset: Dataset,
    size: int,
    how: Fit,
    *,
    workers: int,
    memory_limit_bytes: int | None = None,
    on_progress: Progress | None = None,
    check: bool = True,
    world: Workers = ALONE,
) -> ImageStore:
    """Decode all images once, and keep the squares in memory if they fit in `memory_limit_bytes` (40% of the free memory if None).

    workers: threads of this pass, and processes that decode later if the squares do not fit; 0 uses neither.
    world: the workers that need the same images; those on one machine decode them once and share the memory.
    A pack that does not fit is not decoded here, because its index holds the survey. Raises BadDataset as `check_readable` does, unless
    `check` is false (images to evaluate on may be of one class).
    """
    copies = 1 if can_share(world) else world.local_size
    limit = int(MEMORY_SHARE * available_bytes() / copies) if memory_limit_bytes is None else memory_limit_bytes

    def read(allocate: Callable[[tuple[int, ...]], Tensor], report: Progress | None) -> tuple[Survey, Tensor | None]:
        shape = (len(dataset.items), 3, size, size)
        squares = allocate(shape) if math.prod(shape) <= limit else None
        known = dataset.known_survey() if squares is None else None
        return known or survey(dataset, size, how, workers=workers, squares=squares, on_progress=report), squares

    if can_share(world):
        found, squares = together(world, lambda reading: read(reading.squares, reading.heartbeat(on_progress)))
    else:
        found, squares = read(partial(torch.empty, dtype=torch.uint8), on_progress)
    if check:
        check_readable(dataset, found.skipped)
    return ImageStore(dataset, size, how, workers=workers, squares=squares, survey=found)


def check_readable(dataset: Dataset, skipped: Sequence[Skipped], share: float = UNREADABLE_SHARE) -> None:
    """Raise BadDataset if over this share of a class cannot be read, or fewer than 2 classes have a readable image.

    HEIC photos that cannot be decoded here are not broken, and are not counted: neither as files nor as unreadable ones.
    """
    counts = Counter(dataset.classes[item.label] for item in dataset.items)
    counts -= Counter(skip.class_name for skip in skipped if skip.is_heic)
    broken = Counter(skip.class_name for skip in skipped if not skip.is_heic)
    _check_share(dataset, skipped, counts, broken, share)
    alive = [name for name in dataset.classes if counts[name] > broken[name]]
    if len(alive) < 2:
        only = f"only one class with pictures, '{alive[0]}'" if alive else "no class with pictures"
        heic = f" {heic_remark(skipped)}" if any(skip.is_heic for skip in skipped) else ""
        raise BadDataset(
            f"{dataset.name} has {only}; training needs at least 2.{heic} {LAYOUT} `alexnet inspect {dataset.name}` shows what is there."
        )


def heic_remark(skipped: Sequence[Skipped]) -> str:
    """How many photos were left out because they are HEIC, and what to do."""
    photos = sum(skip.is_heic for skip in skipped)
    are = "is a HEIC photo" if photos == 1 else "are HEIC photos"
    return f"{photos:,} of the files {are}: pip install '.[heic]' makes them readable."


def _check_share(dataset: Dataset, skipped: Sequence[Skipped], counts: Counter[str], broken: Counter[str], share: float) -> None:
    bad = [name for name in dataset.classes if broken[name] > share * counts[name]]
    if bad:
        example = next(skip for skip in skipped if skip.class_name == bad[0] and not skip.is_heic)
        figures = "; ".join(f"'{name}': {broken[name]:,} of {counts[name]:,}" for name in bad[:5]) + ("; ..." if len(bad) > 5 else "")
        raise BadDataset(
            f"Over {100 * share:.3g}% of the pictures of a class cannot be read ({figures}). "
            f"For example, {example.name} {example.reason}. `alexnet inspect {dataset.name}` lists them all; fix or delete them, "
            "or train without them: --max-unreadable 1."
        )


class _Squares(TorchDataset[Tensor]):
    """The data set as a worker process sees it: whole batches are decoded at once."""

    def __init__(self, dataset: Dataset, size: int, how: Fit) -> None:
        self.dataset, self.size, self.how = dataset, size, how

    def __getitems__(self, indices: list[int]) -> Tensor | UnreadableImage:
        try:
            with nullcontext() if self.dataset.is_decoded else one_torch_thread():
                return self.dataset.squares(indices, self.size, self.how).contiguous()
        except UnreadableImage as problem:
            return problem  # returned, because torch cannot re-raise an error with two arguments in the main process


def _loader(squares: _Squares, batches: Iterable[Sequence[int]], workers: int) -> DataLoader[Tensor]:
    return DataLoader(
        squares,
        batch_sampler=([int(index) for index in batch] for batch in batches),
        num_workers=workers,
        collate_fn=_unchanged,
        worker_init_fn=_begin if workers else None,
        generator=torch.Generator(),  # torch draws a seed for its workers, which must not advance the run's global generator
    )


def _unchanged(batch: Any) -> Any:
    return batch


def _begin(worker: int) -> None:
    """In a new process: torch itself watches the process that forked it, which is another one than ours under `forkserver`."""
    end_with_parent()
