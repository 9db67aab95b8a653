"""The rules for recipes of networks: named recipes, checks against the images, learning rates for several workers."""

from dataclasses import replace
from pathlib import Path

import torch

from alexnet.data.dataset import Dataset
from alexnet.data.pipeline.augment import check_fit
from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadWeights, ImageSizeTooSmall
from alexnet.inference.build import build_model, last_layer
from alexnet.inference.model_card import read_card
from alexnet.inference.model_folder import model_folder
from alexnet.models.kinds import FROZEN, FROZEN_NETWORK, kind_of
from alexnet.models.networks.architecture import vary
from alexnet.models.networks.borrowed.registry import is_borrowed
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.shapes import Layer, trace
from alexnet.models.registry import find_architecture
from alexnet.models.weights.load import fitting
from alexnet.models.weights.published import read_for
from alexnet.recipes import borrowed
from alexnet.recipes.named import find_recipe
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.runtime.distributed import Workers
from alexnet.training.parallel.registry import check_layout

PUBLISHED_BATCH = 128  # images per worker, in One weird trick
OF_WINDOWS = ("pool_kernel", "pool_after", "convolutions_3x3", "first_kernel", "first_stride", "first_padding")  # of NetworkChoices

NO_WEIGHTS = (
    "{model} is an SVM on the last hidden layer of a network that has been trained: add --weights with the folder of a run of {network}, a "
    "file of weights, or imagenet for {whose}."
)


class NetworkRecipes:
    """The rules of networks; see `recipes.kinds.RecipeKind`."""

    def named(self, recipe: str, model: str, data: str, dataset: Dataset) -> Recipe:
        """The named recipe for the network and these images."""
        subject = Subject(data, find_architecture(model), dataset.traits, dataset.native_side(), len(dataset.items))
        make = find_recipe(recipe)
        found = borrowed.named(recipe, subject) if subject.architecture.borrowed else make(subject)
        return replace(found, model=model)

    def check(self, recipe: Recipe, dataset: Dataset) -> None:
        """Raise ImageSizeTooSmall, BadModel or BadWeights if the network cannot be built or the weights do not fit."""
        classes = len(dataset.classes)
        layers_of(recipe, classes)
        sizes = recipe.preprocess
        check_fit(sizes.stored_size, sizes.stored_size, sizes.image_size, recipe.augment)
        if kind_of(recipe.model) is FROZEN_NETWORK and not recipe.weights:
            network = recipe.model.removesuffix(FROZEN)
            whose = f"what its library publishes ({network})" if is_borrowed(network) else "torchvision's AlexNet (--model alexnet-owt+svm)"
            raise BadWeights(NO_WEIGHTS.format(model=recipe.model, network=network, whose=whose))
        if recipe.weights:
            model = shapes_only(recipe, classes)
            fitting(model.network, read_for(recipe.model.removesuffix(FROZEN), recipe.weights).state, last_layer(model))

    def adapted_to_workers(self, recipe: Recipe, layout: str, classes: int, world: Workers, *, rates_are_given: bool) -> Recipe:
        """The recipe with One weird trick's learning rates for the hybrid layout, unless rates are given."""
        if world.size == 1:
            return recipe
        check_layout(layout, shapes_only(recipe, classes).network, world, recipe.training)
        if layout != "hybrid" or rates_are_given or recipe.training.batch_size <= PUBLISHED_BATCH:
            return recipe
        return with_overrides(recipe, {"training.conv_learning_rate": recipe.training.batch_size / PUBLISHED_BATCH})


def layers_of(recipe: Recipe, classes: int) -> tuple[Layer, ...]:
    """The layer table of the recipe's network; raises ImageSizeTooSmall and BadModel before anything runs."""
    architecture = vary(find_architecture(recipe.model), recipe.network)
    try:
        return trace(architecture, classes=classes, channels=recipe.preprocess.channels, image_size=recipe.preprocess.image_size)
    except ImageSizeTooSmall as error:
        chosen = {name: getattr(recipe.network, name) for name in OF_WINDOWS}
        given = " and ".join(f"network.{name} {value}" for name, value in chosen.items() if value is not None)
        raise ImageSizeTooSmall(f"{error} The recipe sets {given}." if given else str(error)) from None


def with_features_of(recipe: Recipe) -> Recipe:
    """The recipe of NETWORK+svm as its weights need it: network and size of the run that they are from, or ImageNet's pixels."""
    if recipe.weights == "imagenet":
        architecture = find_architecture(recipe.model)
        pixels = borrowed.pixel_range_of(architecture) if architecture.borrowed else "-1-1" if architecture.stages else "imagenet"
        return with_overrides(recipe, {"preprocess.pixel_range": pixels})
    if not recipe.weights or not Path(recipe.weights).is_dir():
        return recipe
    model_card = read_card(model_folder(Path(recipe.weights)) / "model.json")
    sizes = replace(
        recipe.preprocess,
        image_size=model_card.preprocess.image_size,
        stored_size=model_card.preprocess.stored_size,
        fit=model_card.preprocess.fit,
        channels=model_card.channels,
    )
    return replace(recipe, network=model_card.network, preprocess=sizes)


def shapes_only(recipe: Recipe, classes: int) -> NetworkModel:
    """The recipe's network on the meta device: shapes without memory."""
    sizes, channels = recipe.preprocess, recipe.preprocess.channels
    preprocess = Preprocess(
        image_size=sizes.image_size, stored_size=sizes.stored_size, fit=sizes.fit, mean=(0.0,) * channels, std=(1.0,) * channels
    )
    with torch.device("meta"):
        return build_model(recipe.model, recipe.network, classes, channels, preprocess)


def macs_of(recipe: Recipe, classes: int) -> int:
    """Multiply-accumulates per image."""
    return sum(layer.macs for layer in layers_of(recipe, classes))


def resized(recipe: Recipe, image_size: int) -> Recipe:
    """The recipe for another image size in pixels; the margin for crops scales with it."""
    old = recipe.preprocess
    stored = image_size if old.stored_size == old.image_size else image_size * 8 // 7
    sizes = {"preprocess.stored_size": max(stored, old.stored_size), "preprocess.image_size": image_size}
    return with_overrides(with_overrides(recipe, sizes), {"preprocess.stored_size": stored})
