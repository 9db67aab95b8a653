"""What changes in a recipe whose epochs are so many that the network would know its training images by heart. A model: one row."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.models.networks.convnet_small import CONVNET_SMALL
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Long:
    """From which epochs, training images and up to which image size (px) the fields of the quick recipe are others; at full width."""

    epochs: float
    images: int
    image_size: int
    fields: Mapping[str, Any]


LONG = {
    # after 20 of 30 epochs on CIFAR-10 0.4% of the training images were wrong, and the last third taught nothing (docs/results.md)
    CONVNET_SMALL.name: Long(
        24.0, 30_000, 32, {"augment.cutout": 8, "training.muon_learning_rate": 0.01, "training.muon_weight_decay": 1.0}
    ),
}


def adapted_to_length(recipe: Recipe, epochs: float, images: int, requested: Collection[str] = ()) -> Recipe:
    """The quick recipe with what a training of so many epochs on so many images needs; fields that the user has set keep their values."""
    long = LONG.get(recipe.model)
    if long is None or recipe.name != "quick" or epochs < long.epochs or images < long.images:
        return recipe
    if recipe.preprocess.image_size > long.image_size or recipe.network.width not in (None, 1.0):
        return recipe
    return with_overrides(recipe, {name: value for name, value in long.fields.items() if name not in requested})
