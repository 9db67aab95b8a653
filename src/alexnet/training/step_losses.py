"""Losses and errors of the latest steps, which stay on the device until they are read together, because reading waits for the GPU."""

from dataclasses import dataclass

import torch
from torch import Tensor

LOG_INTERVAL = 50  # most steps between two readings on a GPU
LOG_SECONDS = 1.0  # most seconds between them


@dataclass(frozen=True, slots=True)
class StepLoss:
    """One step as it was read: mean cross-entropy in nats, errors and images of the whole batch."""

    step: int
    loss: float
    wrong: float
    images: int


class StepLosses:
    """The steps that have not been read yet.

    longest: the most steps between two readings; `interval` is the present number. On a CPU reading costs nothing, and each step is read.
    """

    def __init__(self, device: torch.device, longest: int | None = None) -> None:
        self.longest = longest or (1 if device.type == "cpu" else LOG_INTERVAL)
        self.interval = 1  # the first step is read at once, so that there is always a loss to report
        self.steps: list[tuple[int, int]] = []  # number of the step, images in it
        self.losses: list[Tensor] = []
        self.wrong: list[Tensor] = []

    def add(self, step: int, loss: Tensor, wrong: Tensor, images: int) -> None:
        """Store one step's mean loss and number of errors, 0-d tensors on the device, without reading them."""
        self.steps.append((step, images))
        self.losses.append(loss)
        self.wrong.append(wrong)

    def due(self) -> bool:
        """Whether it is time to read the losses."""
        return len(self.steps) >= self.interval

    def read(self) -> list[StepLoss]:
        """The steps since the last reading, oldest first; waits for the GPU."""
        if not self.steps:
            return []
        losses, wrong = torch.stack(self.losses).tolist(), torch.stack(self.wrong).tolist()
        found = [StepLoss(step, loss, errors, images) for (step, images), loss, errors in zip(self.steps, losses, wrong, strict=True)]
        self.steps, self.losses, self.wrong = [], [], []
        return found

    def steps_within(self, seconds_per_step: float) -> int:
        """How many steps the next interval should have at this speed."""
        return max(1, min(self.longest, int(LOG_SECONDS / max(seconds_per_step, 1e-9))))
