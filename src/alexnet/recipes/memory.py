"""Whether a training can fit in memory at all, found before the work starts.

The estimate is a lower bound: weights, their gradients and their momentum, and the outputs of the layers with weights, which the backward
pass needs. What passes may still be too large; what is refused never fits.
"""

import math

import torch

from alexnet.errors import BadRecipe
from alexnet.i18n.units import data_size
from alexnet.models.networks.shapes import Layer
from alexnet.recipes.networks import layers_of
from alexnet.recipes.recipe import Recipe
from alexnet.runtime.device import choose_precision, free_device_memory
from alexnet.runtime.machine import available_bytes

COPIES = {"sgd": 3, "muon": 3, "adam": 4}  # of the weights: themselves, gradients, momentum; the squares of gradients
OF_SIZE = ("width", "hidden_units", "fully_connected", "convolutions_3x3", "first_padding", "first_stride", "first_channels")  # choices
BYTES = {"fp64": 8, "fp32": 4, "bf16": 2}  # of an output; weights have at least 4


def check_memory(recipe: Recipe, *, classes: int, images: int, device: torch.device, workers: int = 1) -> None:
    """Raise BadRecipe, with the numbers, if training the recipe's network on the device needs more memory than is free.

    images: of the training set, the most that a batch can have.
    """
    layers, precision = layers_of(recipe, classes), choose_precision(recipe.training.precision, device)
    weights = sum(layer.parameters for layer in layers)
    bytes_of_weights = weights * COPIES[recipe.training.optimizer] * max(4, BYTES[precision]) // workers
    batch = math.ceil(min(recipe.training.batch_size, max(1, images)) / workers)
    bytes_of_batch = batch * sum(map(_outputs, layers)) * BYTES[precision]
    on_device = free_device_memory(device)
    free = available_bytes() if on_device is None else on_device
    needed, set_fields = bytes_of_weights + bytes_of_batch, _set_fields(recipe)
    if bytes_of_weights > free:
        raise BadRecipe(
            f"The network would have {weights:,} weights, and training it needs at least {data_size(bytes_of_weights, tenths=True)}; "
            f"{data_size(free, tenths=True)} are free. Choose a smaller preprocess.image_size or network, or other values of the fields "
            f"that you set{set_fields}."
        )
    if needed > free:
        raise BadRecipe(
            f"A training step of {batch:,} pictures of {recipe.preprocess.image_size} px needs at least {data_size(needed, tenths=True)}; "
            f"{data_size(free, tenths=True)} are free. Choose a smaller training.batch_size or preprocess.image_size, or other values of "
            f"the fields that you set{set_fields}."
        )


def _outputs(layer: Layer) -> int:
    """The numbers of a layer's output that the backward pass needs for each image; 0 for layers that may work in place."""
    return math.prod(layer.output) if layer.parameters else 0


def _set_fields(recipe: Recipe) -> str:
    """The network's fields that differ from its table, in brackets."""
    given = [f"network.{name}" for name in OF_SIZE if getattr(recipe.network, name) is not None]
    return f" ({', '.join(given)})" if given else ""
