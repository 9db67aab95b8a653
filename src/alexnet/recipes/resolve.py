"""From the user's words to a recipe: data set, model, recipe, changed fields. All mistakes are found here, before the work."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from alexnet.data.dataset import Dataset
from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadRecipe, BadRun, BudgetTooSmall
from alexnet.inference.build import build_model, last_layer
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.networks.architecture import vary
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.shapes import Layer, trace
from alexnet.models.registry import check_known, default_model, find_architecture
from alexnet.models.weights.load import fitting, read_weights
from alexnet.recipes.handcrafted import check_fields, check_system, system_recipe
from alexnet.recipes.named import Subject, find_recipe
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import from_toml

LEAST_BUDGET = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe that is known to fit its data set, and why its model was chosen."""

    recipe: Recipe
    model_reason: str
    layers: tuple[Layer, ...]
    size_was_asked: bool  # the user named an image size: a budget must keep it


def plan(
    data: str,
    dataset: Dataset,
    *,
    model: str | None,
    recipe: str,
    weights: str | None,
    seed: int | None,
    image_size: int | None,
    overrides: Mapping[str, Any],
) -> Plan:
    """The resolved recipe; what is None is the recipe's own. Raises BadModel, ImageSizeTooSmall, BadRecipe, BadWeights with what to do."""
    side = dataset.native_side()
    name, reason = _model(model, weights, side)
    chosen = _from_file(recipe, data, model) if recipe.endswith(".toml") else _named(recipe, name, data, dataset)
    if recipe.endswith(".toml") and model is None:
        reason = "the recipe file names it"
    check_fields(chosen.model, dict(overrides) | ({"weights": weights} if weights else {}))
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    if weights and not chosen.weights:  # a recipe file that names weights has its rates already
        chosen = with_overrides(chosen, {"training.lower_layers": 0.1, "training.learning_rate": chosen.training.learning_rate / 2})
    chosen = replace(chosen, weights=weights or chosen.weights)
    if image_size is not None:
        chosen = resized(chosen, image_size)
    chosen = with_overrides(chosen, overrides)
    _check_budget(chosen.training.budget_seconds)
    if chosen.model in SYSTEMS:
        check_system(chosen, sum(1 for item in dataset.items if item.split in (None, "train")))
        return Plan(chosen, reason, (), True)
    size_was_asked = image_size is not None or any(name.replace("-", "_").startswith("preprocess.") for name in overrides)
    layers = layers_of(chosen, len(dataset.classes))
    if chosen.weights:
        _check_weights(chosen, len(dataset.classes))
    return Plan(chosen, reason, layers, size_was_asked)


def _from_file(recipe: str, data: str, model: str | None) -> Recipe:
    chosen = replace(from_toml(Path(recipe)), data=data)
    name = model or chosen.model
    check_known(name)
    if (name in SYSTEMS) != (chosen.model in SYSTEMS):
        raise BadRecipe(f"{recipe} is a recipe of {chosen.model}, and {name} is another kind of model; name a recipe: --recipe quick.")
    return replace(chosen, model=name)


def _named(recipe: str, model: str, data: str, dataset: Dataset) -> Recipe:
    named = find_recipe(recipe)
    check_known(model)
    if model in SYSTEMS:
        return system_recipe(recipe, SYSTEMS[model], data, dataset)
    return named(Subject(data, find_architecture(model), dataset.traits, dataset.native_side(), len(dataset.items)))


def layers_of(recipe: Recipe, classes: int) -> tuple[Layer, ...]:
    """The layer table of the recipe's network; raises ImageSizeTooSmall and BadModel before anything runs."""
    architecture = vary(find_architecture(recipe.model), recipe.network)
    return trace(architecture, classes=classes, channels=recipe.preprocess.channels, image_size=recipe.preprocess.image_size)


def shapes_only(recipe: Recipe, classes: int) -> NetworkModel:
    """The recipe's network with shapes and without memory."""
    sizes, channels = recipe.preprocess, recipe.preprocess.channels
    preprocess = Preprocess(
        image_size=sizes.image_size, stored_size=sizes.stored_size, fit=sizes.fit, mean=(0.0,) * channels, std=(1.0,) * channels
    )
    with torch.device("meta"):
        return build_model(recipe.model, recipe.network, classes, channels, preprocess)


def _check_weights(recipe: Recipe, classes: int) -> None:
    """Raise BadWeights for weights that cannot be read or do not fit, before any image is read."""
    model = shapes_only(recipe, classes)
    fitting(model.network, read_weights(recipe.weights), last_layer(model))


def resized(recipe: Recipe, image_size: int) -> Recipe:
    """The recipe on images of another size; the margin for crops grows in step."""
    old = recipe.preprocess
    stored = image_size if old.stored_size == old.image_size else image_size * 8 // 7
    sizes = {"preprocess.stored_size": max(stored, old.stored_size), "preprocess.image_size": image_size}
    return with_overrides(with_overrides(recipe, sizes), {"preprocess.stored_size": stored})


def _check_budget(seconds: float) -> None:
    if 0 < seconds < LEAST_BUDGET:
        raise BudgetTooSmall(f"A budget of {seconds:g} s is too short to read, test and report; give --budget {LEAST_BUDGET:g}s or more.")


def _model(model: str | None, weights: str | None, side: int) -> tuple[str, str]:
    if model is not None:
        return model, "it was asked for"
    if weights == "imagenet":
        return "alexnet-owt", "its ImageNet weights are torchvision's"
    return default_model(side)


def recipe_to_resume(recipe: str | None, out: str | Path | None, *, resume: bool) -> str:
    """The recipe's name or file: what was asked for, the resumed run's own, or `quick`; raises BadRun for a resumption of nothing."""
    if resume and out is None:
        raise BadRun("--resume goes on with a run: name its folder with --out.")
    started = Path(out) / "recipe.toml" if out is not None else None
    if recipe is None and resume and started is not None and started.exists():
        return str(started)
    return recipe or "quick"


def data_of_recipe(recipe: str | None, out: str | None, *, resume: bool) -> str:
    """The images of a recipe file, or of the run that is resumed; raises BadRecipe or BadRun when neither names any."""
    chosen = recipe_to_resume(recipe, out, resume=resume)
    if chosen.endswith(".toml"):
        return from_toml(Path(chosen)).data
    if resume:
        raise BadRun(f"{out} holds no run to go on with. To start one, name the pictures: alexnet train DATA --out {out}")
    raise BadRecipe(
        "No pictures were named: alexnet train DATA, where DATA is a folder, an archive, or fashion-mnist, cifar10, mnist, digits."
    )
