"""The training loop: steps, epochs, validation, checkpoints. It reports its progress as events to a listener."""

import math
import time
from contextlib import closing
from typing import cast

import torch
from torch import Tensor, nn

from alexnet.errors import Interrupted, TrainingFailed
from alexnet.runtime.device import Precision, choose_precision
from alexnet.runtime.events import EpochDone, Planned, StepDone
from alexnet.training.budget import Budget
from alexnet.training.config import BALANCED_ERROR
from alexnet.training.diagnosis import diagnose
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import Layout
from alexnet.training.schedule import learning_rate, validation_due
from alexnet.training.state import TrainingState
from alexnet.training.step import measure_classes, seed_dropout, training_step
from alexnet.training.step_losses import StepLosses
from alexnet.training.training import Training
from alexnet.training.weight_average import weight_average

CHANCE_EPOCHS, CHANCE_STEPS = 5, 2_000  # a network that is still at chance after both does not learn
CHANCE_MARGIN = 0.003  # nats


def fit(training: Training) -> TrainingState:
    """Train to the end of the schedule, resuming from the last checkpoint if there is one.

    Raises Interrupted when `should_stop` returns true, and TrainingFailed, with a diagnosis, when the loss is not
    finite or stays at chance; in both cases the last checkpoint is complete.
    """
    progress = _Fit(training)
    while not progress.state.finished:
        progress.train_epoch()
        progress.end_epoch()
    return progress.state


