"""An image size for a time budget: measured on a few steps, before the images are read at that size."""

import json
import time
from collections.abc import Sequence

import torch

from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import Plan, layers_of, resized
from alexnet.runs.folder import Run
from alexnet.runtime.device import choose_precision
from alexnet.runtime.events import Message
from alexnet.storage.files import read_object
from alexnet.training.loop import training_step
from alexnet.training.optimizer import Descent

SIZES = (224, 192, 160, 128)  # px, for networks made for 224
WANTED_EPOCHS = 15  # a larger image is worth it only if each is seen about so often
STEPS = 3


def planned_size(planned: Plan, run: Run) -> Recipe:
    """The run's recipe with the largest image size that leaves about 15 epochs in the budget, or the smallest size."""
    recipe, native = planned.recipe, planned.recipe.preprocess.image_size
    if not recipe.training.budget_seconds or native < SIZES[-1]:
        return recipe
    if run.folder.plan.exists():  # a resumed run keeps its size, whether it was asked for or measured
        return resized(recipe, int(read_object(run.folder.plan, ("image_size",))["image_size"]))
    size = native if planned.size_was_asked else _largest_affordable(recipe, run, [size for size in SIZES if size <= native])
    size = int(run.world.from_first(size)[0])  # one worker's clock decides for all
    run.folder.write(run.folder.plan, json.dumps({"image_size": size}))
    return resized(recipe, size) if size != native else recipe


def _largest_affordable(recipe: Recipe, run: Run, sizes: Sequence[int]) -> int:
    classes, images = len(run.dataset.classes), _training_images(run)
    seconds = _seconds_per_image(resized(recipe, sizes[-1]), classes, run.device)
    macs = {size: _macs(resized(recipe, size), classes) for size in sizes}
    for size in sizes:
        epochs = recipe.training.budget_seconds * run.world.size / (images * seconds * macs[size] / macs[sizes[-1]])
        if epochs >= WANTED_EPOCHS or size == sizes[-1]:
            run.listen(Message(f"Pictures of {size} px: about {epochs:.1f} epochs of {images:,} pictures fit the budget."))
            return size
    return sizes[-1]


def _training_images(run: Run) -> int:
    return max(1, sum(1 for item in run.dataset.items if item.split in (None, "train")))


def _macs(recipe: Recipe, classes: int) -> int:
    return sum(layer.macs for layer in layers_of(recipe, classes))


def _seconds_per_image(recipe: Recipe, classes: int, device: torch.device) -> float:
    """The best of a few steps on images of noise; the first one is not counted."""
    size, training, channels = recipe.preprocess.image_size, recipe.training, recipe.preprocess.channels
    preprocess = Preprocess(image_size=size, stored_size=size, fit="crop", mean=(127.0,) * channels, std=(60.0,) * channels)
    model = build_model(recipe.model, recipe.network, classes, channels, preprocess).to(device)
    optimizer = Descent(model, training)
    images = torch.randint(0, 256, (training.batch_size, 3, size, size), dtype=torch.uint8, device=device)
    labels = torch.randint(0, classes, (training.batch_size,), device=device)
    seconds = []
    for _ in range(STEPS + 1):
        started = time.perf_counter()
        training_step(model, optimizer, images, labels, 0.0, choose_precision(training.precision, device))
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]) / training.batch_size
