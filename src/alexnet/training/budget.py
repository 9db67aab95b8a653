"""A time budget as a number of steps, planned repeatedly from the measured speed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from alexnet.errors import BudgetTooSmall

WARM_STEPS = 3  # the first steps allocate and compile; their times are not typical of the others
TEST_SHARE = 0.35  # time to test a batch, as a share of a training step on as many images: a guess until the first validation


@dataclass(slots=True)
class Budget:
    """How many steps fit before `deadline`, leaving time for the last validation, the test and the report.

    Times are in seconds, read from `clock`. The first plan is made after the first steps and corrected until the end of training.
    """

    deadline: float
    reserve_seconds: float
    batch_size: int
    validation_images: int
    final_images: int  # images that are tested at the end, each view counted
    clock: Callable[[], float] = time.monotonic
    validation_seconds: float = 0.0  # of the last validation; 0: none yet
    step_seconds: list[float] = field(default_factory=list)
    planned_at: float = 0.0

    def observe_step(self, seconds: float) -> None:
        """Record the duration of one training step."""
        self.step_seconds.append(seconds)

    def ready(self) -> bool:
        """Whether the first plan can be made: after the warm-up steps, at least three more that took over two seconds, or 50 of them.

        Earlier when the time is used up: the plan then is to end with the steps that were made.
        """
        warm = self.step_seconds[WARM_STEPS:]
        told = len(warm) >= 3 and (sum(warm) > 2.0 or len(warm) >= 50)
        return told or self.clock() >= self.deadline - self.reserve_seconds

    def due(self) -> bool:
        """Whether a fiftieth of the remaining time has passed since the last plan."""
        now = self.clock()
        return now - self.planned_at > max(1.0, (self.deadline - self.planned_at) / 50)

    def steps_left(self, steps_per_epoch: int) -> int:
        """Steps that still fit, allowing for each epoch's validation; 0 when the time is used up."""
        self.planned_at = self.clock()
        validation = self.validation_seconds or self.validation_images * self.seconds_per_step() / self.batch_size * TEST_SHARE
        test = self.final_images * validation / max(1, self.validation_images)
        left = self.deadline - self.reserve_seconds - test - validation - self.planned_at
        return max(0, int(left / (self.seconds_per_step() + validation / steps_per_epoch)))

    def seconds_per_step(self) -> float:
        """Mean duration of the recent steps, including loading and checkpoints."""
        recent = self.step_seconds[min(WARM_STEPS, len(self.step_seconds) - 1) :][-200:]
        return sum(recent) / len(recent)

    def check(self) -> None:
        """Raise BudgetTooSmall when no time is left for a single step."""
        if self.clock() >= self.deadline - self.reserve_seconds:
            raise BudgetTooSmall(
                "The budget was used up before the first step: reading the pictures took the time. Use a longer --budget, or a smaller "
                "--image-size."
            )
