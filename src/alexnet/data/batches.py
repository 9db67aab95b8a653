"""Training and validation batches on the training device: uint8 pictures, changed at random, and labels.

Everything random is a function of (seed, epoch, picture), so neither an interruption nor the number of workers changes a batch.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from alexnet.data.augment import AugmentConfig, ColourPCA, augment, centre_crop
from alexnet.data.counted import permutation
from alexnet.data.pictures import Pictures

Batch = tuple[Tensor, Tensor]


class AugmentedBatches:
    """The training pictures, each once an epoch in a new order, augmented to `size` px on `device`."""

    def __init__(
        self,
        pictures: Pictures,
        indices: Sequence[int],
        *,
        size: int,
        batch_size: int,
        config: AugmentConfig,
        pca: ColourPCA | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.pictures, self.indices = pictures, torch.as_tensor(indices, dtype=torch.int64)
        self.size, self.batch_size, self.config, self.pca, self.seed, self.device = size, batch_size, config, pca, seed, device
        self.images = len(indices)
        self.steps_per_epoch = math.ceil(self.images / batch_size)

    @property
    def chance_loss(self) -> float:
        """Entropy of the class frequencies in nats; ln(classes) when they are equal."""
        counts = torch.bincount(self.pictures.labels[self.indices]).double()
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * shares.log()).sum())

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from `first_step` on; the last one may be smaller."""
        order = self.indices[permutation(self.images, self.seed, epoch)]
        parts = list(order.split(self.batch_size))[first_step:]
        for part, images in zip(parts, self.pictures.stream([part.tolist() for part in parts]), strict=True):
            on_device = images.to(self.device, non_blocking=True)
            changed = augment(on_device, self.size, self.config, self.pca, seed=self.seed, epoch=epoch, pictures=part)
            yield changed, self.pictures.labels[part].to(self.device)


def plain_batches(pictures: Pictures, indices: Sequence[int], *, size: int, batch_size: int, device: torch.device) -> Iterator[Batch]:
    """The centres of the pictures in order, without changes: for validation."""
    parts = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
    for part, images in zip(parts, pictures.stream(parts), strict=True):
        labels = pictures.labels[torch.as_tensor(part, dtype=torch.int64)]
        yield centre_crop(images.to(device, non_blocking=True), size), labels.to(device)
