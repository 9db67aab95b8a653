"""The form `two-towers`: the weights of each of the paper's two GPUs (section 3.5) as separate tensors.

A tower has half of the maps and units of every layer. Its conv2, conv4 and conv5 take its own maps; conv3, fc6 and fc7 take those of both
towers, the first tower's before the second's. fc8 computes the scores and is one layer.
"""

import torch

from alexnet.errors import BadWeights
from alexnet.models.weights.form import Form, tensor_names
from alexnet.models.weights.grouped import CONVS, LAYERS, PUBLISHED
from alexnet.models.weights.state_dict import State

TOWERS = ("tower1", "tower2")
SHARED = "fc8"
DIVIDED = (*CONVS, "fc6", "fc7")  # half of each is in each tower


def to_towers(state: State) -> State:
    """The grouped network's state dict as two towers; raises BadWeights if a layer cannot be divided equally."""
    towers: State = {}
    for layer in DIVIDED:
        for part in ("weight", "bias"):
            whole = state[f"{LAYERS[layer]}.{part}"]
            if len(whole) % 2:
                raise BadWeights(
                    f"{LAYERS[layer]} has {len(whole)} units, which two towers cannot share equally; train with an even number."
                )
            towers |= {f"{tower}.{layer}.{part}": half for tower, half in zip(TOWERS, whole.chunk(2), strict=True)}
    return towers | {f"{SHARED}.{part}": state[f"{LAYERS[SHARED]}.{part}"] for part in ("weight", "bias")}


def from_towers(towers: State) -> State:
    """The grouped network's state dict; raises BadWeights if the two towers differ in shape, or a layer does not fit the next."""
    state: State = {}
    for layer in DIVIDED:
        for part in ("weight", "bias"):
            first, second = (towers[f"{tower}.{layer}.{part}"] for tower in TOWERS)
            if first.shape != second.shape:
                raise BadWeights(f"{layer}.{part} is {tuple(first.shape)} in the first tower and {tuple(second.shape)} in the second.")
            state[f"{LAYERS[layer]}.{part}"] = torch.cat([first, second])
    state |= {f"{LAYERS[SHARED]}.{part}": towers[f"{SHARED}.{part}"] for part in ("weight", "bias")}
    return PUBLISHED.read(state)


TWO_TOWERS = Form(
    name="two-towers",
    layout="tower1.conv1.weight to tower2.fc7.bias, and fc8: half of each layer on each of the paper's GPUs",
    function="alexnet",
    names=tensor_names([*(f"{tower}.{layer}" for tower in TOWERS for layer in DIVIDED), SHARED]),
    read=from_towers,
    write=to_towers,
    when_written="conv3, fc6, fc7 and fc8 take the first tower's maps, then the second's. Each tower normalises its own maps.",
)
