"""The scale of a network for a time budget: image size, width and batch size, chosen by timing a few steps before the images are read."""

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from alexnet.data.dataset import Dataset
from alexnet.data.preprocess import Preprocess
from alexnet.errors import AlexNetError
from alexnet.evaluation.views import most_views
from alexnet.inference.build import build_model
from alexnet.models.networks.borrowed.registry import is_borrowed
from alexnet.models.registry import find_architecture
from alexnet.recipes.long_training import adapted_to_length
from alexnet.recipes.networks import layers_of, macs_of, resized
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe, views_of
from alexnet.runtime.device import choose_precision
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.events import Listener, Message, silent
from alexnet.training.budget import TEST_SHARE
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step

LADDER = ((224, 1.0), (192, 1.0), (160, 1.0), (128, 1.0), (128, 0.5), (96, 0.5), (64, 0.5), (64, 0.25))  # px and width, best first
WIDTHS = (1.0, 0.5, 0.25, 0.125)  # of networks made for small images, which keep their size
CHEAP_MACS = 10_000_000  # multiply-accumulates per image: a network with fewer gains nothing by being narrower
LARGE = 128  # px; networks made for less are those for small images
WANTED_EPOCHS = 15  # a larger scale pays off only if the budget still allows about this many epochs,
WANTED_EPOCHS_SMALL = 2.5  # or this many with small images, which are many (docs/results.md),
WANTED_EPOCHS_TUNED = 4  # where training starts from weights that know much already
WANTED_STEPS = 600  # and this many steps: few images need more epochs
SMALL_BATCH = 32  # images, where batches of the recipe's size would be too few;
SMALL_BATCH_SMALL = 128  # with small images
READING_SHARE = 0.1  # of the budget: reading, testing, the report
VIEWS_SHARE = 0.1  # of the budget, at most, for several views of the test images; otherwise they are tested at the centre alone
TEST_PART = 0.1  # of the images, where the program makes the split
STEPS = 3


@dataclass(frozen=True, slots=True)
class _Work:
    """The training images of a budget of seconds, over all workers."""

    images: int
    classes: int
    seconds: float

    def epochs(self, seconds_per_image: float) -> float:
        return self.seconds / (self.images * seconds_per_image)

    def steps(self, recipe: Recipe, seconds_per_image: float) -> float:
        return self.epochs(seconds_per_image) * math.ceil(self.images / recipe.training.batch_size)

    def suffice(self, recipe: Recipe, seconds_per_image: float) -> bool:
        wanted = WANTED_EPOCHS if _is_large(recipe) else WANTED_EPOCHS_SMALL
        if recipe.weights:
            return self.epochs(seconds_per_image) >= WANTED_EPOCHS_TUNED
        return self.epochs(seconds_per_image) >= wanted and self.steps(recipe, seconds_per_image) >= WANTED_STEPS


def affordable_scale(
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    requested: Collection[str] = (),
    *,
    world: Workers = ALONE,
    listen: Listener = silent,
) -> Recipe:
    """The recipe at the largest scale that allows about 15 epochs and 600 steps within its budget, or else at the smallest.

    Networks for small images become narrower, for 2.5 epochs and as many steps; trainings with many epochs are adapted to their length.
    requested: recipe fields that the user has set, and that keep their values. Without a budget, the scale is the recipe's. The first
    worker's clock decides for all.
    """
    images = max(1, round(recipe.fraction * sum(1 for item in dataset.items if item.split in (None, "train"))))
    if not recipe.training.budget_seconds:
        return adapted_to_length(recipe, recipe.training.epochs, images, requested)
    work = _Work(images, len(dataset.classes), (1 - READING_SHARE) * recipe.training.budget_seconds * world.size)
    scales = list(_scales(recipe, requested))
    if len(scales) == 1 and (_views(recipe) == 1 or "views" in requested):
        return scales[0]
    measured = _first_that_suffices(scales, work, device)
    rung, seconds, few_views = world.from_first(*measured, _views_take_long(recipe, dataset, measured[1]))
    chosen = adapted_to_length(scales[int(rung)], work.epochs(seconds), images, requested)
    if len(scales) > 1:
        listen(Message(_described(chosen, work, seconds)))
    return replace(chosen, views="centre") if few_views and "views" not in requested else chosen


def _views_take_long(recipe: Recipe, dataset: Dataset, seconds_per_image: float) -> bool:
    """Whether testing all images in several views would take time that training needs more."""
    own = sum(item.split == "test" for item in dataset.items)
    tested = _views(recipe) * (own or round(TEST_PART * len(dataset.items)))
    return _views(recipe) > 1 and tested * TEST_SHARE * seconds_per_image > VIEWS_SHARE * recipe.training.budget_seconds


def _views(recipe: Recipe) -> int:
    """How many crops of each test image are seen at most, in the view that takes the most."""
    return max(most_views(view) for view in views_of(recipe.views))


def _is_large(recipe: Recipe) -> bool:
    """Whether a network is made for large images, and is used for them."""
    return min(recipe.preprocess.image_size, find_architecture(recipe.model).image_size) >= LARGE


