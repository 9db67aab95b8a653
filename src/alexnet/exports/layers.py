"""The layers of networks as ONNX nodes, one function per kind of module. Dropout is not there: an exported model is not trained."""

from functools import singledispatch
from itertools import pairwise
from math import prod

import numpy as np
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.exports.graph import Graph, Value
from alexnet.models.networks.efficientnet_lite import SameConv, same_padding
from alexnet.models.networks.layers import LocalConv2d, MaxAndAveragePool2d, ResponseNorm, SameMapNorm

LOWEST = float(np.finfo(np.float32).min)
THREE_QUARTERS = 0.75  # beta of 2012, by two square roots instead of a power


@singledispatch
def layer(module: nn.Module, graph: Graph, value: Value) -> Value:
    """Append one module to the graph; raises BadModel for one that has no row here."""
    raise BadModel(f"A layer of the kind {type(module).__name__} cannot be exported to ONNX.")


@layer.register
def _sequence(module: nn.Sequential, graph: Graph, value: Value) -> Value:
    for part in _rectified_first(list(module)):
        value = layer(part, graph, value)
    return value


def _rectified_first(parts: list[nn.Module]) -> list[nn.Module]:
    """The same function with ReLU before max-pooling: runtimes join it to the convolution, and 8 bits need not hold what it cuts off."""
    for place, (pool, relu) in enumerate(list(pairwise(parts))):
        if isinstance(pool, nn.MaxPool2d) and isinstance(relu, nn.ReLU):
            parts[place : place + 2] = [relu, pool]
    return parts


@layer.register
def _identity(module: nn.Identity, graph: Graph, value: Value) -> Value:
    return value


@layer.register
def _dropout(module: nn.Dropout, graph: Graph, value: Value) -> Value:
    return value


@layer.register
def _convolution(module: nn.Conv2d, graph: Graph, value: Value) -> Value:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise BadModel(f"A convolution with the padding {module.padding!r} of {module.padding_mode} cannot be exported to ONNX.")
    top, left = module.padding
    return convolved(module, graph, value, (top, left, top, left))


@layer.register
def _same_convolution(module: SameConv, graph: Graph, value: Value) -> Value:
    if module.stride == (1, 1):
        return _convolution(module, graph, value)
    (top, bottom), (left, right) = (
        same_padding(side, kernel, stride) for side, kernel, stride in zip(value.shape[1:], module.kernel_size, module.stride, strict=True)
    )
    return convolved(module, graph, value, (top, left, bottom, right))


def convolved(module: nn.Conv2d, graph: Graph, value: Value, pads: tuple[int, int, int, int]) -> Value:
    """A convolution with these zeros at the top, left, bottom and right."""
    weights = [graph.constant(module.weight)] + ([] if module.bias is None else [graph.constant(module.bias)])
    name = graph.node(
        "Conv",
        value.name,
        *weights,
        pads=pads,
        strides=module.stride,
        group=module.groups,
        kernel_shape=module.kernel_size,
        dilations=module.dilation,
    )
    spans = [(kernel - 1) * step + 1 for kernel, step in zip(module.kernel_size, module.dilation, strict=True)]
    sides = (
        (side + before + after - span) // stride + 1
        for side, before, after, span, stride in zip(value.shape[1:], pads[:2], pads[2:], spans, module.stride, strict=True)
    )
    return Value(name, (module.out_channels, *sides))


@layer.register
def _local(module: LocalConv2d, graph: Graph, value: Value) -> Value:
    """Every position's window as a row, and a matrix product per position."""
    pads = [0, 0, module.padding, module.padding] * 2
    padded = graph.node("Pad", value.name, graph.constant(pads)) if module.padding else value.name
    side, span = module.side, module.stride * (module.side - 1) + 1
    steps = () if module.stride == 1 else (module.stride,) * 2
    corners = [(top, left) for top in range(module.kernel) for left in range(module.kernel)]
    parts = [graph.slices(padded, (2, 3), (y, x), (y + span, x + span), steps) for y, x in corners]
    windows = graph.reshape(graph.node("Concat", *parts, axis=1), (0, -1, side * side))
    rows = graph.node("Transpose", windows, perm=(2, 0, 1))  # (positions, N, inputs)
    summed = graph.node("Add", graph.inner(rows, module.weight), graph.constant(module.bias[:, None]))
    maps = module.weight.shape[2]
    outputs = graph.reshape(graph.node("Transpose", summed, perm=(1, 2, 0)), (0, maps, side, side))
    return Value(outputs, (maps, side, side))


@layer.register
def _linear(module: nn.Linear, graph: Graph, value: Value) -> Value:
    return affine(graph, value, module.weight.t(), module.bias)  # stored as it is multiplied: files open a fifth faster


