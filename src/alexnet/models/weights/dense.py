"""The form `dense`: the same function in one tower, where the connections that groups lack are weights of zero.

It fits `alexnet-one-tower`, whose response normalisation must then be separate for each half of the maps, as in two towers (trap 2).
"""

from dataclasses import replace

import torch
from torch import Tensor

from alexnet.errors import BadWeights
from alexnet.models.networks.alexnet import ALEXNET_2012
from alexnet.models.networks.architecture import Architecture
from alexnet.models.weights.form import Form
from alexnet.models.weights.grouped import LAYERS, PUBLISHED, check_shapes
from alexnet.models.weights.state_dict import State

GROUPED = tuple(f"{LAYERS[conv.name]}.weight" for conv in ALEXNET_2012.convs if conv.towers == 2)
TABLE: Architecture = replace(
    ALEXNET_2012, name="alexnet in one tower", convs=tuple(replace(conv, towers=1) for conv in ALEXNET_2012.convs)
)


def to_dense(state: State) -> State:
    """The grouped network's state dict with dense convolutions: (maps, maps_in / 2, k, k) becomes (maps, maps_in, k, k)."""
    return {name: _with_zeros(weight) if name in GROUPED else weight for name, weight in state.items()}


def from_dense(state: State) -> State:
    """The grouped network's state dict; raises BadWeights, with the largest weight, if towers that must be separate are connected."""
    check_shapes(state, TABLE, tuple(LAYERS.values()))
    for name in GROUPED:
        _check_separate(name, state[name])
    grouped = {name: _own_blocks(weight) if name in GROUPED else weight for name, weight in state.items()}
    return PUBLISHED.read(grouped)


def _with_zeros(weight: Tensor) -> Tensor:
    first, second = weight.chunk(2)
    zeros = torch.zeros_like(first)
    return torch.cat([torch.cat([first, zeros], dim=1), torch.cat([zeros, second], dim=1)])


def _own_blocks(weight: Tensor) -> Tensor:
    channels, inputs = weight.shape[0] // 2, weight.shape[1] // 2
    return torch.cat([weight[:channels, :inputs], weight[channels:, inputs:]])


def _check_separate(name: str, weight: Tensor) -> None:
    channels, inputs = weight.shape[0] // 2, weight.shape[1] // 2
    if weight.shape[0] % 2 or weight.shape[1] % 2:
        raise BadWeights(f"{name} is {tuple(weight.shape)}, which two towers cannot share equally.")
    across = torch.stack([weight[:channels, inputs:].abs().max(), weight[channels:, :inputs].abs().max()]).max().item()
    if across:
        raise BadWeights(
            f"{name} connects the two towers, with weights up to {across:.6g}; two groups would lose them and change the function. "
            "Only a network whose weights between the towers are all exactly 0 can be converted; use --model alexnet-one-tower."
        )


DENSE = Form(
    name="dense",
    layout="the same names, every convolution dense: zeros between the towers",
    function="alexnet",
    names=PUBLISHED.names,
    read=from_dense,
    write=to_dense,
    model="alexnet-one-tower",
    options={"norm": "within-towers"},
    when_written="The connections that the towers lack are zeros. alexnet-one-tower normalises across all maps by default: the function is "
    "the same only with --network.norm within-towers. Further training changes the zeros.",
)
