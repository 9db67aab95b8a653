"""Networks behind the seam as ONNX nodes: normalisation, margin, layers."""

from math import prod

import torch
from torch import nn

from alexnet.exports.graph import Graph, Value
from alexnet.exports.layers import flattened, layer
from alexnet.models.networks.efficientnet import MEAN, STD
from alexnet.models.networks.efficientnet_lite import ConvNorm, EfficientNetLite, MBConv
from alexnet.models.networks.mixer_layers import ChannelNorm, MixerLayer
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import margins


def scores_of_network(model: NetworkModel, graph: Graph, images: Value) -> Value:
    """uint8 images -> scores."""
    scores = layer(model.network.classifier[-1], graph, hidden_layer(model, graph, images))
    if model.temperature == 1:
        return scores
    with graph:
        return Value(graph.node("Div", scores.name, graph.constant(model.temperature)), scores.shape)


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
    scale = module.scale.float()
    with graph:
        name = graph.node("Sub", pixels, graph.constant(module.mean))
        name = name if bool((scale == 1).all()) else graph.node("Mul", name, graph.constant(scale))
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


@layer.register
def _conv_norm(module: ConvNorm, graph: Graph, value: Value) -> Value:
    value = layer(module.norm, graph, layer(module.conv, graph, value))
    if module.linear:
        return value
    return Value(graph.node("Clip", value.name, graph.constant(0.0), graph.constant(6.0)), value.shape)


@layer.register
def _inverted_residual(module: MBConv, graph: Graph, value: Value) -> Value:
    found = value
    for part in (module.expand, module.depthwise, module.project):
        found = layer(part, graph, found)
    return Value(graph.node("Add", found.name, value.name), found.shape) if module.shortcut else found


@layer.register
def _mixer(module: MixerLayer, graph: Graph, value: Value) -> Value:
    """Mixing over a table of patches and channels, (N, patches, C)."""
    channels, *sides = value.shape
    rows = graph.reshape(value.name, (0, channels, prod(sides)))
    table = graph.node("Transpose", rows, perm=(0, 2, 1))
    by_channel = graph.node("Transpose", _layer_norm(module.before_patches, graph, table), perm=(0, 2, 1))
    mixed = graph.node("Transpose", _over_last(module.over_patches, graph, by_channel), perm=(0, 2, 1))
    table = graph.node("Add", table, mixed)
    table = graph.node("Add", table, _over_last(module.over_channels, graph, _layer_norm(module.before_channels, graph, table)))
    maps = graph.reshape(graph.node("Transpose", table, perm=(0, 2, 1)), (0, channels, *sides))
    return Value(maps, value.shape)


@layer.register
def _channel_norm(module: ChannelNorm, graph: Graph, value: Value) -> Value:
    channels, *sides = value.shape
    table = graph.node("Transpose", graph.reshape(value.name, (0, channels, prod(sides))), perm=(0, 2, 1))
    normed = graph.node("Transpose", _layer_norm(module, graph, table), perm=(0, 2, 1))
    return Value(graph.reshape(normed, (0, channels, *sides)), value.shape)


def _layer_norm(module: nn.LayerNorm, graph: Graph, table: str) -> str:
    """Over the last dimension, from operators of every version."""
    centred = graph.node("Sub", table, graph.node("ReduceMean", table, axes=[2], keepdims=1))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes=[2], keepdims=1)
    spread = graph.node("Sqrt", graph.node("Add", variance, graph.constant(module.eps)))
    scaled = graph.node("Mul", graph.node("Div", centred, spread), graph.constant(module.weight))
    return graph.node("Add", scaled, graph.constant(module.bias))


def _over_last(module: nn.Sequential, graph: Graph, table: str) -> str:
    """A perceptron over the last dimension of (N, rows, columns)."""
    for part in module:
        if isinstance(part, nn.Linear):
            table = graph.node("Add", graph.inner(table, part.weight.t()), graph.constant(part.bias))
        else:
            table = layer(part, graph, Value(table, ())).name
    return table
