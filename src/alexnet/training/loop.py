"""The training loop: steps, epochs, validation, checkpoints. It sees images and labels, and tells a listener the rest."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from alexnet.errors import Interrupted, TrainingFailed
from alexnet.runtime.device import Precision, autocast, choose_precision
from alexnet.runtime.events import EpochDone, Listener, Planned, StepDone, silent
from alexnet.training.budget import Budget
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import TrainingConfig
from alexnet.training.diagnosis import diagnose
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.base import Layout
from alexnet.training.schedule import learning_rate
from alexnet.training.state import TrainingState

Batch = tuple[Tensor, Tensor]  # uint8 images (N, 3, S, S), int64 labels (at most N,): images behind the last label only fill up a share

CHANCE_EPOCHS, CHANCE_STEPS = 5, 2_000  # at chance for both: the network does not learn
CHANCE_MARGIN = 0.003  # nats


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
        """Cross-entropy, in nats, of a model that knows the class frequencies alone."""
        ...

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from `first_step` on."""
        ...


@dataclass(slots=True)
class Training:
    """One model being fitted; `fit` runs it to its end."""

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


def fit(training: Training) -> TrainingState:
    """Train to the end of the schedule, from the last checkpoint if there is one.

    Raises Interrupted when `should_stop` answers true, and TrainingFailed, with a diagnosis, when the loss is not
    finite or stays at chance; in both cases the last checkpoint is whole.
    """
    progress = _Fit(training)
    while not progress.state.finished:
        state = progress.state
        batches = iter(()) if progress.at_end() else training.batches.epoch(state.epoch, state.step_in_epoch)
        for images, labels in batches:
            progress.step(images, labels)
            if progress.at_end():
                break
        progress.end_epoch()
    return progress.state


class _Fit:
    """A training in progress: the model, its optimizer and its counters."""

    def __init__(self, training: Training) -> None:
        self.training, self.config = training, training.config
        self.precision: Precision = choose_precision(training.config.precision, training.device)
        self.model = training.model
        self.layout = training.layout or Layout(self.model)
        self.world = self.layout.world
        self.forward: nn.Module = self.layout.forward
        if self.config.compile:
            self.forward = cast(nn.Module, torch.compile(self.forward))
        self.optimizer = Descent(self.model, self.config)
        self.average = _average_of(self.model, self.config.averaging)
        self.state = training.checkpoints.resume(self.model, self.optimizer, self.average) or TrainingState()
        self.tested: nn.Module = self.average.module if self.average else self.model
        self.started = self.last_step_at = time.monotonic()
        self.seconds_before = self.state.seconds
        if training.budget is not None:
            training.budget.deadline -= self.state.seconds
        elif not self.state.planned_steps:
            self.state.planned_steps = math.ceil(self.config.epochs * training.batches.steps_per_epoch)

    def step(self, images: Tensor, labels: Tensor) -> None:
        """One optimizer step, its bookkeeping, and the stop that may follow it."""
        rate = learning_rate(self.config, self.state.progress, self.state.plateau.drops)
        self.optimizer.set_learning_rate(rate)
        torch.manual_seed(self.training.seed * 1_000_003 + self.state.step)  # dropout: a function of the step alone
        count = self._images_in_step(len(labels))
        self.layout.begin(count)
        smoothing = self.config.label_smoothing
        own = training_step(self.forward, self.optimizer, images, labels, smoothing, self.precision, count)
        loss, wrong = self.layout.totals(*own)
        if self.average is not None:
            self.average.update_parameters(self.model)
        if not math.isfinite(loss):
            raise TrainingFailed(self._failure(f"the loss became {loss} at step {self.state.step + 1:,}", images))
        self.state.count(loss, wrong, count)
        self._advance(loss, count)
        self._keep()

    def _images_in_step(self, own: int) -> int:
        """How many images the workers' shares of this batch hold together."""
        if self.world.size == 1:
            return own
        batch = self.config.batch_size
        return min(batch, self.training.batches.images - self.state.step_in_epoch * batch)

    def at_end(self) -> bool:
        """Whether the planned steps are done."""
        return 0 < self.state.planned_steps <= self.state.step

    def end_epoch(self) -> None:
        """Validate, write a row of history, keep the best, and decide whether to go on."""
        state, started = self.state, time.monotonic()
        loss, error = measure(self.layout.scorer(self.tested), self.training.validation(), self.precision, self.layout)
        if not math.isfinite(loss):
            images, _ = next(iter(self.training.batches.epoch(state.epoch)))
            raise TrainingFailed(self._failure(f"the validation loss became {loss} at step {state.step:,}", images))
        if self.training.budget is not None:
            self.training.budget.validation_seconds = time.monotonic() - started
        row = self._row(loss, error)
        state.history.append(row)
        better = error < state.best_error or (error == state.best_error and loss <= state.best_loss)
        lost = self.world.first and not self.training.checkpoints.best.exists()
        if better or self.world.any(lost):
            state.best_error, state.best_loss = error, loss
            self.training.checkpoints.save_best(self.tested, state)
        self.training.listen(EpochDone(row, better))
        self._check_chance(row["training_loss"])
        state.plateau.observe(row["epoch"], error, self.config)
        state.start_epoch()
        enough = self.config.enough_training_error > 0 and row["training_error"] <= self.config.enough_training_error
        state.finished = self.at_end() or enough or (self.config.schedule == "plateau" and state.plateau.finished)
        self._save()
        if self.world.any(self.training.should_stop()):
            raise Interrupted(f"Stopped after step {self.state.step:,}; nothing is lost.")
        self.last_step_at = time.monotonic()

    def _advance(self, loss: float, images: int) -> None:
        state, budget, now = self.state, self.training.budget, time.monotonic()
        seconds, self.last_step_at = now - self.last_step_at, now
        state.seconds = self.seconds_before + now - self.started
        if budget is not None:
            budget.observe_step(seconds)
            self._plan(budget)
        left = state.planned_steps - state.step
        if state.planned_steps and budget is not None:
            state.progress += (1.0 - state.progress) / max(1, left + 1)
        elif state.planned_steps:
            state.progress = min(1.0, state.step / state.planned_steps)
        epoch = state.epoch + state.step_in_epoch / self.training.batches.steps_per_epoch
        per_step = budget.seconds_per_step() if budget is not None else state.seconds / state.step
        self.training.listen(StepDone(state.step, epoch, state.progress, loss, images / max(seconds, 1e-9), max(0, left) * per_step))

    def _plan(self, budget: Budget) -> None:
        state, batches = self.state, self.training.batches
        first = state.planned_steps == 0
        ready = budget.ready() if first else budget.due()
        if not self.world.any(self.world.first and ready):  # the first worker's clock decides for all
            return
        left = int(self.world.from_first(budget.steps_left(batches.steps_per_epoch))[0])
        state.planned_steps = max(state.step, state.step + left)
        if first:
            budget.check(left, self.config.batch_size, batches.images)
            self.training.listen(Planned(state.planned_steps, state.planned_steps / batches.steps_per_epoch, budget.seconds_per_step()))

    def _keep(self) -> None:
        due = self.world.first and self.training.checkpoints.due()
        stops, saves = self.world.sum(float(self.training.should_stop()), float(due))
        if stops:
            self._save()
            raise Interrupted(f"Stopped after step {self.state.step:,}; nothing is lost.")
        if saves:
            self._save()

    def _save(self) -> None:
        self.training.checkpoints.save(self.model, self.optimizer, self.average, self.state)

    def _row(self, validation_loss: float, validation_error: float) -> dict[str, float]:
        state = self.state
        seen = max(1, state.images_seen)
        return {
            "epoch": state.epoch + state.step_in_epoch / self.training.batches.steps_per_epoch,
            "step": state.step,
            "training_loss": state.loss_sum / seen,
            "training_error": state.error_sum / seen,
            "validation_loss": validation_loss,
            "validation_error": validation_error,
            "learning_rate": learning_rate(self.config, state.progress, state.plateau.drops),
            "images_per_second": self.config.batch_size * state.step / max(state.seconds, 1e-9),
            "seconds": state.seconds,
        }

    def _check_chance(self, training_loss: float) -> None:
        state, chance = self.state, self.training.batches.chance_loss
        state.epochs_at_chance = state.epochs_at_chance + 1 if training_loss > chance - CHANCE_MARGIN else 0
        if state.epochs_at_chance >= CHANCE_EPOCHS and state.step >= CHANCE_STEPS:
            images, _ = next(iter(self.training.batches.epoch(state.epoch)))
            what = f"the loss has stayed at {training_loss:.3f}, what guessing gives, for {state.epochs_at_chance} epochs"
            raise TrainingFailed(self._failure(what, images))

    def _failure(self, what: str, images: Tensor) -> str:
        kept = self.training.checkpoints.best
        where = f"The last good weights are in {kept}." if kept.exists() else "No good checkpoint exists yet."
        advice = "Try a smaller --training.learning-rate, or --network.initialisation he."
        found = "" if self.layout.dims else f"{diagnose(self.model, self.optimizer, images)}\n  "  # a divided network is not looked into
        return f"Training stopped: {what}.\n  {found}{where} {advice}"


