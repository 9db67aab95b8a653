"""An untrained network behind the seam, from the settings of a recipe or a model card."""

import torch

from alexnet.data.preprocess import Preprocess
from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import last_name
from alexnet.models.registry import find_architecture


def build_model(name: str, choices: NetworkChoices, classes: int, channels: int, preprocess: Preprocess) -> NetworkModel:
    """The untrained network called `name` in the catalogue, behind the seam, for images preprocessed by `preprocess`."""
    architecture = vary(find_architecture(name), choices)
    network = Network(architecture, classes=classes, channels=channels, image_size=preprocess.image_size)
    model = NetworkModel(network, Normalise(preprocess.mean, preprocess.std))
    return model.to(memory_format=torch.channels_last)


def last_layer(model: NetworkModel) -> str:
    """The state-dict name of the layer that computes the scores."""
    network = model.network
    name = last_name(network.architecture)
    return f"classifier.{len(network.classifier) - 1}" if network.architecture.numbered else f"classifier.{name}"