def _described(recipe: Recipe, work: _Work, seconds_per_image: float) -> str:
    width = recipe.network.width
    narrower = f" and {width:g} of the width" if width is not None and width != 1 else ""
    epochs = f"about {work.epochs(seconds_per_image):.1f} epochs of {work.images:,} pictures"
    return f"Pictures of {recipe.preprocess.image_size} px{narrower}: the budget allows {epochs}."


def _scales(recipe: Recipe, requested: Collection[str]) -> Iterator[Recipe]:
    """The recipe at every scale of the ladder that the user's own choices leave, largest first; smaller batches before a smaller scale."""
    native, keeps_size = recipe.preprocess.image_size, any(name.startswith("preprocess.") for name in requested)
    keeps_width, keeps_batch = "network.width" in requested, "training.batch_size" in requested
    smaller_batch = _smaller_batch(recipe)
    seen: list[Recipe] = []
    for size, width in ((native, 1.0), *_rungs(recipe)):
        if size > native:
            continue
        scaled = recipe if keeps_size else resized(recipe, size)
        scaled = scaled if keeps_width or width == 1 else with_overrides(scaled, {"network.width": width * (recipe.network.width or 1.0)})
        batches = {recipe.training.batch_size, recipe.training.batch_size if keeps_batch else smaller_batch}
        for batch in sorted(batches, reverse=True):
            one = replace(scaled, training=replace(scaled.training, batch_size=batch))
            if one not in seen:
                seen.append(one)
                yield one


def _smaller_batch(recipe: Recipe) -> int:
    """Images in a batch where batches of the recipe's size would be too few."""
    return min(recipe.training.batch_size, SMALL_BATCH if _is_large(recipe) else SMALL_BATCH_SMALL)


def _rungs(recipe: Recipe) -> Sequence[tuple[int, float]]:
    """(px, width) of the scales below the recipe's own; trained weights fit one width only, and so do networks of other libraries."""
    if is_borrowed(recipe.model):
        return [(size, 1.0) for size, width in LADDER if width == 1.0 and _same_weights(recipe, size)]
    if recipe.weights:
        return [(size, 1.0) for size, width in LADDER if width == 1.0]
    if _is_large(recipe):
        return LADDER
    return [(recipe.preprocess.image_size, width) for width in WIDTHS] if macs_of(recipe, classes=2) >= CHEAP_MACS else ()


def _same_weights(recipe: Recipe, size: int) -> bool:
    """Whether the network takes images of this size with as many weights: a transformer may have some for each position."""
    try:
        own, other = (sum(layer.parameters for layer in layers_of(one, classes=2)) for one in (recipe, resized(recipe, size)))
    except AlexNetError:
        return False
    return own == other


def _first_that_suffices(scales: list[Recipe], work: _Work, device: torch.device) -> tuple[int, float]:
    """The first scale whose measured speed allows enough epochs and steps, else the last one; and its seconds per image.

    Timed from the smallest up, until one is too large with its smaller batch as well: arithmetic does not tell which will be, since narrow
    layers take up to eleven times as long per multiply-accumulate as wide ones (CPUs with matrix tiles).
    """
    last, smaller_batch = len(scales) - 1, min(scale.training.batch_size for scale in scales)
    chosen, seconds = last, 0.0
    for rung in range(last, -1, -1):
        measured = seconds_per_image(scales[rung], work.images, work.classes, device)
        suffices = work.suffice(scales[rung], measured)
        if suffices or rung == last:
            chosen, seconds = rung, measured
        if not suffices and scales[rung].training.batch_size == smaller_batch:
            break
    return chosen, seconds


def estimated_seconds_per_image(recipe: Recipe, images: int, classes: int, device: torch.device) -> float:
    """The time of training per image, from a few steps in small batches at the recipe's own scale: quick, and rather too long.

    A narrower network would be quicker to time, but arithmetic from there is wrong by up to 11 times.
    """
    in_small_batches = replace(recipe, training=replace(recipe.training, batch_size=_smaller_batch(recipe)))
    return seconds_per_image(in_small_batches, images, classes, device)


def seconds_per_image(recipe: Recipe, images: int, classes: int, device: torch.device) -> float:
    """The time of training per image: the fastest of a few steps on noise, without the first. images: of the training set."""
    size, training, channels = recipe.preprocess.image_size, recipe.training, recipe.preprocess.channels
    preprocess = Preprocess(image_size=size, stored_size=size, fit="crop", mean=(127.0,) * channels, std=(60.0,) * channels)
    model = build_model(recipe.model, recipe.network, classes, channels, preprocess).to(device)
    model.network.fix(training.fixed_layers)
    model.keeps_statistics = training.norm_statistics == "kept"
    optimizer = Descent(model, training)
    batch = min(training.batch_size, images)
    noise = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, device=device)
    labels = torch.randint(0, classes, (batch,), device=device)
    seconds = []
    for _ in range(STEPS + 1):
        started = time.perf_counter()
        training_step(model, optimizer, noise, labels, 0.0, choose_precision(training.precision, device))[0].item()  # waits for a GPU
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]) / batch
