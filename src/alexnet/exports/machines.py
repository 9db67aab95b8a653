"""The machines on top of features as ONNX nodes: linear ones with their feature maps, and libsvm's votes between pairs of classes."""

import math

import numpy as np
import torch
from onnx import NodeProto, TensorProto, helper
from torch import Tensor, nn

from alexnet.exports.graph import Graph, Value
from alexnet.exports.layers import affine
from alexnet.models.handcrafted.kernel_maps import CHI2_INTERVAL, Chi2Map, NystroemMap
from alexnet.models.handcrafted.svm import AHEAD, UNSEEN, KernelMachine, LinearMachine

TINY = float(np.finfo(np.float32).tiny)


def scores_of_machine(machine: nn.Module, graph: Graph, features: Value) -> Value:
    """Features (N, D) -> scores (N, classes), in full precision."""
    with graph:
        if isinstance(machine, LinearMachine):
            mapped = features if machine.feature_map is None else _mapped(machine.feature_map, graph, features)
            return affine(graph, mapped, machine.weights, machine.bias)
        assert isinstance(machine, KernelMachine)
        return _votes(machine, graph, features)


def _mapped(feature_map: Chi2Map | NystroemMap, graph: Graph, features: Value) -> Value:
    if isinstance(feature_map, Chi2Map):
        return _chi2_map(graph, features)
    kernel = _kernel(graph, features, feature_map.components, feature_map.kernel, feature_map.gamma)
    name = graph.inner(kernel.name, feature_map.normalisation.t())
    return Value(name, (len(feature_map.normalisation),))


def _chi2_map(graph: Graph, features: Value) -> Value:
    """See `Chi2Map`: three numbers for each."""
    values = graph.node("Max", features.name, graph.constant(TINY))
    root = graph.node("Sqrt", graph.node("Mul", values, graph.constant(CHI2_INTERVAL)))
    phase = graph.node("Mul", graph.node("Log", values), graph.constant(CHI2_INTERVAL))
    amplitude = graph.node("Mul", root, graph.constant(math.sqrt(2 / math.cosh(math.pi * CHI2_INTERVAL))))
    waves = (graph.node("Mul", amplitude, graph.node(wave, phase)) for wave in ("Cos", "Sin"))
    return Value(graph.node("Concat", root, *waves, axis=1), (3 * features.shape[0],))


def _kernel(graph: Graph, features: Value, rows: Tensor, kernel: str, gamma: float) -> Value:
    """The kernel between each image's features and `rows` (M, D), as in `kernels`."""
    if kernel in ("chi2", "intersection"):
        return _compared(graph, features, rows, kernel, gamma)
    if kernel == "linear":
        return Value(graph.inner(features.name, rows.t()), (len(rows),))
    centre = rows.mean(0)
    left, right = graph.node("Sub", features.name, graph.constant(centre)), rows - centre
    products = graph.node("Mul", graph.inner(left, right.t()), graph.constant(-2.0))
    with_right = graph.node("Add", products, graph.constant(right.square().sum(1)[None]))
    squares = graph.node("Add", with_right, graph.sums(graph.node("Mul", left, left), 1))
    distances = graph.node("Max", squares, graph.constant(0.0))
    return Value(graph.node("Exp", graph.node("Mul", distances, graph.constant(-gamma))), (len(rows),))


def _compared(graph: Graph, features: Value, rows: Tensor, kernel: str, gamma: float) -> Value:
    """A kernel that is no function of a scalar product: one row after the other, so that memory does not grow with their number."""
    row = helper.make_tensor_value_info("row", TensorProto.FLOAT, list(rows.shape[1:]))
    found = helper.make_tensor_value_info("compared", TensorProto.FLOAT, None)
    nodes = _chi2_distance(features.name) if kernel == "chi2" else _intersection(features.name)
    constants = [helper.make_tensor("tiny", TensorProto.FLOAT, [], [TINY]), helper.make_tensor("last_axis", TensorProto.INT64, [1], [-1])]
    body = helper.make_graph(nodes, "each_row", [row], [found], constants)
    across = graph.node("Transpose", graph.node("Scan", graph.constant(rows), body=body, num_scan_inputs=1), perm=(1, 0))
    if kernel == "chi2":
        across = graph.node("Exp", graph.node("Mul", across, graph.constant(-gamma)))
    return Value(across, (len(rows),))


