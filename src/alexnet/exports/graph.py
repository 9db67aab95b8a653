"""An ONNX graph under construction: nodes and constants, and values that know the shape of one image's part. Independent of models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor

OPSET = 17  # 2022: old enough for every reader, new enough for all that we need
IR_VERSION = 8  # of the same time


@dataclass(frozen=True, slots=True)
class Value:
    """One result in the graph. shape: without the batch's dimension, which is open: (channels, height, width) or (units,)."""

    name: str
    shape: tuple[int, ...]


class Graph:
    """Nodes in the order in which they are computed. Floating-point constants become float32, in which the exported model computes.

    exact: the nodes that must not be computed in 8 bits, because small differences of large numbers matter there.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.exact: set[str] = set()
        self._exact_depth = 0

    def constant(self, value: "Tensor | NDArray[Any] | float | Sequence[int]", kind: "np.dtype[Any] | type | None" = None) -> str:
        """The name of a constant; whole numbers are int64 unless `kind` says otherwise."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if kind is not None:
            array = array.astype(kind)
        elif array.dtype.kind == "f":
            array = array.astype(np.float32)
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the name of that."""
        output = name or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        if self._exact_depth:
            self.exact.add(output)
        return output

    def __enter__(self) -> "Graph":
        """Nodes that are appended inside the block are `exact`."""
        self._exact_depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._exact_depth -= 1

    def slices(self, source: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int], steps: Sequence[int] = ()) -> str:
        """A part of an array along some axes, as Python's slices take it."""
        limits = (self.constant(starts), self.constant(ends), self.constant(axes))
        return self.node("Slice", source, *limits, *([self.constant(steps)] if steps else []))

    def reshape(self, source: str, shape: Sequence[int]) -> str:
        """The same numbers in another shape: 0 keeps a dimension, -1 is worked out."""
        return self.node("Reshape", source, self.constant(shape))

    def sums(self, source: str, axis: int) -> str:
        """The sums along one axis, which stays with length 1."""
        return self.node("ReduceSum", source, self.constant([axis]), keepdims=1)

    def inner(self, source: str, weights: Tensor) -> str:
        """The matrix product with a constant on the right."""
        return self.node("MatMul", source, self.constant(weights))
