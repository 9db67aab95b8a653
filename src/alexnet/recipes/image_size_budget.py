"""The image size for a time budget, chosen by timing a few steps before the images are read at that size."""

import time

import torch

from alexnet.data.dataset import Dataset
from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.models.registry import find_architecture
from alexnet.recipes.networks import macs_of, resized
from alexnet.recipes.recipe import Recipe
from alexnet.runtime.device import choose_precision
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.events import Listener, Message, silent
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step

SIZES = (224, 192, 160, 128)  # px, for networks made for 224
WANTED_EPOCHS = 15  # a larger size pays off only if the budget still allows about this many epochs
STEPS = 3


def affordable_size(recipe: Recipe, dataset: Dataset, device: torch.device, *, world: Workers = ALONE, listen: Listener = silent) -> int:
    """The largest image size in pixels that allows about 15 epochs within the recipe's budget, or else the smallest size.

    Without a budget, and for networks made for small images, it is the recipe's own size. The first worker's clock decides for all.
    """
    native = recipe.preprocess.image_size
    if not recipe.training.budget_seconds or min(native, find_architecture(recipe.model).image_size) < SIZES[-1]:
        return native
    sizes, classes = [size for size in SIZES if size <= native], len(dataset.classes)
    images = max(1, sum(1 for item in dataset.items if item.split in (None, "train")))
    smallest = resized(recipe, sizes[-1])
    seconds = _seconds_per_image(smallest, classes, images, device) / macs_of(smallest, classes)  # per multiply-accumulate
    budget = recipe.training.budget_seconds * world.size

    def epochs(size: int) -> float:
        return budget / (images * seconds * macs_of(resized(recipe, size), classes))

    chosen = next((size for size in sizes if epochs(size) >= WANTED_EPOCHS), sizes[-1])
    chosen = int(world.from_first(chosen)[0])
    listen(Message(f"Pictures of {chosen} px: the budget allows about {epochs(chosen):.1f} epochs of {images:,} pictures."))
    return chosen


def _seconds_per_image(recipe: Recipe, classes: int, images: int, device: torch.device) -> float:
    """The time per image of the fastest of a few steps on noise, without the first; images: of the training set."""
    size, training, channels = recipe.preprocess.image_size, recipe.training, recipe.preprocess.channels
    preprocess = Preprocess(image_size=size, stored_size=size, fit="crop", mean=(127.0,) * channels, std=(60.0,) * channels)
    model = build_model(recipe.model, recipe.network, classes, channels, preprocess).to(device)
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
