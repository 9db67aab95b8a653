"""A library's state dict by the names of our network, whose body holds the library's and whose last layer is ours."""

from collections.abc import Mapping

import torch
from torch import Tensor

from alexnet.models.networks.architecture import Architecture
from alexnet.models.networks.borrowed.body import Body
from alexnet.models.networks.borrowed.registry import source_of

BODY, LAST = "features.body.inner.", "classifier.fc."


def published(architecture: Architecture) -> dict[str, Tensor]:
    """What the library publishes for it, by our names; raises BadWeights if it cannot be fetched."""
    source, own = source_of(architecture.name)
    return renamed(architecture, source.weights(own))


def by_library(state: Mapping[str, Tensor], last: str) -> dict[str, Tensor]:
    """The opposite of `renamed`; last: the library's name of the layer that computes the scores."""
    return {
        name.removeprefix(BODY) if name.startswith(BODY) else f"{last}.{name.removeprefix(LAST)}": tensor for name, tensor in state.items()
    }


def renamed(architecture: Architecture, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict by our names, if it has the library's; the last layer as a matrix, where the library has a convolution of 1x1."""
    if any(name.startswith((BODY, LAST)) for name in state):
        return dict(state)
    with torch.device("meta"):
        last = Body(architecture.name, channels=3, image_size=architecture.image_size).last + "."
    found = {}
    for name, tensor in state.items():
        if name.startswith(last):
            found[LAST + name.removeprefix(last)] = tensor.flatten(1) if tensor.dim() > 1 else tensor
        else:
            found[BODY + name] = tensor
    return found
