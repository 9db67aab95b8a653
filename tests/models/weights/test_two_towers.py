"""Two separate towers, run by a reference of their own, give the grouped network's scores."""

import pytest
import torch
from tests.models.weights.small import EXACT, State, apart, images, loaded, network, same_bits, scores, table
from torch import Tensor
from torch.nn import functional as F

from alexnet.errors import BadWeights
from alexnet.models.weights.two_towers import TWO_TOWERS, from_towers, to_towers


def norm(channels: Tensor) -> Tensor:
    return F.local_response_norm(channels, 5, alpha=1e-4, beta=0.75, k=2)


def two_towers(state: State, images: Tensor) -> Tensor:
    """The paper's figure 2, each tower with convolutions of its own; they meet in conv3, fc6, fc7 and fc8."""

    def part(tower: str, layer: str) -> tuple[Tensor, Tensor]:
        return state[f"{tower}.{layer}.weight"], state[f"{tower}.{layer}.bias"]

    names = ("tower1", "tower2")
    hanging = -(images.shape[-1] - 11) % 4
    framed = F.pad(images, (0, hanging, 0, hanging))
    first = [F.max_pool2d(norm(F.relu(F.conv2d(framed, *part(t, "conv1"), stride=4))), 3, 2) for t in names]
    second = [
        F.max_pool2d(norm(F.relu(F.conv2d(channels, *part(t, "conv2"), padding=2))), 3, 2) for t, channels in zip(names, first, strict=True)
    ]
    both = torch.cat(second, 1)
    third = [F.relu(F.conv2d(both, *part(t, "conv3"), padding=1)) for t in names]
    fourth = [F.relu(F.conv2d(channels, *part(t, "conv4"), padding=1)) for t, channels in zip(names, third, strict=True)]
    fifth = [
        F.max_pool2d(F.relu(F.conv2d(channels, *part(t, "conv5"), padding=1)), 3, 2) for t, channels in zip(names, fourth, strict=True)
    ]
    units = torch.cat([channels.flatten(1) for channels in fifth], 1)
    for layer in ("fc6", "fc7"):
        units = torch.cat([F.relu(F.linear(units, *part(t, layer))) for t in names], 1)
    return F.linear(units, state["fc8.weight"], state["fc8.bias"])


def test_two_separate_towers_give_the_grouped_networks_scores() -> None:
    grouped = network(table())
    assert apart(two_towers(to_towers(grouped.state_dict()), images()), scores(grouped, images())) < EXACT


def test_towers_that_were_drawn_apart_give_their_scores_when_they_are_grouped() -> None:
    generator = torch.Generator().manual_seed(1)
    shapes = {name: tensor.shape for name, tensor in to_towers(network(table()).state_dict()).items()}
    towers = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) / shape[1:].numel() ** 0.5 for name, shape in shapes.items()
    }
    assert apart(scores(loaded(table(), from_towers(towers)), images()), two_towers(towers, images())) < EXACT


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_there_and_back_changes_no_bit(dtype: torch.dtype) -> None:
    state = {name: tensor.to(dtype) for name, tensor in network(table()).state_dict().items()}
    towers = to_towers(state)
    assert set(towers) == set(TWO_TOWERS.names)
    assert same_bits({name: from_towers(towers)[name] for name in state}, state)
    assert same_bits(to_towers(from_towers(towers)), towers)


def test_towers_hold_half_of_everything() -> None:
    state = network(table()).state_dict()
    towers = to_towers(state)
    assert sum(tensor.numel() for tensor in towers.values()) == sum(tensor.numel() for tensor in state.values())
    assert towers["tower1.conv2.weight"].shape == (8, 4, 5, 5)  # sees its own 4 of 8 maps
    assert towers["tower1.conv3.weight"].shape == (12, 16, 3, 3)  # sees both towers' 8
    assert towers["tower2.fc6.weight"].shape == (128, 16 * 2 * 2)


def test_towers_that_differ_are_refused() -> None:
    towers = to_towers(network(table()).state_dict())
    with pytest.raises(BadWeights, match=r"conv2.bias is \(8,\) in the first tower and \(7,\) in the second"):
        from_towers({**towers, "tower2.conv2.bias": towers["tower2.conv2.bias"][:7]})


def test_an_odd_number_of_units_cannot_be_shared() -> None:
    state = network(table()).state_dict()
    with pytest.raises(BadWeights, match=r"classifier.fc7 has 255 units, which two towers cannot share equally; train with an even number"):
        to_towers({**state, "classifier.fc7.weight": state["classifier.fc7.weight"][:255]})