def training_step(
    model: nn.Module,
    optimizer: Descent,
    images: Tensor,
    labels: Tensor,
    smoothing: float,
    precision: Precision,
    count: int | None = None,
) -> tuple[float, float]:
    """One step of gradient descent; gives the mean cross-entropy (nats, without smoothing) and the number of errors.

    count: images of the whole batch, where the labels are one worker's share of it: the loss is then these images' part of the batch's
    mean, and the workers' losses and gradients add up to the batch's.
    """
    model.train()
    with autocast(precision, images.device):
        scores = model(images)[: len(labels)]
    objective = _cross_entropy(scores, labels, count, smoothing)
    optimizer.zero_grad()
    objective.backward()
    optimizer.step()
    with torch.no_grad():
        loss = _cross_entropy(scores, labels, count, 0.0) if smoothing else objective.detach()
        wrong = (scores.argmax(1) != labels).sum()
    return loss.item(), wrong.item()


def _cross_entropy(scores: Tensor, labels: Tensor, count: int | None, smoothing: float) -> Tensor:
    if count in (None, len(labels)):
        return functional.cross_entropy(scores, labels, label_smoothing=smoothing)
    return functional.cross_entropy(scores, labels, label_smoothing=smoothing, reduction="sum") / count


@torch.no_grad()
def measure(model: nn.Module, batches: Iterable[Batch], precision: Precision, layout: Layout | None = None) -> tuple[float, float]:
    """Mean cross-entropy (nats) and error (0 to 1) of the model over the batches, which `layout` may share among workers."""
    model.eval()
    loss_sum, wrong, n = 0.0, 0.0, 0.0
    for images, labels in batches:
        with autocast(precision, images.device):
            scores = model(images)[: len(labels)]
        loss_sum += functional.cross_entropy(scores, labels, reduction="sum").item()
        wrong += (scores.argmax(1) != labels).sum().item()
        n += len(labels)
    if layout is not None:
        loss_sum, wrong, n = layout.totals(loss_sum, wrong, n)
    return loss_sum / max(1, n), wrong / max(1, n)


def _average_of(model: nn.Module, kept: float) -> AveragedModel | None:
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(kept)) if kept else None
