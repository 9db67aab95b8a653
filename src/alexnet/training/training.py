"""What a training is made of: a model, its images in batches, and everything else that `loop.fit` needs."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from alexnet.runtime.events import Listener, silent
from alexnet.training.budget import Budget
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.layout import Layout
from alexnet.training.step import Batch, OnScores


class TrainingBatches(Protocol):
    """Training images in batches, a pure function of the epoch; `epoch` can start in the middle."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        ...

    @property
    def images(self) -> int:
        """Images in an epoch."""
        ...

    @property
    def chance_loss(self) -> float:
        """Cross-entropy, in nats, of always predicting the class frequencies."""
        ...

    def epoch(self, epoch: int, first_step: int = 0) -> Generator[Batch, None, None]:
        """The batches of one epoch from `first_step` on; the caller closes the generator if training stops early."""
        ...


@dataclass(slots=True)
class Training:
    """Everything that `fit` needs to train one model."""

    model: nn.Module
    batches: TrainingBatches
    validation: Callable[[], Iterable[Batch]]
    config: TrainingConfig
    checkpoints: Checkpoints
    seed: int
    device: torch.device
    budget: Budget | None = None
    listen: Listener = silent
    should_stop: Callable[[], bool] = lambda: False
    layout: Layout | None = None  # of `model` over the workers; None: one worker
    class_weights: Tensor | None = None  # (classes,): what the training loss of an image of each class counts; None: 1
    judged_weights: Tensor | None = None  # the same for validation mistakes: the history then has the mean of the classes' errors too
    on_scores: OnScores | None = None  # receives what each validation finds, batch by batch
    log_interval: int | None = None  # most steps between two readings of the loss; None: by device (see StepLosses)
