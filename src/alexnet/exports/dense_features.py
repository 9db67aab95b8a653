"""Descriptors on a grid and their encodings as ONNX nodes: SIFT, local colour; Fisher vectors, words."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from alexnet.exports.graph import Graph, Value
from alexnet.exports.networks import as_floats
from alexnet.models.handcrafted.bag_of_words import DenseWords
from alexnet.models.handcrafted.colour import CHANNELS, FLAT, LocalColour
from alexnet.models.handcrafted.features import DenseFeatures, Description
from alexnet.models.handcrafted.fisher import FURTHEST, FisherVector
from alexnet.models.handcrafted.grid import BINS, Grid
from alexnet.models.handcrafted.sift import CLIP, DIRECTIONS, FAINT, TINY, DenseSIFT
from alexnet.models.handcrafted.spatial_pyramid import Cells


def dense_features(module: DenseFeatures, graph: Graph, images: Value) -> Value:
    """uint8 images -> encoded descriptors, kind by kind."""
    encoded = []
    for description, encoder in zip(module.descriptions, module.encoders, strict=True):
        assert isinstance(description, Description)
        descriptors = _described(description, graph, images)
        encoded.append(_fisher(encoder, graph, descriptors) if isinstance(encoder, FisherVector) else _words(encoder, graph, descriptors))
    name = encoded[0] if len(encoded) == 1 else graph.node("Concat", *encoded, axis=1)
    return Value(name, (module.dimensions,))


def _described(description: Description, graph: Graph, images: Value) -> str:
    """(N, P, d): all scales, then those of the mirror image."""
    found = [_scales(description, graph, images)]
    if description.mirror:
        width = images.shape[2]
        mirrored = graph.slices(as_floats(graph, images), [3], [-1], [-width - 1], [-1])
        found.append(_scales(description, graph, Value(mirrored, images.shape)))
    return found[0] if len(found) == 1 else graph.node("Concat", *found, axis=1)


def _scales(description: Description, graph: Graph, images: Value) -> str:
    pixels = as_floats(graph, images)
    scales = list(description.scales)
    first = scales[0]
    if isinstance(first, DenseSIFT):
        maps = _directions(first, graph, pixels, images.shape)
        found = [_sift(scale, graph, maps) for scale in scales if isinstance(scale, DenseSIFT)]
    else:
        centred = graph.node("Sub", graph.node("Div", pixels, graph.constant(255.0)), graph.constant(0.5))
        maps = graph.node("Concat", centred, graph.node("Mul", centred, centred), axis=1)
        found = [_colour(scale, graph, maps) for scale in scales if isinstance(scale, LocalColour)]
    return found[0] if len(found) == 1 else graph.node("Concat", *found, axis=1)


def _directions(sift: DenseSIFT, graph: Graph, pixels: str, shape: tuple[int, ...]) -> str:
    """The length of each pixel's gradient, shared between the two nearest of eight directions: (N, 8, S, S)."""
    gray = graph.node("Conv", pixels, graph.constant(sift.luma.view(1, 3, 1, 1)), kernel_shape=(1, 1))
    if sift.blur.numel():
        gray = _blurred(sift, graph, gray, shape[2])
    padded = graph.node("Pad", gray, graph.constant([0, 0, 1, 1] * 2), mode="edge")
    height, width = shape[1:]
    right, left = (graph.slices(padded, (2, 3), (1, start), (height + 1, start + width)) for start in (2, 0))
    above, below = (graph.slices(padded, (2, 3), (start, 1), (start + height, width + 1)) for start in (0, 2))
    across, upwards = graph.node("Sub", right, left), graph.node("Sub", above, below)
    squares = graph.node("Add", graph.node("Mul", across, across), graph.node("Mul", upwards, upwards))
    turn = graph.node("Mul", _angle(graph, across, upwards), graph.constant(DIRECTIONS / (2 * math.pi)))  # -4 to 4
    apart = graph.node("Abs", graph.node("Sub", turn, graph.constant(torch.arange(DIRECTIONS).view(1, -1, 1, 1).float())))
    around = graph.node("Min", apart, graph.node("Abs", graph.node("Sub", graph.constant(float(DIRECTIONS)), apart)))
    share = graph.node("Relu", graph.node("Sub", graph.constant(1.0), around))
    return graph.node("Mul", share, graph.node("Sqrt", squares))


