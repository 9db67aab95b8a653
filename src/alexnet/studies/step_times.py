"""What a nonlinearity costs in time: a forward pass and a step of training, in turns with the same network with ReLU.

Both networks are in one process and take turns, so that whatever else the machine does meets both; the median over the pairs is little
disturbed by single slow ones. Absolute times of runs in processes of their own would be compared across minutes. On a CPU the process's own
CPU seconds count, which leave out the time in which others had the CPU; on a GPU those of the clock.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from statistics import median

import torch
from torch import Tensor

from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.fit_network import new_model
from alexnet.runs.prepare import some_images
from alexnet.runs.prepared import Prepared
from alexnet.runtime.device import autocast, choose_precision, synchronize
from alexnet.studies.layer_signals import batch_of
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step

ROUNDS = (15, 200)  # at least and at most, of each network
SECONDS = 3.0  # after which no round begins
WARM_UP = 3  # rounds that do not count


def step_times(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> dict[str, float]:
    """Times of the recipe's network in multiples of the same network with ReLU: "forward" without gradients, and a whole "step"."""
    recipe = resolved.recipe
    plain = replace(resolved, recipe=replace(recipe, network=replace(recipe.network, activation="relu")))
    images, labels = batch_of(recipe.preprocess.image_size, context.device, prepared.images, prepared.splits)
    batch = images[: recipe.training.batch_size], labels[: recipe.training.batch_size]
    own, other = (_Timed(one, context, prepared, batch) for one in (resolved, plain))
    clock = time.process_time if context.device.type == "cpu" else time.perf_counter
    return {"forward": in_turns(own.forward, other.forward, clock), "step": in_turns(own.step, other.step, clock)}


class _Timed:
    """A network of its own with an optimizer whose steps change nothing, so that every step is the same."""

    def __init__(self, resolved: ResolvedRun, context: RunContext, prepared: Prepared, batch: tuple[Tensor, Tensor]) -> None:
        self.config, (self.images, self.labels) = resolved.recipe.training, batch
        sample = some_images(prepared.images, prepared.splits)
        self.model = new_model(resolved, context, prepared.preprocess, sample)
        self.descent = Descent(self.model, self.config)
        self.descent.set_learning_rate(0.0)
        self.precision = choose_precision(self.config.precision, context.device)

    def forward(self) -> None:
        self.model.eval()
        with torch.inference_mode(), autocast(self.precision, self.images.device):
            self.model(self.images)
        synchronize(self.images.device)

    def step(self) -> None:
        training_step(self.model, self.descent, self.images, self.labels, self.config.label_smoothing, self.precision)
        synchronize(self.images.device)


def in_turns(one: Callable[[], None], other: Callable[[], None], clock: Callable[[], float]) -> float:
    """How many times as long `one` takes as `other`: the median over pairs that follow each other, each first in every second pair."""
    started, ratios = clock(), list[float]()
    for number in _rounds(lambda: clock() - started):
        first, second = (one, other) if number % 2 else (other, one)
        seconds = [_timed(call, clock) for call in (first, second)]
        own, others = seconds if number % 2 else seconds[::-1]
        if number >= WARM_UP:
            ratios.append(own / others)
    return median(ratios)


def _rounds(spent: Callable[[], float]) -> Iterator[int]:
    least, most = (WARM_UP + rounds for rounds in ROUNDS)
    for number in count():
        if number >= most or (number >= least and spent() > SECONDS):
            return
        yield number


def _timed(call: Callable[[], None], clock: Callable[[], float]) -> float:
    before = clock()
    call()
    return clock() - before