@layer.register
def _batch_norm(module: nn.BatchNorm2d, graph: Graph, value: Value) -> Value:
    """The running statistics as one factor and one addend per map, worked out in float64."""
    assert module.running_mean is not None
    assert module.running_var is not None
    factor = (module.running_var.double() + module.eps).rsqrt()
    factor = factor * module.weight.double() if module.affine else factor
    addend = -module.running_mean.double() * factor
    addend = addend + module.bias.double() if module.affine else addend
    scaled = graph.node("Mul", value.name, graph.constant(factor.view(1, -1, 1, 1)))
    found = Value(graph.node("Add", scaled, graph.constant(addend.view(1, -1, 1, 1))), value.shape)
    activation = getattr(module, "act", None)  # timm's batch norms hold the one that follows
    return layer(activation, graph, found) if isinstance(activation, nn.Module) else found


@layer.register
def _relu(module: nn.ReLU, graph: Graph, value: Value) -> Value:
    return Value(graph.node("Relu", value.name), value.shape)


@layer.register
def _tanh(module: nn.Tanh, graph: Graph, value: Value) -> Value:
    return Value(graph.node("Tanh", value.name), value.shape)


@layer.register
def _sigmoid(module: nn.Sigmoid, graph: Graph, value: Value) -> Value:
    return Value(graph.node("Sigmoid", value.name), value.shape)


@layer.register
def _gelu(module: nn.GELU, graph: Graph, value: Value) -> Value:
    """x (1 + erf(x / sqrt 2)) / 2, from operators of every version; runtimes recognise the pattern."""
    part = graph.node("Erf", graph.node("Div", value.name, graph.constant(2**0.5)))
    doubled = graph.node("Mul", value.name, graph.node("Add", part, graph.constant(1.0)))
    return Value(graph.node("Mul", doubled, graph.constant(0.5)), value.shape)


@layer.register
def _max_pool(module: nn.MaxPool2d, graph: Graph, value: Value) -> Value:
    if _number(module.dilation) != 1:
        raise BadModel("A pooling with gaps between its pixels cannot be exported to ONNX.")
    value = padded(graph, value, _number(module.padding), LOWEST)
    return max_pooled(graph, value, _number(module.kernel_size), _number(module.stride), ceil=module.ceil_mode)


@layer.register
def _average_pool(module: nn.AvgPool2d, graph: Graph, value: Value) -> Value:
    around = _number(module.padding)
    if around and (not module.count_include_pad or module.ceil_mode):
        raise BadModel("A mean over windows that leave out the margin cannot be exported to ONNX.")
    value = padded(graph, value, around, 0.0)
    return average_pooled(graph, value, _number(module.kernel_size), _number(module.stride), ceil=module.ceil_mode)


@layer.register
def _both_pools(module: MaxAndAveragePool2d, graph: Graph, value: Value) -> Value:
    largest = max_pooled(graph, value, module.kernel, module.stride, ceil=module.ceil)
    mean = average_pooled(graph, value, module.kernel, module.stride, ceil=module.ceil)
    return Value(graph.node("Mul", graph.node("Add", largest.name, mean.name), graph.constant(0.5)), largest.shape)


def padded(graph: Graph, value: Value, around: int, number: float) -> Value:
    """The maps with a margin of so many pixels on all sides, all of them that number."""
    if not around:
        return value
    channels, *sides = value.shape
    name = graph.node("Pad", value.name, graph.constant([0, 0, around, around] * 2), graph.constant(number))
    return Value(name, (channels, *(side + 2 * around for side in sides)))


def _number(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]


def pooled_side(side: int, kernel: int, stride: int, *, ceil: bool) -> tuple[int, int]:
    """The positions of a window, and how far the last one hangs over, in pixels; with ceil, a window must start inside the map."""
    positions = (side - kernel) // stride + 1
    if ceil and (positions - 1) * stride + kernel < side and positions * stride < side:
        positions += 1
    return positions, max(0, (positions - 1) * stride + kernel - side)


def max_pooled(graph: Graph, value: Value, kernel: int, stride: int, *, ceil: bool) -> Value:
    """The largest number of each window. What hangs over is filled here, because readers disagree on the attribute `ceil_mode`."""
    channels, *sides = value.shape
    (rows, below), (columns, right) = (pooled_side(side, kernel, stride, ceil=ceil) for side in sides)
    name = value.name
    if below or right:
        name = graph.node("Pad", name, graph.constant([0, 0, 0, 0, 0, 0, below, right]), graph.constant(LOWEST))
    return Value(graph.node("MaxPool", name, kernel_shape=(kernel, kernel), strides=(stride, stride)), (channels, rows, columns))


