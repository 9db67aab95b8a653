"""The form `alexnet`: the state dict of the 2012 network, conv2, conv4 and conv5 in two groups. Other forms are converted through it."""

import math
from collections.abc import Iterator

from alexnet.errors import BadWeights
from alexnet.models.networks.alexnet import ALEXNET_2012
from alexnet.models.networks.architecture import Architecture
from alexnet.models.weights.form import Form, tensor_names
from alexnet.models.weights.state_dict import State

CONVS = tuple(conv.name for conv in ALEXNET_2012.convs)
FULL = ("fc6", "fc7", "fc8")
LAYERS = {name: f"features.{name}" for name in CONVS} | {name: f"classifier.{name}" for name in FULL}  # the paper's name -> ours


def check_shapes(state: State, architecture: Architecture, layers: tuple[str, ...]) -> None:
    """Raise BadWeights, with every difference, unless each layer's input matches the output of the layer before it.

    Widths, classes, colours, the first window and the image size may be any; the groups and the other windows must be the table's.
    layers: the state dict's names of the table's convolutions, then of the fully connected layers.
    """
    misfits = [
        f"{name} is {tuple(state[name].shape)}, needs {needed}"
        for name, needed in _needed(state, architecture, layers)
        if tuple(state[name].shape) != needed
    ]
    if misfits:
        raise BadWeights(f"These are not the weights of {architecture.name}:\n  " + "\n  ".join(misfits))


def _needed(state: State, architecture: Architecture, layers: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    first = state[f"{layers[0]}.weight"]
    inputs = first.shape[1] if first.dim() == 4 and first.shape[1] in (1, 3) else 3
    window = first.shape[-1] if first.dim() == 4 else architecture.convs[0].kernel
    for layer, conv in zip(layers, architecture.convs, strict=False):
        channels = math.ceil(state[f"{layer}.bias"].numel() / conv.towers) * conv.towers
        kernel = window if conv is architecture.convs[0] else conv.kernel
        yield f"{layer}.weight", (channels, inputs // conv.towers, kernel, kernel)
        yield f"{layer}.bias", (channels,)
        inputs = channels
    inputs_of_fc6 = state[f"{layers[len(architecture.convs)]}.weight"].shape[-1:].numel()
    inputs *= _positions(inputs_of_fc6, inputs, architecture)
    for layer in layers[len(architecture.convs) :]:
        units = state[f"{layer}.bias"].numel()
        yield f"{layer}.weight", (units, inputs)
        yield f"{layer}.bias", (units,)
        inputs = units


def _positions(inputs: int, channels: int, architecture: Architecture) -> int:
    """The number of positions in the last maps, a square number that depends on the image size; 6 x 6 at the paper's size."""
    side = math.isqrt(inputs // max(1, channels))
    return side * side if side and not architecture.grid else 36


def _checked(state: State) -> State:
    check_shapes(state, ALEXNET_2012, tuple(LAYERS.values()))
    return state


PUBLISHED = Form(
    name="alexnet",
    layout="the 2012 network's state dict; conv2, conv4, conv5 in two groups",
    function="alexnet",
    names=tensor_names(LAYERS.values()),
    read=_checked,
    write=dict,
    model="alexnet",
)
