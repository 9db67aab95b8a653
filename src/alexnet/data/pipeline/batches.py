"""Training and validation batches on the training device: uint8 images, augmented for training, and labels.

All randomness is a function of (seed, epoch, image), so neither an interruption nor the number of workers changes a batch.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from alexnet.data.balance import Balance
from alexnet.data.pipeline.augment import AugmentConfig, augment, centre_crop
from alexnet.data.pipeline.class_order import balanced_order
from alexnet.data.pipeline.colour_statistics import ColourPCA
from alexnet.data.pipeline.counter_rng import permutation
from alexnet.data.pipeline.image_store import ImageStore, sent
from alexnet.data.pipeline.prefetch import Batches, BatchStream, batch_stream, staged

Rows = Callable[[int], range]  # this worker's rows of a batch of that size; rows past its end repeat the last image, without a label


def _all(count: int) -> range:
    return range(count)


def _shared(part: Tensor, rows: range) -> tuple[Tensor, int]:
    """The image numbers of a batch that are this worker's, and how many of them are not padding."""
    places = torch.arange(rows.start, rows.stop)
    return part[places.clamp(max=len(part) - 1)], int((places < len(part)).sum())


class AugmentedBatches:
    """The training images, each once per epoch in a new order, augmented to `size` px on `device`.

    balance: "sampling" draws every class equally often instead; "loss" leaves the order, and the loss is weighed elsewhere.

    stream: where the next batch is made during a training step; None: the device's side stream, if any (see `batch_stream`).
    """

    def __init__(  # noqa: PLR0913 - the source (2), the result (5), the device (1), this worker's share (1), the stream (1), the classes (1)
        self,
        store: ImageStore,
        indices: Sequence[int],
        *,
        size: int,
        batch_size: int,
        config: AugmentConfig,
        pca: ColourPCA | None,
        seed: int,
        device: torch.device,
        rows: Rows = _all,
        stream: BatchStream | None = None,
        balance: Balance = "none",
    ) -> None:
        self.rows, self.stream = rows, stream or batch_stream(device)
        self.store, self.indices = store, torch.as_tensor(indices, dtype=torch.int64)
        self.size, self.batch_size, self.config, self.pca, self.seed, self.device = size, batch_size, config, pca, seed, device
        self.images, self.balance = len(indices), balance
        self.steps_per_epoch = math.ceil(self.images / batch_size)

    @property
    def chance_loss(self) -> float:
        """Entropy of the class frequencies in nats; ln(classes) when they are equal, or made equal."""
        counts = torch.bincount(self.store.labels[self.indices]).double()
        if self.balance != "none":
            return math.log(int((counts > 0).sum()))
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * shares.log()).sum())

    def epoch(self, epoch: int, first_step: int = 0) -> Batches:
        """The batches of one epoch, starting at `first_step`; the last one may be smaller."""
        return staged(self._made(epoch, first_step), self.stream)

    def _made(self, epoch: int, first_step: int) -> Batches:
        order, repeats = self._order(epoch)
        places = torch.arange(self.images).split(self.batch_size)[first_step:]
        parts = [_shared(part, self.rows(len(part))) for part in places]
        chosen = [order[part] for part, _ in parts]
        for (part, count), own, images in zip(parts, chosen, self.store.stream((own.tolist() for own in chosen), self.device), strict=True):
            drawn = own if repeats is None else own + repeats[part] * len(self.store.labels)  # a number of its own for each time
            augmented = augment(images, self.size, self.config, self.pca, seed=self.seed, epoch=epoch, indices=drawn)
            yield augmented, sent(self.store.labels[own[:count]], self.device)

    def _order(self, epoch: int) -> tuple[Tensor, Tensor | None]:
        """The images of an epoch in their order, and for sampling how often each was seen before in it."""
        if self.balance != "sampling":
            return self.indices[permutation(self.images, self.seed, epoch)], None
        places, repeats = balanced_order(self.store.labels[self.indices], self.seed, epoch)
        return self.indices[places], repeats


def plain_batches(
    store: ImageStore,
    indices: Sequence[int],
    *,
    size: int,
    batch_size: int,
    device: torch.device,
    rows: Rows = _all,
    stream: BatchStream | None = None,
) -> Batches:
    """The central crops of the images in order, for validation. batch_size: over all workers; stream: as for training."""

    def made() -> Batches:
        parts = [_shared(part, rows(len(part))) for part in torch.as_tensor(indices, dtype=torch.int64).split(batch_size)]
        for (part, count), images in zip(parts, store.stream((part.tolist() for part, _ in parts), device), strict=True):
            yield centre_crop(images, size), sent(store.labels[part[:count]], device)

    return staged(made(), stream or batch_stream(device))
