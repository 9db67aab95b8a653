"""Weights that others have trained on ImageNet, by network, one row each: "imagenet" in the place of a file."""

from collections.abc import Callable
from dataclasses import replace

from alexnet.models.networks.borrowed.registry import borrowed_architecture, is_borrowed
from alexnet.models.networks.borrowed.weights import published, renamed
from alexnet.models.weights.efficientnet_lite import read_network
from alexnet.models.weights.load import read_stored
from alexnet.models.weights.state_dict import State, StoredWeights

IMAGENET = "imagenet"
PUBLISHED: dict[str, Callable[[], State]] = {"efficientnet-lite0": read_network}


def read_for(network: str, source: str) -> StoredWeights:
    """The state dict of `source` as `read_stored` finds it; "imagenet" is that of the network's own row, else torchvision's AlexNet.

    Of a network of another library, "imagenet" is what that publishes, and a file may have the library's names. Raises BadModel if the
    package that brings a row's weights is missing, and BadWeights as `read_stored` does.
    """
    if is_borrowed(network):
        architecture = borrowed_architecture(network)
        if source == IMAGENET:
            return StoredWeights(published(architecture))
        stored = read_stored(source)
        return replace(stored, state=renamed(architecture, stored.state))
    if source == IMAGENET and network in PUBLISHED:
        return StoredWeights(PUBLISHED[network]())
    return read_stored(source)
