"""Pixels as they are into the first convolution of a model in 8 bits: normalisation becomes a part of its weights.

A pixel is a whole number of 8 bits already. Normalised and rounded to 8 bits again, it would lose precision, and the passes over each
image would take longer than the convolution. Weights w and bias b that take (pixel - mean) * scale become w * scale and
b - sum(w * scale * mean) (in float64), and the margin of zeros becomes one of means, channel by channel, rounded to whole pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from alexnet.exports.onnx_model import IMAGES

PIXELS = "pixels"  # what the first convolution takes between `on_pixels` and `without_floats`
STARTS = {("Cast", "Sub", *scaled, *framed, "Conv") for scaled in ((), ("Mul",)) for framed in ((), ("Pad",))}
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stem:
    """How a model begins. before: the nodes that normalise and frame; mean, scale: of each channel; pads: px, top, left, bottom, right."""

    before: list[NodeProto]
    convolution: NodeProto
    weights: Array
    bias: Array
    mean: Array
    scale: Array
    pads: list[int]


def on_pixels(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with the images as float32, `PIXELS`, in front of its first convolution; None if it begins otherwise."""
    found: onnx.ModelProto = onnx.ModelProto.FromString(model.SerializeToString())
    stem = _stem(found.graph)
    if stem is None:
        return None
    framing, source = _framing(found.graph, [round(float(mean)) for mean in stem.mean], stem.pads)
    rest = [node for node in found.graph.node if node not in stem.before]
    _fold(found.graph, stem)
    _set(found.graph.node, [*framing, helper.make_node("Cast", [source], [PIXELS], name=PIXELS, to=onnx.TensorProto.FLOAT), *rest])
    return found


def without_floats(model: onnx.ModelProto) -> None:
    """Let the first convolution take whole numbers straight from the images, once `PIXELS` is quantised with scale 1 and zero 0."""
    nodes = list(model.graph.node)
    cast = next(node for node in nodes if node.output[0] == PIXELS)
    quantise = next(node for node in nodes if PIXELS in node.input)
    dequantise = next(node for node in nodes if quantise.output[0] in node.input)
    dequantise.input[0] = cast.input[0]
    _set(model.graph.node, [node for node in nodes if node not in (cast, quantise)])


def _stem(graph: onnx.GraphProto) -> _Stem | None:
    chain = {node.op_type: node for node in _chain(graph)}
    if tuple(chain) not in STARTS:
        return None
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    convolution = chain["Conv"]
    attributes = {one.name: helper.get_attribute_value(one) for one in convolution.attribute}
    weights, *bias = (constants[name].astype(np.float64) for name in convolution.input[1:])
    mean = constants[chain["Sub"].input[1]].astype(np.float64).reshape(-1)
    scale = constants[chain["Mul"].input[1]].astype(np.float64).reshape(-1) if "Mul" in chain else np.ones(1)
    if attributes.get("group", 1) != 1 or len(mean) != weights.shape[1] or ("Pad" in chain and len(chain["Pad"].input) > 2):
        return None
    margin = constants[chain["Pad"].input[1]][[2, 3, 6, 7]].tolist() if "Pad" in chain else [0] * 4
    return _Stem(
        before=[node for kind, node in chain.items() if kind != "Conv"],
        convolution=convolution,
        weights=weights,
        bias=bias[0] if bias else np.zeros(len(weights)),
        mean=mean,
        scale=np.broadcast_to(scale, mean.shape),
        pads=[inner + outer for inner, outer in zip(attributes.get("pads", [0] * 4), margin, strict=True)],
    )


def _chain(graph: onnx.GraphProto) -> list[NodeProto]:
    """The nodes from the images to the first convolution, each the only reader of what the one before it computes."""
    chain: list[NodeProto] = []
    value = IMAGES
    while len(chain) < max(map(len, STARTS)) and not (chain and chain[-1].op_type == "Conv"):
        readers = [node for node in graph.node if value in node.input]
        if len(readers) != 1 or readers[0].input[0] != value:
            return []
        chain.append(readers[0])
        value = readers[0].output[0]
    return chain


def _fold(graph: onnx.GraphProto, stem: _Stem) -> None:
    """Write weights and bias for pixels into the convolution, which has no margin of its own any more."""
    node = stem.convolution
    weights = stem.weights * stem.scale.reshape(1, -1, 1, 1)
    bias = stem.bias - (weights * stem.mean.reshape(1, -1, 1, 1)).sum(axis=(1, 2, 3))
    former = {name for other in [*stem.before, node] for name in other.input[1:]}
    constants = [one for one in graph.initializer if one.name not in former]
    constants += [_constant(f"{PIXELS}_weights", weights.astype(np.float32)), _constant(f"{PIXELS}_bias", bias.astype(np.float32))]
    _set(graph.initializer, constants)
    _set(node.input, [PIXELS, f"{PIXELS}_weights", f"{PIXELS}_bias"])
    _set(node.attribute, [one for one in node.attribute if one.name != "pads"])


def _framing(graph: onnx.GraphProto, means: list[int], pads: list[int]) -> tuple[list[NodeProto], str]:
    """The nodes that put a margin of its mean around each channel of the images, still uint8; and the name of what they compute."""
    if not any(pads):
        return [], IMAGES
    top, left, bottom, right = pads
    around, framed = f"{PIXELS}_pads", f"{PIXELS}_framed"
    graph.initializer.append(_constant(around, np.array([0, 0, top, left, 0, 0, bottom, right])))
    graph.initializer.extend(_constant(f"{PIXELS}_mean{mean}", np.array(mean, np.uint8)) for mean in sorted(set(means)))
    if len(set(means)) == 1:
        return [_pad(IMAGES, around, means[0], framed)], framed
    parts = [f"{PIXELS}_channel{number}" for number in range(len(means))]
    margins = [_pad(part, around, mean, f"{part}_framed") for part, mean in zip(parts, means, strict=True)]
    joined = helper.make_node("Concat", [node.output[0] for node in margins], [framed], name=framed, axis=1)
    return [helper.make_node("Split", [IMAGES], parts, name=f"{PIXELS}_split", axis=1), *margins, joined], framed


def _pad(source: str, around: str, mean: int, name: str) -> NodeProto:
    return helper.make_node("Pad", [source, around, f"{PIXELS}_mean{mean}"], [name], name=name)


def _constant(name: str, array: NDArray[Any]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def _set(field: Any, values: list[Any]) -> None:
    """Replace the entries of a repeated field of a protobuf."""
    kept = [value if isinstance(value, str) else type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(kept)
