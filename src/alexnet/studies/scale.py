"""How large the runs of a study can be within its time budget, at the epochs that they need: images first, then width.

The speed of the common recipe is measured in the process pool, with all processes running; the speed of other arms is estimated from their
multiply-accumulates.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from alexnet.data.dataset import Dataset
from alexnet.errors import BudgetTooSmall
from alexnet.i18n.units import duration
from alexnet.models.kinds import kind_of
from alexnet.recipes.networks import macs_of
from alexnet.recipes.recipe import Recipe
from alexnet.studies.claim import Extent
from alexnet.studies.trial import TESTED_ON

SMALL = 64  # px: smaller images are used at their own size, with first windows of 5x5 windows instead of 11x11 ones with stride 4
WIDE = ((224, 1.0), (160, 1.0), (128, 0.5), (96, 0.5), (64, 0.5), (64, 0.25))  # px and width, for photos; the last is the smallest
NARROW = (1.0, 0.5, 0.25, 0.125)  # widths for small images, which are used at their own size
SETS_THE_SCALE: dict[str, tuple[str, type]] = {
    "network.width": ("width", float),
    "fraction": ("fraction", float),
    "training.epochs": ("epochs", float),
    "preprocess.image_size": ("size", int),
}  # the fields of a recipe that make up a study's scale
FEWEST_IMAGES = 1_000  # to train on, if there are as many
ENOUGH_IMAGES: dict[Extent, int] = {"all": 2 * FEWEST_IMAGES, "core": FEWEST_IMAGES, "equal": FEWEST_IMAGES}  # for so many arms
FIXED_SECONDS = 2.0  # of each run, besides steps and evaluation
FORWARD = 0.4  # time of a forward pass, as a share of a step's
LIKE_MACS = 0.6  # share of a step's time that is proportional to multiply-accumulates
HOPELESS = 2.0  # times the budget, by the estimated speed: not worth measuring
CLOSING_SECONDS = 5.0
BISECTIONS = 20  # of a share
SYSTEM_SECONDS = 6e-6  # of a hand-crafted system per pixel of an image: descriptors, encoding, SVM; measured on one core


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the runs of a study are, and which arms it has."""

    size: int  # side of the network's input in px
    width: float  # factor on the network's channels and units
    fraction: float  # of the training images
    epochs: float
    extent: Extent = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The work at one scale, and the images of each run.

    recipes: of all distinct arms, one seed, the common one first; searched: the runs of the rate search; compared: the arms that may get
    `further` seeds each.
    """

    recipes: Sequence[Recipe]
    searched: Sequence[Recipe] = ()
    compared: Sequence[Recipe] = ()
    further: int = 0
    train: int  # images, before `fraction` is applied
    validation: int
    judged: int
    classes: int
    seeds: int

    @property
    def runs(self) -> int:
        """The number of runs, with those of the search and of further seeds."""
        return len(self.searched) + self.seeds * len(self.recipes) + self.further * len(self.compared)


class Speed(Protocol):
    """Seconds of training per image of a recipe: estimated at once, or measured in a few seconds."""

    def guessed(self, recipe: Recipe) -> float:
        """From the measured speed of another scale."""
        ...

    def measured(self, recipe: Recipe) -> float:
        """On this machine."""
        ...


def scales(dataset: Dataset, epochs: float) -> list[Scale]:
    """The scales to choose from, the widest networks on the largest images first, each with all training images."""
    side = dataset.native_side()
    sizes = [(side, width) for width in NARROW] if side < SMALL else list(WIDE)
    return [Scale(size=size, width=width, fraction=1.0, epochs=epochs) for size, width in sizes]


def seconds_for(work: Workload, seconds_per_image: float, share: float = 1.0) -> float:
    """Process-seconds of all runs together, if `share` of each one's training images is used."""
    base = work.recipes[0]

    def one(recipe: Recipe) -> float:
        return FIXED_SECONDS + _run_seconds(work, recipe, _speed(base, recipe, work.classes) * seconds_per_image, share)

    return sum(map(one, work.searched)) + work.seeds * sum(map(one, work.recipes)) + work.further * sum(map(one, work.compared))