class _Fit:
    """A training in progress: the model, its optimizer and its counters."""

    def __init__(self, training: Training) -> None:
        self.training, self.config = training, training.config
        self.precision: Precision = choose_precision(training.config.precision, training.device)
        self.model = training.model
        self.layout = training.layout or Layout(self.model)
        self.workers = self.layout.world
        self.forward: nn.Module = self.layout.forward
        if self.config.compile:
            self.forward = cast(nn.Module, torch.compile(self.forward))
        self.optimizer = Descent(self.model, self.config)
        self.average = weight_average(self.model, self.config.averaging)
        self.state = training.checkpoints.resume(self.model, self.optimizer, self.average) or TrainingState()
        self.validated: nn.Module = self.average.module if self.average else self.model
        self.losses = StepLosses(training.device, training.log_interval)
        self.loss = math.nan  # of the last step that was read
        self.images = torch.empty(0)  # of the last step, for a diagnosis
        self.images_per_second = 0.0
        self.started = self.read_at = time.monotonic()
        self.seconds_before = self.state.seconds
        if training.budget is not None:
            training.budget.deadline -= self.state.seconds
            if not self.state.step:
                training.budget.check()
        elif not self.state.planned_steps:
            steps = round(self.config.epochs * training.batches.steps_per_epoch, 6)  # 41 of 12 an epoch: 3.4166666666666665 epochs
            self.state.planned_steps = math.ceil(steps)

    def train_epoch(self) -> None:
        """The steps of one epoch, or those that remain after resuming in the middle of it."""
        if self.schedule_ended():
            return
        with closing(self.training.batches.epoch(self.state.epoch, self.state.step_in_epoch)) as batches:
            for images, labels in batches:
                self.train_step(images, labels)
                if self.schedule_ended():
                    return

    def train_step(self, images: Tensor, labels: Tensor) -> None:
        """One optimizer step with its bookkeeping, then a checkpoint or a stop if one is due."""
        state, config, count = self.state, self.config, self._images_in_step(len(labels))
        self.images = images
        self.optimizer.set_learning_rate(self.learning_rate())
        seed_dropout(self.training.seed * 1_000_003 + state.step, self.training.device)  # a function of the step alone
        self.layout.begin(count)
        loss, wrong = training_step(
            self.forward,
            self.optimizer,
            images,
            labels,
            config.label_smoothing,
            self.precision,
            count,
            self.layout.step_totals,
            class_weights=self.training.class_weights,
        )
        if self.average is not None:
            self.average.update(self.model, self.optimizer.failed)
        state.advance()
        self.losses.add(state.step, loss, wrong, count)
        if self.losses.due():
            self._read_losses()
        self._report_step()
        self._stop_or_save()

    def learning_rate(self) -> float:
        """The scheduled learning rate of the next step."""
        return learning_rate(self.config, self.state.progress, self.state.plateau.drops)

    def _images_in_step(self, own: int) -> int:
        """The images in this batch, over all workers."""
        if self.workers.size == 1:
            return own
        batch = self.config.batch_size
        return min(batch, self.training.batches.images - self.state.step_in_epoch * batch)

    def schedule_ended(self) -> bool:
        """Whether the planned steps are done."""
        return 0 < self.state.planned_steps <= self.state.step

    def _read_losses(self) -> None:
        """Add the steps since the last reading to the epoch's sums, and measure their speed: reading has just waited for the GPU.

        Raises TrainingFailed at the first step whose loss is not finite.
        """
        steps = self.losses.read()
        for step in steps:
            if not math.isfinite(step.loss):
                raise TrainingFailed(self._failure(f"the loss became {step.loss} at step {step.step:,}", self.images))
            self.state.add(step.loss, step.wrong, step.images)
            self.loss = step.loss
        if steps:
            self._measure_speed([step.images for step in steps])

    def _measure_speed(self, images: list[int]) -> None:
        """Time the steps just read (`images`: how many each had), and plan the budget's steps and the next reading accordingly."""
        now, budget = time.monotonic(), self.training.budget
        seconds, self.read_at = now - self.read_at, now
        self.images_per_second = sum(images) / max(seconds, 1e-9)
        self.state.seconds = self.seconds_before + now - self.started
        if budget is not None:
            for _ in images:
                budget.observe_step(seconds / len(images))
            self._plan_steps(budget)
        if self.losses.longest > 1:  # the first worker's speed decides for all: they must fail at the same step
            self.losses.interval = int(self.workers.from_first(self.losses.steps_within(seconds / len(images)))[0])

    def _plan_steps(self, budget: Budget) -> None:
        state, batches = self.state, self.training.batches
        first = state.planned_steps == 0
        ready = budget.ready() if first else budget.due()
        if not self.workers.any(self.workers.first and ready):  # the first worker's clock decides for all
            return
        left = int(self.workers.from_first(budget.steps_left(batches.steps_per_epoch))[0])
        state.planned_steps = max(state.step, state.step + left)
        if first:
            self.training.listen(Planned(state.planned_steps, state.planned_steps / batches.steps_per_epoch, budget.seconds_per_step()))

    def _report_step(self) -> None:
        """Advance the schedule, and report the step to the listener."""
        state, budget = self.state, self.training.budget
        left = state.planned_steps - state.step
        if state.planned_steps and budget is not None:
            state.progress += (1.0 - state.progress) / max(1, left + 1)
        elif state.planned_steps:
            state.progress = min(1.0, state.step / state.planned_steps)
        per_step = budget.seconds_per_step() if budget is not None else state.seconds / state.step
        seconds_left = max(0, left) * per_step
        self.training.listen(StepDone(state.step, self._epochs(), state.progress, self.loss, self.images_per_second, seconds_left))

    def _epochs(self) -> float:
        """Epochs trained so far, including the fraction of the current one."""
        return self.state.epoch + self.state.step_in_epoch / self.training.batches.steps_per_epoch

    def _stop_or_save(self) -> None:
        due = self.workers.first and self.training.checkpoints.due()
        stops, saves = self.workers.sum(float(self.training.should_stop()), float(due))
        if stops or saves:
            self._read_losses()  # so that a checkpoint holds the sums up to its own step, and no failed step is saved
            self._save()
        if stops:
            raise Interrupted(f"Stopped after step {self.state.step:,}; nothing is lost.")

    def _save(self) -> None:
        self.training.checkpoints.save(self.model, self.optimizer, self.average, self.state)

    def end_epoch(self) -> None:
        """Validate if it is due, add a row to the history, save the weights to keep, and decide whether training ends."""
        state = self.state
        self._read_losses()
        ends = self.schedule_ended() or self._has_learned_enough()
        validates = ends or validation_due(self.config, state.epoch + 1, state.planned_steps / self.training.batches.steps_per_epoch)
        row = self._history_row(self._validate() if validates else None)
        state.history.append(row)
        best = validates and self._save_if_best(row["validation_loss"], row[self.config.judged_by])
        self.training.listen(EpochDone(row, best))
        self._check_above_chance(row["training_loss"])
        if validates:
            state.plateau.observe(row["epoch"], row[self.config.judged_by], self.config)
        state.start_epoch()
        state.finished = ends or (self.config.schedule == "plateau" and state.plateau.finished)
        if validates or self.training.checkpoints.due() or self.workers.size > 1:
            self._save()
        if self.workers.any(self.training.should_stop()):
            raise Interrupted(f"Stopped after step {self.state.step:,}; nothing is lost.")
        self.read_at = time.monotonic()

    def _validate(self) -> tuple[float, float, float]:
        """Validation loss, error, and mean of the classes' errors if they are weighed; raises TrainingFailed if the loss is not finite."""
        started = time.monotonic()
        scorer = self.layout.scorer(self.validated)
        validation, weights = self.training.validation(), self.training.judged_weights
        loss, error, of_classes = measure_classes(scorer, validation, self.precision, self.layout, weights, self.training.on_scores)
        if not math.isfinite(loss):
            what = f"the validation loss became {loss} at step {self.state.step:,}"
            raise TrainingFailed(self._failure(what, self._first_images()))
        if self.training.budget is not None:
            self.training.budget.validation_seconds = time.monotonic() - started
        return loss, error, of_classes

    def _save_if_best(self, loss: float, error: float) -> bool:
        """Save the weights if their validation error is the lowest so far, or equal to it with no higher loss; returns whether it is.

        Where the last weights are kept, any weights replace those before them.
        """
        state = self.state
        better = self.config.kept == "last" or error < state.best_error or (error == state.best_error and loss <= state.best_loss)
        missing = self.workers.first and not self.training.checkpoints.best.exists()
        if better or self.workers.any(missing):
            state.best_error, state.best_loss = error, loss
            self.training.checkpoints.save_best(self.validated, state)
        return better

    def _has_learned_enough(self) -> bool:
        """Whether training ends before its planned steps, at a training error that is low enough."""
        return 0 < self.config.enough_training_error >= self.state.training_error

    def _history_row(self, validation: tuple[float, float, float] | None) -> dict[str, float]:
        """The row of an epoch; validation: its loss, error and mean of the classes' errors, if they were measured."""
        state = self.state
        measured = {} if validation is None else dict(zip(("validation_loss", "validation_error", BALANCED_ERROR), validation, strict=True))
        if self.training.judged_weights is None:
            measured.pop(BALANCED_ERROR, None)
        return {
            "epoch": self._epochs(),
            "step": state.step,
            "training_loss": state.training_loss,
            "training_error": state.training_error,
            **measured,
            "learning_rate": self.learning_rate(),
            "images_per_second": self._images_so_far() / max(state.seconds, 1e-9),
            "seconds": state.seconds,
        }

    def _images_so_far(self) -> int:
        """Images trained on, each as often as it was seen; the last batch of an epoch may be smaller than the others."""
        images = self.training.batches.images
        return self.state.epoch * images + min(images, self.state.step_in_epoch * self.config.batch_size)

    def _check_above_chance(self, training_loss: float) -> None:
        state, chance = self.state, self.training.batches.chance_loss
        state.epochs_at_chance = state.epochs_at_chance + 1 if training_loss > chance - CHANCE_MARGIN else 0
        if state.epochs_at_chance >= CHANCE_EPOCHS and state.step >= CHANCE_STEPS:
            what = f"the loss has stayed at {training_loss:.3f}, no better than guessing, for {state.epochs_at_chance} epochs"
            raise TrainingFailed(self._failure(what, self._first_images()))

    def _first_images(self) -> Tensor:
        """The first batch of this epoch, for a diagnosis."""
        with closing(self.training.batches.epoch(self.state.epoch)) as batches:
            images, _ = next(batches)
        return images

    def _failure(self, what: str, images: Tensor) -> str:
        best = self.training.checkpoints.best
        where = f"The last good weights are in {best}." if best.exists() else "No good checkpoint exists yet."
        advice = "Try a smaller --training.learning-rate, or --network.initialisation he."
        found = "" if self.layout.dims else f"{diagnose(self.model, self.optimizer, images)}\n  "  # not for a divided network
        return f"Training stopped: {what}.\n  {found}{where} {advice}"
