"""How large the runs of a study can be within its time budget: image size, width, share of the images, epochs.

The speed of the common recipe is measured in the process pool, with all processes running; the speed of other arms is estimated from their
multiply-accumulates.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from alexnet.data.dataset import Dataset
from alexnet.data.preprocess import Preprocess
from alexnet.errors import BudgetTooSmall
from alexnet.i18n.units import duration
from alexnet.inference.build import build_model
from alexnet.models.kinds import kind_of
from alexnet.recipes.networks import macs_of
from alexnet.recipes.recipe import Recipe
from alexnet.runtime.device import choose_device, choose_precision
from alexnet.runtime.machine import keep_freed_memory
from alexnet.studies.arms import SMALL, Scale
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step

WIDE = ((224, 1.0), (160, 1.0), (128, 0.5), (96, 0.5), (64, 0.5), (64, 0.25))  # px and width, for photos; the last is the smallest
NARROW = (1.0, 0.5, 0.25, 0.125)  # widths for small images, which are used at their own size
SHARES = (1.0, 0.5, 0.3, 0.2)  # of the training images
FEWEST_IMAGES = 2_000  # that a share must leave
ENOUGH_EPOCHS, FEWEST_EPOCHS, MOST_EPOCHS = 10, 3, 30
PROBE_SECONDS = 1.5
FIXED_SECONDS = 2.0  # of each run, besides steps and evaluation
FORWARD = 0.4  # time of a forward pass, as a share of a step's
LIKE_MACS = 0.6  # share of a step's time that is proportional to multiply-accumulates
SYSTEM_SECONDS = 6e-6  # of a hand-crafted system per pixel of an image: descriptors, encoding, SVM; measured on one core
CLOSING_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The work at one scale: the recipes of all distinct arms (one seed), and the images that each of them uses."""

    recipes: Sequence[Recipe]
    train: int  # images, before `fraction` is applied
    validation: int
    judged: int
    classes: int
    seeds: int


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


def scales(dataset: Dataset, train: int) -> list[Scale]:
    """The scales to choose from, best first: large networks on all images before small ones on few."""
    sizes = [(dataset.native_side(), width) for width in NARROW] if dataset.native_side() < SMALL else list(WIDE)
    shares = [share for share in SHARES if share == 1.0 or share * train >= FEWEST_IMAGES]
    ladder = [(size, width, 1.0) for size, width in sizes] + [(*sizes[-1], share) for share in shares[1:]]
    return [Scale(size=size, width=width, fraction=share, epochs=float(ENOUGH_EPOCHS)) for size, width, share in ladder]


def seconds_for(work: Workload, seconds_per_image: float, epochs: float) -> float:
    """Process-seconds of all runs together."""
    base = work.recipes[0]
    one = base.training.epochs
    return work.seeds * sum(
        FIXED_SECONDS + _run_seconds(work, recipe, _speed(base, recipe, work.classes) * seconds_per_image, epochs / one)
        for recipe in work.recipes
    )


def _run_seconds(work: Workload, recipe: Recipe, seconds_per_image: float, factor: float) -> float:
    train = recipe.fraction * work.train
    if kind_of(recipe.model).fixed_features:
        return SYSTEM_SECONDS * recipe.preprocess.image_size**2 * (2 * train + work.validation + work.judged)
    epochs = recipe.training.epochs * factor
    looks = (math.ceil(epochs) * work.validation + work.judged) * FORWARD
    return seconds_per_image * (epochs * train + looks)


def _speed(base: Recipe, recipe: Recipe, classes: int) -> float:
    """Time per image relative to that of the common recipe's network."""
    if kind_of(recipe.model).fixed_features:
        return 1.0
    return 1 - LIKE_MACS + LIKE_MACS * macs_of(recipe, classes) / macs_of(base, classes)


def epochs_for(work: Workload, seconds_per_image: float, process_seconds: float) -> float:
    """The most epochs of the common recipe that fit in that time, from FEWEST_EPOCHS to MOST_EPOCHS; 0 if too few fit."""
    fitting = [
        epochs for epochs in range(FEWEST_EPOCHS, MOST_EPOCHS + 1) if seconds_for(work, seconds_per_image, float(epochs)) <= process_seconds
    ]
    return float(fitting[-1]) if fitting else 0.0


def choose_scale(
    candidates: Sequence[Scale],
    workload: Callable[[Scale], Workload],
    speed: Callable[[Recipe], float],
    process_seconds: float,
    *,
    fixed_epochs: float | None = None,
) -> tuple[Scale, Workload]:
    """The first scale at which ENOUGH_EPOCHS (or `fixed_epochs`) fit, or the last one with as many epochs as fit.

    speed: seconds of training per image of a recipe. Raises BudgetTooSmall, with the time needed, if even the smallest scale does not fit.
    """
    enough, least = (fixed_epochs, fixed_epochs) if fixed_epochs is not None else (ENOUGH_EPOCHS, FEWEST_EPOCHS)
    for scale in candidates:
        work = workload(scale)
        seconds = speed(work.recipes[0])
        epochs = _epochs(work, seconds, process_seconds, fixed_epochs)
        if epochs and (epochs >= enough or scale is candidates[-1]):
            chosen = replace(scale, epochs=epochs)
            return chosen, workload(chosen)
    work = workload(candidates[-1])
    seconds = speed(work.recipes[0])
    needed = seconds_for(work, seconds, least)
    raise BudgetTooSmall(
        f"{len(work.recipes) * work.seeds} runs of {least:g} epochs with the smallest network take about {duration(needed)} on one CPU, "
        f"and the budget allows {duration(process_seconds)}. Set a longer --budget, fewer --claims or fewer --seeds."
    )


def _epochs(work: Workload, seconds_per_image: float, process_seconds: float, fixed: float | None) -> float:
    if fixed is None:
        return epochs_for(work, seconds_per_image, process_seconds)
    return fixed if seconds_for(work, seconds_per_image, fixed) <= process_seconds else 0.0


def expected_half_width(judged: int, seeds: int, *, discordant: float = 0.25, noise: float = 0.01) -> float:
    """The expected half width of the 95% interval of a difference of errors, as a share.

    discordant: share of the images that only one of two arms gets wrong. noise: standard deviation of the difference over seeds.
    """
    return 1.96 * math.sqrt(discordant / judged + noise**2 / seeds)
