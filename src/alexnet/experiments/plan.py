"""From the user's words to a recipe: data set, model, recipe, changed fields. All mistakes are found here, before the work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alexnet.data.datasets import Dataset
from alexnet.errors import BadRecipe
from alexnet.experiments.recipe import Recipe, changed, from_toml
from alexnet.experiments.recipes import Subject, find_recipe
from alexnet.models.architecture import vary
from alexnet.models.catalog import default_model, find_architecture
from alexnet.models.shapes import Layer, trace

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe that is known to fit its data set, and why its model was chosen."""

    recipe: Recipe
    model_reason: str
    layers: tuple[Layer, ...]
    size_was_asked: bool  # the user named a picture size: a budget must keep it


def seconds_of(duration: str) -> float:
    """Seconds of a duration written as 90s, 10m or 1h30m; raises BadRecipe."""
    parts = DURATION.findall(duration)
    if not parts or DURATION.sub("", duration).strip():
        raise BadRecipe(f"'{duration}' is no duration; write 90s, 10m, 2h or 1h30m.")
    total = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if total <= 0:
        raise BadRecipe(f"The duration '{duration}' is nothing; write 90s, 10m or 2h.")
    return total


def plan(
    data: str,
    dataset: Dataset,
    *,
    model: str | None,
    recipe: str,
    weights: str | None,
    seed: int,
    image_size: int | None,
    changes: Mapping[str, Any],
) -> Plan:
    """The resolved recipe. Raises BadModel, ImageSizeTooSmall, BadRecipe with what to do."""
    side = dataset.native_side()
    name, reason = _model(model, weights, side)
    if recipe.endswith(".toml"):
        chosen = replace(from_toml(Path(recipe)), data=data)
        name, reason = (model or chosen.model), "the recipe file names it" if model is None else reason
        chosen = replace(chosen, model=name)
    else:
        chosen = find_recipe(recipe)(Subject(data, find_architecture(name), dataset.traits, side))
    chosen = replace(chosen, seed=seed, weights=weights or chosen.weights)
    if chosen.weights:
        chosen = changed(chosen, {"training.lower_layers": 0.1, "training.learning_rate": chosen.training.learning_rate / 2})
    if image_size is not None:
        chosen = resized(chosen, image_size)
    chosen = changed(chosen, changes)
    size_was_asked = image_size is not None or any(change.replace("-", "_").startswith("preprocess.") for change in changes)
    return Plan(chosen, reason, layers_of(chosen, len(dataset.classes)), size_was_asked)


def layers_of(recipe: Recipe, classes: int) -> tuple[Layer, ...]:
    """The layer table of the recipe's network; raises ImageSizeTooSmall and BadModel before anything runs."""
    architecture = vary(find_architecture(recipe.model), recipe.network)
    return trace(architecture, classes=classes, channels=recipe.preprocess.channels, image_size=recipe.preprocess.image_size)


def resized(recipe: Recipe, image_size: int) -> Recipe:
    """The recipe on pictures of another size; the margin for crops grows in step."""
    old = recipe.preprocess
    stored = image_size if old.stored_size == old.image_size else image_size * 8 // 7
    sizes = {"preprocess.stored_size": max(stored, old.stored_size), "preprocess.image_size": image_size}
    return changed(changed(recipe, sizes), {"preprocess.stored_size": stored})


def _model(model: str | None, weights: str | None, side: int) -> tuple[str, str]:
    if model is not None:
        return model, "it was asked for"
    if weights == "imagenet":
        return "alexnet-owt", "its ImageNet weights are torchvision's"
    return default_model(side)


def data_of_recipe(recipe: str, out: str | None, *, resume: bool) -> str:
    """The pictures of a recipe file, or of the run that is resumed; raises BadRecipe when neither names any."""
    if recipe.endswith(".toml"):
        return from_toml(Path(recipe)).data
    started = Path(out) / "recipe.toml" if out is not None else None
    if resume and started is not None and started.exists():
        return from_toml(started).data
    raise BadRecipe(
        "No pictures were named: alexnet train DATA, where DATA is a folder, an archive, or fashion-mnist, cifar10, mnist, digits."
    )
