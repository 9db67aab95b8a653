"""The features of hand-crafted systems as ONNX nodes: those that are tensor operations on every image alike."""

import numpy as np
import torch
from torch import nn

from alexnet.errors import BadModel
from alexnet.exports.dense_features import dense_features
from alexnet.exports.graph import Graph, Value
from alexnet.exports.networks import as_floats, pretrained_features
from alexnet.models.handcrafted.features import DenseFeatures, ScatteredFeatures
from alexnet.models.handcrafted.hog import CLIP, FAINT, HOG, LARGEST
from alexnet.models.handcrafted.pretrained import PretrainedFeatures
from alexnet.models.handcrafted.raw_pixels import LARGEST as WHITE
from alexnet.models.handcrafted.raw_pixels import Pixels


def features_of(module: nn.Module, graph: Graph, images: Value) -> Value:
    """uint8 images -> features; raises BadModel, with the reason, for features that are no tensor operations."""
    if isinstance(module, PretrainedFeatures):
        vectors = pretrained_features(module.network, graph, images)
        return Value(graph.node("Sqrt", vectors.name), vectors.shape) if module.root else vectors
    with graph:
        if isinstance(module, Pixels):
            return _pixels(graph, images)
        if isinstance(module, HOG):
            return _hog(module, graph, images)
        if isinstance(module, DenseFeatures):
            return dense_features(module, graph, images)
    if isinstance(module, ScatteredFeatures):
        raise BadModel(
            "This system describes interest points, which a library finds one by one and whose number differs from picture to picture; "
            "ONNX has no operators for that. Export a system on a grid: fisher-svm, sift-bow-svm, hog-svm."
        )
    raise BadModel(f"Features of the kind {type(module).__name__} cannot be exported to ONNX.")


def _pixels(graph: Graph, images: Value) -> Value:
    rows = graph.node("Flatten", as_floats(graph, images), axis=1)
    return Value(graph.node("Div", rows, graph.constant(WHITE)), (int(np.prod(images.shape)),))


def _hog(module: HOG, graph: Graph, images: Value) -> Value:
    length, direction = _strongest_gradients(module, graph, images)
    numbers = torch.arange(module.orientations).view(1, -1, 1, 1)
    chosen = graph.node("Cast", graph.node("Equal", direction, graph.constant(numbers)), to=1)
    maps = graph.node("Mul", chosen, length)  # (N, orientations, S, S)
    sums = graph.node("MatMul", graph.constant(module.membership.t()), graph.inner(maps, module.membership))
    means = graph.node("Div", graph.node("Transpose", sums, perm=(0, 2, 3, 1)), graph.constant(float(module.cell**2)))
    size, side = module.blocks, module.block
    corners = [(row, column) for row in range(side) for column in range(side)]
    windows = [graph.slices(means, (1, 2), (row, column), (row + size, column + size)) for row, column in corners]
    blocks = _unit(graph, graph.node("Concat", *windows, axis=3))
    clipped = graph.node("Min", blocks, graph.constant(CLIP))
    return Value(graph.node("Flatten", _unit(graph, clipped), axis=1), (module.dimensions,))


def _unit(graph: Graph, blocks: str) -> str:
    """See `hog._unit`: numbers at least 0, to unit length."""
    squares = graph.sums(graph.node("Mul", blocks, blocks), 3)
    return graph.node("Div", blocks, graph.node("Sqrt", graph.node("Add", squares, graph.constant(FAINT**2))))


def _strongest_gradients(module: HOG, graph: Graph, images: Value) -> tuple[str, str]:
    """The length (N, 1, S, S) and the number of the direction, int64 (N, 1, S, S), of the colour with the longest gradient."""
    pixels, (colours, height, width) = as_floats(graph, images), images.shape
    across = _difference(graph, pixels, 3, width)
    down = _difference(graph, pixels, 2, height)
    squares = graph.node("Add", graph.node("Mul", across, across), graph.node("Mul", down, down))
    row = graph.node("Mul", graph.node("Add", down, graph.constant(float(LARGEST))), graph.constant(float(2 * LARGEST + 1)))
    pairs = graph.node("Add", graph.node("Add", row, across), graph.constant(float(LARGEST)))
    strongest, pair = (graph.slices(maps, [1], [0], [1]) for maps in (squares, pairs))
    for colour in range(1, colours):
        square, number = (graph.slices(maps, [1], [colour], [colour + 1]) for maps in (squares, pairs))
        pair = graph.node("Where", graph.node("Greater", square, strongest), number, pair)
        strongest = graph.node("Max", strongest, square)
    table = graph.constant(module.directions.to(torch.int64))
    return graph.node("Sqrt", strongest), graph.node("Gather", table, graph.node("Cast", pair, to=7), axis=0)


def _difference(graph: Graph, pixels: str, axis: int, side: int) -> str:
    """The pixel after minus the pixel before along an axis; 0 at the border."""
    after, before = graph.slices(pixels, [axis], [2], [side]), graph.slices(pixels, [axis], [0], [side - 2])
    pads = [0] * 8
    pads[axis] = pads[axis + 4] = 1
    return graph.node("Pad", graph.node("Sub", after, before), graph.constant(pads))
