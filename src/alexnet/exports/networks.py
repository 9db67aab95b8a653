"""Networks behind the seam as ONNX nodes: normalisation, margin, layers."""

import torch

from alexnet.exports.graph import Graph, Value
from alexnet.exports.layers import flattened, layer
from alexnet.models.networks.efficientnet import MEAN, STD
from alexnet.models.networks.efficientnet_lite import EfficientNetLite
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import margins


def scores_of_network(model: NetworkModel, graph: Graph, images: Value) -> Value:
    """uint8 images -> scores."""
    hidden = hidden_layer(model, graph, images)
    return layer(model.network.classifier[-1], graph, hidden)


def hidden_layer(model: NetworkModel, graph: Graph, images: Value) -> Value:
    """uint8 images -> the last hidden layer."""
    network = model.network
    maps = layer(network.features, graph, framed(network, graph, normalised(model.normalise, graph, images)))
    rows = flattened(graph, layer(network.avgpool, graph, maps))
    return layer(network.classifier[:-1], graph, rows)


def normalised(module: Normalise, graph: Graph, images: Value) -> Value:
    """uint8 pixels as the network's numbers; gray by a convolution over the colours."""
    pixels, channels = as_floats(graph, images), module.mean.shape[1]
    if channels == 1:
        pixels = graph.node("Conv", pixels, graph.constant(module.luma), kernel_shape=(1, 1))
    centred = graph.node("Sub", pixels, graph.constant(module.mean))
    scale = module.scale.float()
    name = centred if bool((scale == 1).all()) else graph.node("Mul", centred, graph.constant(scale))
    return Value(name, (channels, *images.shape[1:]))


def as_floats(graph: Graph, images: Value) -> str:
    """uint8 pixels as float32."""
    return graph.node("Cast", images.name, to=1)


def framed(network: Network, graph: Graph, pixels: Value) -> Value:
    """The image with the margin of zeros that the architecture requires."""
    channels, height, width = pixels.shape
    (top, bottom), (left, right) = margins(network.architecture, height), margins(network.architecture, width)
    if not (top or bottom or left or right):
        return pixels
    name = graph.node("Pad", pixels.name, graph.constant([0, 0, top, left, 0, 0, bottom, right]))
    return Value(name, (channels, height + top + bottom, width + left + right))


def pretrained_features(network: EfficientNetLite, graph: Graph, images: Value) -> Value:
    """uint8 images -> the mean of each map of EfficientNet-Lite's head."""
    centred = graph.node("Sub", as_floats(graph, images), graph.constant(torch.tensor(MEAN)))
    value = Value(graph.node("Div", centred, graph.constant(torch.tensor(STD))), images.shape)
    for part in (network.stem, network.blocks, network.head):
        value = layer(part, graph, value)
    return flattened(graph, Value(graph.node("GlobalAveragePool", value.name), (value.shape[0], 1, 1)))