def _blurred(sift: DenseSIFT, graph: Graph, gray: str, side: int) -> str:
    """See `sift.blurred`."""
    line = sift.blur
    radius = min(len(line) // 2, side - 1)
    cut = line[len(line) // 2 - radius : len(line) // 2 + radius + 1]
    kernel = (cut / cut.sum()).view(1, 1, 1, -1)
    padded = graph.node("Pad", gray, graph.constant([0, 0, radius, radius] * 2), mode="reflect")
    rows = graph.node("Conv", padded, graph.constant(kernel), kernel_shape=kernel.shape[2:])
    return graph.node("Conv", rows, graph.constant(kernel.transpose(2, 3)), kernel_shape=(kernel.shape[3], 1))


def _angle(graph: Graph, x: str, y: str) -> str:
    """The angle of (x, y), -pi to pi: ONNX has no arc tangent of two arguments. In the first octant, then turned into its own."""
    width, height = graph.node("Abs", x), graph.node("Abs", y)
    longer = graph.node("Max", graph.node("Max", width, height), graph.constant(float(np.finfo(np.float32).tiny)))
    angle = graph.node("Atan", graph.node("Div", graph.node("Min", width, height), longer))
    steep = graph.node("Greater", height, width)
    angle = graph.node("Where", steep, graph.node("Sub", graph.constant(math.pi / 2), angle), angle)
    leftwards = graph.node("Less", x, graph.constant(0.0))
    angle = graph.node("Where", leftwards, graph.node("Sub", graph.constant(math.pi), angle), angle)
    return graph.node("Where", graph.node("Less", y, graph.constant(0.0)), graph.node("Neg", angle), angle)


def _pooled(grid: Grid, graph: Graph, maps: str) -> str:
    """Maps (N, M, S, S) -> sums over bins (N, positions, 16, M); see `Grid`."""
    sums = graph.node("MatMul", graph.constant(grid.windows.t()), graph.inner(maps, grid.windows))
    cells = graph.node("Transpose", graph.reshape(sums, (0, 0, -1)), perm=(0, 2, 1))
    bins = graph.node("Gather", cells, graph.constant(grid.bins), axis=1)
    pooled = graph.reshape(graph.node("Unsqueeze", bins, graph.constant([2])), (0, grid.positions, BINS**2, -1))
    return graph.node("Mul", pooled, graph.constant(grid.weights)) if grid.weights.numel() else pooled


def _sift(scale: DenseSIFT, graph: Graph, maps: str) -> str:
    """The descriptors of one scale, (N, positions, 128): normalised, clipped, and normalised again or as roots of shares."""
    pooled = graph.reshape(_pooled(scale.grid, graph, maps), (0, scale.grid.positions, scale.dimensions))
    length = graph.node("Sqrt", graph.sums(graph.node("Mul", pooled, pooled), 2))
    visible = graph.node("Cast", graph.node("Not", graph.node("Less", length, graph.constant(FAINT))), to=1)
    limit = graph.node("Mul", graph.node("Mul", length, visible), graph.constant(CLIP))
    clipped = graph.node("Min", pooled, limit)
    if scale.root:
        share = graph.node("Div", clipped, graph.node("Max", graph.sums(clipped, 2), graph.constant(TINY)))
        return graph.node("Sqrt", share)
    squares = graph.sums(graph.node("Mul", clipped, clipped), 2)
    return graph.node("Div", clipped, graph.node("Max", graph.node("Sqrt", squares), graph.constant(TINY)))


def _colour(scale: LocalColour, graph: Graph, maps: str) -> str:
    """Means and spreads of the colours in each bin, (N, positions, 96)."""
    pooled = _pooled(scale.grid, graph, maps)
    mean, square = graph.slices(pooled, [3], [0], [CHANNELS]), graph.slices(pooled, [3], [CHANNELS], [2 * CHANNELS])
    variance = graph.node("Sub", square, graph.node("Mul", mean, mean))
    visible = graph.node("Greater", variance, graph.constant(FLAT))
    spread = graph.node("Sqrt", graph.node("Where", visible, variance, graph.constant(0.0)))
    return graph.reshape(graph.node("Concat", mean, spread, axis=3), (0, scale.grid.positions, scale.dimensions))


def _in_cells(cells: Cells, graph: Graph, arrays: Sequence[str]) -> list[tuple[Sequence[str], int]]:
    """For each cell: its part of each array (N, P, ...), and the number of positions in it."""
    found: list[tuple[Sequence[str], int]] = []
    for places in cells.places():
        if places is None:
            found.append((arrays, cells.positions))
        else:
            chosen = graph.constant(places)
            found.append(([graph.node("Gather", array, chosen, axis=1) for array in arrays], len(places)))
    return found


def _fisher(encoder: FisherVector, graph: Graph, descriptors: str) -> str:
    """See `FisherVector`: posteriors, gradients by means and spreads, signed roots, unit length, cell by cell."""
    projected = graph.node("Sub", graph.inner(descriptors, encoder.projection), graph.constant(encoder.offset))
    moments = graph.node("Concat", projected, graph.node("Mul", projected, projected), axis=2)
    precision = 1 / encoder.variances
    linear = torch.cat([encoder.means * precision, -0.5 * precision], dim=1)
    constant = encoder.weights.log() - 0.5 * (encoder.variances.log() + encoder.means.square() * precision).sum(1)
    joint = graph.node("Add", graph.inner(moments, linear.t()), graph.constant(constant))
    lowest = graph.node("Sub", graph.node("ReduceMax", joint, axes=[2], keepdims=1), graph.constant(FURTHEST))
    posteriors = graph.node("Softmax", graph.node("Max", joint, lowest), axis=2)
    cells = _in_cells(encoder.cells, graph, (posteriors, moments))
    vectors = [_gradients(encoder, graph, q, x, max(1, count)) for (q, x), count in cells]
    return vectors[0] if len(vectors) == 1 else graph.node("Concat", *vectors, axis=1)


def _gradients(encoder: FisherVector, graph: Graph, posteriors: str, moments: str, count: int) -> str:
    """One cell's improved Fisher vector, (N, 2 K components)."""
    components = encoder.means.shape[1]
    by_gaussian = graph.node("Transpose", posteriors, perm=(0, 2, 1))
    sums, mass = graph.node("MatMul", by_gaussian, moments), graph.sums(by_gaussian, 2)
    first, second = (graph.slices(sums, [2], [start], [start + components]) for start in (0, components))
    means, variances, weights = encoder.means.double(), encoder.variances.double(), encoder.weights.double()[:, None]
    moved = graph.node("Sub", first, graph.node("Mul", mass, graph.constant(means)))
    by_mean = graph.node("Mul", moved, graph.constant(1 / (variances.sqrt() * count * weights.sqrt())))
    around = graph.node("Sub", second, graph.node("Mul", first, graph.constant(2 * means)))
    centred = graph.node("Add", around, graph.node("Mul", mass, graph.constant(means.square())))
    excess = graph.node("Sub", graph.node("Div", centred, graph.constant(variances)), mass)
    by_spread = graph.node("Div", excess, graph.constant(count * (2 * weights).sqrt()))
    raw = graph.node("Concat", *(graph.node("Flatten", part, axis=1) for part in (by_mean, by_spread)), axis=1)
    rooted = graph.node("Mul", graph.node("Sign", raw), graph.node("Sqrt", graph.node("Abs", raw)))
    length = graph.node("Sqrt", graph.sums(graph.node("Abs", raw), 1))  # the squares of signed roots
    return graph.node("Div", rooted, graph.node("Max", length, graph.constant(math.sqrt(float(np.finfo(np.float32).tiny)))))


def _words(encoder: object, graph: Graph, descriptors: str) -> str:
    """See `DenseWords`: the share of each word in each cell."""
    assert isinstance(encoder, DenseWords)
    vocabulary = encoder.words.vocabulary
    products = graph.node("Sub", graph.inner(descriptors, vocabulary.t()), graph.constant(0.5 * vocabulary.double().square().sum(1)))
    nearest = graph.node("ArgMax", products, axis=2, keepdims=0)  # (N, P)
    shares = []
    for (inside,), count in _in_cells(encoder.cells, graph, (nearest,)):
        shares.append(_histogram(graph, inside, count, len(vocabulary)))
    return shares[0] if len(shares) == 1 else graph.node("Concat", *shares, axis=1)


def _histogram(graph: Graph, nearest: str, count: int, words: int) -> str:
    """int64 (N, count) -> (N, words), the share of each word."""
    empty = graph.node("Mul", _ones_like_rows(graph, nearest), graph.constant(np.zeros((1, words), np.float32)))
    ones = graph.node("Add", graph.node("Mul", graph.node("Cast", nearest, to=1), graph.constant(0.0)), graph.constant(1.0))
    counts = graph.node("ScatterElements", empty, nearest, ones, axis=1, reduction="add")
    return graph.node("Div", counts, graph.constant(float(max(1, count))))


def _ones_like_rows(graph: Graph, nearest: str) -> str:
    """(N, 1): a number for each image of the batch, whose size is open."""
    return graph.node("ReduceMax", graph.node("Cast", nearest, to=1), axes=[1], keepdims=1)
