"""The speed of training on this machine, measured with all its processes running, and estimated from there."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.recipes.networks import macs_of
from alexnet.recipes.recipe import Recipe
from alexnet.runtime.device import choose_device, choose_precision
from alexnet.runtime.machine import keep_freed_memory
from alexnet.runtime.process_pool import in_pool
from alexnet.studies.scale import LIKE_MACS
from alexnet.studies.trial import digest
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step

PROBE_SECONDS = 1.5


def probe(task: tuple[Recipe, str], should_stop: Callable[[], bool]) -> float:
    """Seconds of training per image of a recipe on a device, measured over steps on noise; the first step is not counted."""
    keep_freed_memory()
    recipe, device, sizes = task[0], choose_device(task[1]), task[0].preprocess
    blank = Preprocess(image_size=sizes.image_size, stored_size=sizes.stored_size, fit=sizes.fit, mean=(127.0,) * 3, std=(64.0,) * 3)
    model = build_model(recipe.model, recipe.network, 10, sizes.channels, replace(blank, mean=blank.mean[: sizes.channels])).to(device)
    optimizer, precision = Descent(model, recipe.training), choose_precision(recipe.training.precision, device)
    images = torch.randint(0, 256, (recipe.training.batch_size, 3, sizes.image_size, sizes.image_size), dtype=torch.uint8, device=device)
    labels = torch.randint(0, 10, (len(images),), device=device)
    optimizer.set_learning_rate(1e-6)
    training_step(model, optimizer, images, labels, 0.0, precision)[0].item()
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < PROBE_SECONDS and not should_stop():
        training_step(model, optimizer, images, labels, 0.0, precision)[0].item()  # .item() waits for the GPU
        steps += 1
    return (time.perf_counter() - started) / max(1, steps) / len(images)


@dataclass(kw_only=True)
class MeasuredSpeed:
    """Seconds of training per image: each recipe is measured once, in as many processes at the same time as will train."""

    device: str
    processes: int
    classes: int
    should_stop: Callable[[], bool]
    known: dict[str, tuple[Recipe, float]] = field(default_factory=dict)

    def measured(self, recipe: Recipe) -> float:
        """The slowest process's seconds per image."""
        plain = replace(recipe, fraction=1.0, training=replace(recipe.training, epochs=1.0))
        key = digest(plain)
        if key not in self.known:
            tasks = [(recipe, self.device)] * self.processes
            found = max(seconds for _, seconds in in_pool(probe, tasks, processes=self.processes, should_stop=self.should_stop))
            self.known[key] = plain, found
        return self.known[key][1]

    def guessed(self, recipe: Recipe) -> float:
        """From the recipe that was measured first, by the multiply-accumulates; 0 if none was."""
        if not self.known:
            return 0.0
        base, seconds = next(iter(self.known.values()))
        return seconds * (1 - LIKE_MACS + LIKE_MACS * macs_of(recipe, self.classes) / macs_of(base, self.classes))
