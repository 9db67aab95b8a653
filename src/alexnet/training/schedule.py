"""The learning rate: a function of progress (one-cycle, constant), or of the validation error (plateau). Also when to validate."""

import math
from dataclasses import dataclass

from alexnet.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, progress: float, drops: int) -> float:
    """The rate at `progress` (0 to 1 of the steps) after `drops` divisions of the plateau schedule."""
    if config.schedule == "one-cycle":
        return config.learning_rate * one_cycle(progress, config.warmup, config.final_learning_rate)
    if config.schedule == "plateau":
        return config.learning_rate / config.plateau_divisor**drops
    return config.learning_rate


def one_cycle(progress: float, warmup: float, final: float) -> float:
    """A factor that rises linearly to 1 during `warmup`, then falls along a cosine to `final`."""
    if progress < warmup:
        return max(final, progress / warmup)
    rest = min(1.0, (progress - warmup) / (1.0 - warmup))
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * rest)) / 2


def validation_due(config: TrainingConfig, epoch: int, planned: float) -> bool:
    """Whether to validate after this epoch, from 1: always, or at `validations` epochs spread evenly over the planned ones."""
    if not config.validations or not planned:
        return True
    apart = max(1.0, planned / config.validations)
    return math.floor(epoch / apart) > math.floor((epoch - 1) / apart)


@dataclass(slots=True)
class Plateau:
    """Counts divisions: one when the validation error has not improved for `plateau_epochs` (section 5)."""

    best_error: float = math.inf
    best_epoch: float = 0.0
    drops: int = 0
    finished: bool = False

    def observe(self, epoch: float, validation_error: float, config: TrainingConfig) -> None:
        """Record the validation error after `epoch` epochs; may divide the rate or end the training."""
        if validation_error < self.best_error:
            self.best_error, self.best_epoch = validation_error, epoch
        elif epoch - self.best_epoch >= config.plateau_epochs:
            self.finished = self.drops >= config.plateau_drops
            self.drops = min(self.drops + 1, config.plateau_drops)
            self.best_epoch = epoch