def _run_seconds(work: Workload, recipe: Recipe, seconds_per_image: float, share: float) -> float:
    train = share * recipe.fraction * work.train
    if kind_of(recipe.model).fixed_features:
        return SYSTEM_SECONDS * recipe.preprocess.image_size**2 * (2 * train + work.validation + work.judged)
    training = recipe.training
    validated = min(training.validations or training.epochs, training.epochs) * min(work.validation, train)
    seen = FORWARD * (validated + work.judged + min(train, TESTED_ON))
    return seconds_per_image * (training.epochs * train + seen)


def _speed(base: Recipe, recipe: Recipe, classes: int) -> float:
    """Time per image relative to that of the common recipe's network."""
    if kind_of(recipe.model).fixed_features:
        return 1.0
    return 1 - LIKE_MACS + LIKE_MACS * _macs(recipe, classes) / _macs(base, classes)


@lru_cache(maxsize=4096)
def _macs(recipe: Recipe, classes: int) -> int:
    return macs_of(recipe, classes)


def share_for(work: Workload, seconds_per_image: float, process_seconds: float) -> float:
    """The largest share of the training images, up to 1, that fits in that time; 0 if none does."""
    low, high = 0.0, 1.0
    if seconds_for(work, seconds_per_image, high) <= process_seconds:
        return high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        fits = seconds_for(work, seconds_per_image, middle) <= process_seconds
        low, high = (middle, high) if fits else (low, middle)
    return low


def choose_scale(
    candidates: Sequence[Scale],
    workload: Callable[[Scale], Workload],
    speed: Speed,
    process_seconds: float,
    *,
    fixed_fraction: bool = False,
) -> tuple[Scale, Workload]:
    """The first scale at which all arms fit with all images; else the last one, with as many images as fit.

    Arms that no verdict needs are left out where few images would be left, then those with more epochs. Raises BudgetTooSmall, with the
    time needed, if even the smallest study does not fit.
    """
    for scale in candidates:
        work = workload(scale)
        if seconds_for(work, speed.guessed(work.recipes[0])) > HOPELESS * process_seconds:
            continue
        if seconds_for(work, speed.measured(work.recipes[0])) <= process_seconds:
            return scale, work
    return _with_fewer_images(candidates[-1], workload, speed, process_seconds, fixed_fraction=fixed_fraction)


def _with_fewer_images(
    smallest: Scale, workload: Callable[[Scale], Workload], speed: Speed, process_seconds: float, *, fixed_fraction: bool
) -> tuple[Scale, Workload]:
    """The smallest scale with as many arms as enough images leave time for, and as many images as these arms do."""
    for extent, enough in ENOUGH_IMAGES.items():
        scale = replace(smallest, extent=extent)
        work = workload(scale)
        least = 1.0 if fixed_fraction else min(1.0, enough / (scale.fraction * work.train))
        share = share_for(work, speed.measured(work.recipes[0]), process_seconds)
        if share >= least:
            chosen = scale if fixed_fraction else replace(scale, fraction=_rounded(scale.fraction * share))
            return chosen, workload(chosen)
    work = workload(replace(smallest, extent="equal"))
    least = 1.0 if fixed_fraction else min(1.0, FEWEST_IMAGES / (smallest.fraction * work.train))
    needed = seconds_for(work, speed.measured(work.recipes[0]), least)
    raise BudgetTooSmall(
        f"{work.runs} runs of {smallest.epochs:g} epochs with the smallest network take about {duration(needed)} in one process "
        f"at the speed just measured, and the budget leaves {duration(max(0.0, process_seconds))}. "
        "Set a longer --budget, fewer --claims or fewer --seeds; or try again when the machine has less other work."
    )


def _rounded(fraction: float) -> float:
    """The fraction rounded down to four digits, so that it reads well in a command."""
    step = 10.0 ** (math.floor(math.log10(fraction)) - 3)
    return float(f"{math.floor(fraction / step * (1 + 1e-12)) * step:.4g}")