def average_pooled(graph: Graph, value: Value, kernel: int, stride: int, *, ceil: bool) -> Value:
    """The mean of each window; of one that hangs over, the mean of the part inside the map, as PyTorch and cuda-convnet have it."""
    channels, *sides = value.shape
    (rows, below), (columns, right) = (pooled_side(side, kernel, stride, ceil=ceil) for side in sides)
    name = graph.node("Pad", value.name, graph.constant([0, 0, 0, 0, 0, 0, below, right])) if below or right else value.name
    name = graph.node("AveragePool", name, kernel_shape=(kernel, kernel), strides=(stride, stride))
    if below or right:
        factors = np.outer(*(_whole_by_part(side, kernel, stride, count) for side, count in zip(sides, (rows, columns), strict=True)))
        name = graph.node("Mul", name, graph.constant(factors[None, None]))
    return Value(name, (channels, rows, columns))


def _whole_by_part(side: int, kernel: int, stride: int, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """The window's length over the length of its part inside the map, for each position of a side."""
    return np.array([kernel / min(kernel, side - place * stride) for place in range(count)])


@layer.register
def _adaptive_average(module: nn.AdaptiveAvgPool2d, graph: Graph, value: Value) -> Value:
    return _adaptive(graph, value, _grid(module.output_size), "average")


@layer.register
def _adaptive_max(module: nn.AdaptiveMaxPool2d, graph: Graph, value: Value) -> Value:
    return _adaptive(graph, value, _grid(module.output_size), "max")


def _grid(size: object) -> int:
    """The side of a square of parts; raises BadModel for another rectangle."""
    sides = size if isinstance(size, tuple | list) else (size,)
    if len(set(sides)) != 1 or not isinstance(sides[0], int):
        raise BadModel(f"A pooling to {size} parts cannot be exported to ONNX.")
    return sides[0]


def _adaptive(graph: Graph, value: Value, grid: int, kind: str) -> Value:
    """Parts of the map that may overlap or differ in size (trap 18), which ONNX has no operator for: sums as products, maxima as slices."""
    channels, *sides = value.shape
    if sides == [grid, grid]:
        return value
    if grid == 1:
        name = graph.node("GlobalAveragePool" if kind == "average" else "GlobalMaxPool", value.name)
        return Value(name, (channels, 1, 1))
    name = value.name
    for axis, side in zip((2, 3), sides, strict=True):
        spans = [(place * side // grid, -(-(place + 1) * side // grid)) for place in range(grid)]
        parts = [graph.slices(name, [axis], [start], [end]) for start, end in spans]
        reduced = [graph.node("ReduceMean" if kind == "average" else "ReduceMax", part, axes=[axis], keepdims=1) for part in parts]
        name = graph.node("Concat", *reduced, axis=axis)
    return Value(name, (channels, grid, grid))


@layer.register
def _response_norm(module: ResponseNorm, graph: Graph, value: Value) -> Value:
    """The sum over neighbouring maps, within towers, is a 1 x 1 convolution with the band; exact, because it squares."""
    with graph:
        squares = graph.node("Mul", value.name, value.name)
        band = (module.band * module.strength).t()[:, :, None, None]
        base = graph.node("Conv", squares, graph.constant(band), graph.constant(np.full(len(band), module.k)), kernel_shape=(1, 1))
        return Value(_damped(graph, value.name, base, module.beta), value.shape)


@layer.register
def _same_map_norm(module: SameMapNorm, graph: Graph, value: Value) -> Value:
    side, around = module.side, module.side // 2
    with graph:
        squares = graph.node("Mul", value.name, value.name)
        padded = graph.node("Pad", squares, graph.constant([0, 0, around, around] * 2))
        energy = graph.node("AveragePool", padded, kernel_shape=(side, side), strides=(1, 1))
        base = graph.node("Add", graph.node("Mul", energy, graph.constant(module.alpha)), graph.constant(module.k))
        return Value(_damped(graph, value.name, base, module.beta), value.shape)


def _damped(graph: Graph, activations: str, base: str, beta: float) -> str:
    """Activations x base ** -beta."""
    if beta == THREE_QUARTERS:
        root = graph.node("Sqrt", base)
        return graph.node("Div", activations, graph.node("Mul", root, graph.node("Sqrt", root)))
    return graph.node("Div", activations, graph.node("Pow", base, graph.constant(beta)))


def flattened(graph: Graph, value: Value) -> Value:
    """One row of numbers per image."""
    return Value(graph.node("Flatten", value.name, axis=1), (prod(value.shape),)) if len(value.shape) > 1 else value


def affine(graph: Graph, value: Value, weights: Tensor, bias: Tensor) -> Value:
    """Rows (N, D) @ weights (D, M) + bias (M,)."""
    return Value(graph.node("Gemm", value.name, graph.constant(weights), graph.constant(bias)), (weights.shape[1],))
