"""Networks of other libraries as ONNX nodes: what runs in them is recorded by torch.fx, without running it, and translated call by call."""

import operator
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

from alexnet.errors import BadModel
from alexnet.exports.graph import Graph, Value
from alexnet.exports.layers import flattened, layer
from alexnet.models.networks.borrowed.body import Body

Call = Callable[..., Value]
NOT_THERE = "{name} cannot be exported to ONNX: {why}. alexnet export RUN --to torch writes its weights for PyTorch."


@layer.register
def _body(module: Body, graph: Graph, value: Value) -> Value:
    try:
        traced = _Tracer().trace(module.inner.eval())
    except Exception as error:  # whatever code that depends on values raises where there are none
        why = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BadModel(NOT_THERE.format(name=type(module.inner).__name__, why=f"its code cannot be followed ({why})")) from None
    return _translated(module.inner, traced, graph, value)


class _Tracer(fx.Tracer):
    """PyTorch's, which also takes batch norms of other libraries, with the activation that they may hold, as single layers."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, nn.BatchNorm2d | StochasticDepth) or super().is_leaf_module(module, qualified_name)


def _translated(network: nn.Module, traced: fx.Graph, graph: Graph, images: Value) -> Value:
    values: dict[fx.Node, Any] = {}

    def known(argument: Any) -> Any:
        return fx.node.map_arg(argument, lambda node: values[node])

    for node in traced.nodes:
        if node.op == "output":
            found = known(node.args[0])
            if not isinstance(found, Value):
                raise BadModel(NOT_THERE.format(name=type(network).__name__, why="it computes more than one result"))
            return found
        values[node] = images if node.op == "placeholder" else _computed(network, node, graph, known(node.args), known(dict(node.kwargs)))
    raise BadModel(NOT_THERE.format(name=type(network).__name__, why="it computes nothing"))


def _computed(network: nn.Module, node: fx.Node, graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if node.op == "call_module":
        return layer(network.get_submodule(str(node.target)), graph, args[0])
    call = CALLS.get(node.target) if node.op in ("call_function", "call_method") else None
    if call is None or not args or not isinstance(args[0], Value | tuple | list):
        raise BadModel(NOT_THERE.format(name=type(network).__name__, why=f"its {node.name} has no counterpart here"))
    return call(graph, *args, **kwargs)


def _with_both(name: str) -> Call:
    """An operator of two arrays, one of which may be a number, and of which the smaller is spread over the larger."""

    def call(graph: Graph, one: Any, other: Any) -> Value:
        names = [part.name if isinstance(part, Value) else graph.constant(float(part)) for part in (one, other)]
        shapes = [part.shape for part in (one, other) if isinstance(part, Value)]
        return Value(graph.node(name, *names), max(shapes, key=prod))

    return call


def _with_one(name: str) -> Call:
    def call(graph: Graph, value: Value, inplace: bool = False) -> Value:
        return Value(graph.node(name, value.name), value.shape)

    return call


def _concatenated(graph: Graph, parts: Any, dim: int = 0) -> Value:
    axis = dim if dim >= 0 else dim + len(parts[0].shape) + 1
    if axis == 0:
        raise BadModel("Images of a batch that are joined cannot be exported to ONNX.")
    shape = list(parts[0].shape)
    shape[axis - 1] = sum(part.shape[axis - 1] for part in parts)
    return Value(graph.node("Concat", *(part.name for part in parts), axis=axis), tuple(shape))


def _mean(graph: Graph, value: Value, dim: Any, keepdim: bool = False) -> Value:
    rank = len(value.shape) + 1
    axes = sorted(axis % rank for axis in ((dim,) if isinstance(dim, int) else dim))
    name = graph.node("ReduceMean", value.name, axes=axes, keepdims=int(keepdim))
    sides = [1 if axis in axes else side for axis, side in enumerate(value.shape, start=1) if keepdim or axis not in axes]
    return Value(name, tuple(sides))


def _flat(graph: Graph, value: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    if start_dim != 1 or end_dim not in (-1, len(value.shape)):
        raise BadModel("A network that flattens a part of its maps cannot be exported to ONNX.")
    return flattened(graph, value)


def _pooled(graph: Graph, value: Value, output_size: Any) -> Value:
    return layer(nn.AdaptiveAvgPool2d(output_size), graph, value)


def _unchanged(graph: Graph, value: Value, *args: Any, **kwargs: Any) -> Value:
    return value


CALLS: dict[Any, Call] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _with_both("Add")),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), _with_both("Mul")),
    **dict.fromkeys((torch.cat, torch.concat), _concatenated),
    **dict.fromkeys((torch.mean, "mean"), _mean),
    **dict.fromkeys((torch.flatten, "flatten"), _flat),
    **dict.fromkeys((torch.relu, functional.relu, "relu", "relu_"), _with_one("Relu")),
    **dict.fromkeys((torch.sigmoid, functional.sigmoid, "sigmoid"), _with_one("Sigmoid")),
    **dict.fromkeys((functional.dropout, "contiguous"), _unchanged),
    functional.adaptive_avg_pool2d: _pooled,
}


@layer.register
def _stochastic_depth(module: StochasticDepth, graph: Graph, value: Value) -> Value:
    return value


@layer.register
def _relu6(module: nn.ReLU6, graph: Graph, value: Value) -> Value:
    return Value(graph.node("Clip", value.name, graph.constant(0.0), graph.constant(6.0)), value.shape)


@layer.register
def _silu(module: nn.SiLU, graph: Graph, value: Value) -> Value:
    return Value(graph.node("Mul", value.name, graph.node("Sigmoid", value.name)), value.shape)


@layer.register
def _hard_sigmoid(module: nn.Hardsigmoid, graph: Graph, value: Value) -> Value:
    return Value(graph.node("HardSigmoid", value.name, alpha=1 / 6, beta=0.5), value.shape)


@layer.register
def _hard_swish(module: nn.Hardswish, graph: Graph, value: Value) -> Value:
    return Value(graph.node("HardSwish", value.name), value.shape)


@layer.register
def _flatten(module: nn.Flatten, graph: Graph, value: Value) -> Value:
    return flattened(graph, value)