def _chi2_distance(features: str) -> list[NodeProto]:
    """sum_d (x_d - y_d)^2 / (x_d + y_d) of all images and one row; a term is 0 where both values are 0."""
    return [
        helper.make_node("Sub", [features, "row"], ["difference"]),
        helper.make_node("Mul", ["difference", "difference"], ["square"]),
        helper.make_node("Add", [features, "row"], ["sum"]),
        helper.make_node("Max", ["sum", "tiny"], ["positive"]),
        helper.make_node("Div", ["square", "positive"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "last_axis"], ["compared"], keepdims=0),
    ]


def _intersection(features: str) -> list[NodeProto]:
    return [
        helper.make_node("Min", [features, "row"], ["smaller"]),
        helper.make_node("ReduceSum", ["smaller", "last_axis"], ["compared"], keepdims=0),
    ]


def _votes(machine: KernelMachine, graph: Graph, features: Value) -> Value:
    """See `KernelMachine`; the sums over pairs are products with matrices of 0 and 1."""
    kernel = _kernel(graph, features, machine.support, machine.kernel, machine.gamma)
    margins = affine(graph, kernel, machine.coefficients, machine.intercepts).name
    whole = _whole_votes(machine, graph, margins)
    votes = _graded_votes(machine, graph, margins, whole) if machine.sharpness else whole
    return Value(graph.node("Mul", votes, graph.constant(machine.scale)), (machine.classes,))


def _of_pairs(machine: KernelMachine, of: Tensor) -> Tensor:
    """(pairs, classes): 1 at the class, of all classes, that `of` names for the pair."""
    matrix = torch.zeros(len(of), machine.classes)
    matrix[torch.arange(len(of)), machine.seen[of].cpu()] = 1.0
    return matrix


def _shares(machine: KernelMachine, graph: Graph, share: str) -> str:
    """(N, pairs), the first class's share of each pair's vote -> (N, classes)."""
    first, second = _of_pairs(machine, machine.first.cpu()), _of_pairs(machine, machine.second.cpu())
    return graph.node("Add", graph.inner(share, first - second), graph.constant(second.sum(0)[None]))


def _unseen(machine: KernelMachine, graph: Graph, scores: str) -> str:
    """The scores, with UNSEEN for the classes that had no training images."""
    missing = torch.ones(machine.classes)
    missing[machine.seen.cpu()] = 0.0
    return graph.node("Add", scores, graph.constant(missing[None] * UNSEEN)) if bool(missing.any()) else scores


def _whole_votes(machine: KernelMachine, graph: Graph, margins: str) -> str:
    wins = graph.node("Cast", graph.node("Not", graph.node("Less", margins, graph.constant(0.0))), to=1)
    signed = _of_pairs(machine, machine.first.cpu()) - _of_pairs(machine, machine.second.cpu())
    sums = graph.inner(margins, signed)
    third = graph.node("Mul", graph.node("Add", graph.node("Abs", sums), graph.constant(1.0)), graph.constant(3.0))
    return _unseen(machine, graph, graph.node("Add", _shares(machine, graph, wins), graph.node("Div", sums, third)))


def _graded_votes(machine: KernelMachine, graph: Graph, margins: str, whole: str) -> str:
    share = graph.node("Sigmoid", graph.node("Mul", margins, graph.constant(machine.sharpness)))
    scores = _unseen(machine, graph, _shares(machine, graph, share))
    answer = graph.node("ArgMax", whole, axis=1, keepdims=1)
    is_answer = graph.node("Equal", answer, graph.constant(np.arange(machine.classes)[None]))
    others = graph.node("ReduceMax", graph.node("Where", is_answer, graph.constant(UNSEEN), scores), axes=[1], keepdims=1)
    ahead = graph.node("Max", scores, graph.node("Add", others, graph.constant(AHEAD)))
    return graph.node("Where", is_answer, ahead, scores)
