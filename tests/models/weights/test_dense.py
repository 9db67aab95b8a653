"""Groups as zeros: the same scores where the norm stays inside the towers, and only there."""

from dataclasses import replace

import pytest
import torch
from tests.models.weights.small import EXACT, apart, images, loaded, network, same_bits, scores, table

from alexnet.errors import BadWeights
from alexnet.models.networks.architecture import Architecture, NetworkChoices, vary
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.dense import DENSE, from_dense, to_dense


def one_tower(norm: str) -> Architecture:
    """The small network with dense convolutions; `towers` are then the halves of the norm alone."""
    convs = tuple(replace(conv, towers=1) for conv in table().convs)
    return table(convs=convs, norm=norm)


def test_dense_weights_give_the_grouped_networks_scores() -> None:
    grouped = network(table())
    dense = loaded(one_tower("within-towers"), to_dense(grouped.state_dict()))
    assert apart(scores(dense, images()), scores(grouped, images())) < EXACT


def test_a_norm_across_the_towers_is_another_function() -> None:
    grouped = network(table())
    dense = loaded(one_tower("across-towers"), to_dense(grouped.state_dict()))
    assert apart(scores(dense, images()), scores(grouped, images())) > 1e-6
    assert "across all maps" in DENSE.when_written


def test_the_options_that_are_named_load_it() -> None:
    grouped = network(table())
    choices = NetworkChoices(width=1 / 16, **DENSE.options)  # type: ignore[arg-type]  # fields by name
    dense = loaded(vary(ARCHITECTURES[DENSE.model], choices), to_dense(grouped.state_dict()))
    assert apart(scores(dense, images()), scores(grouped, images())) < EXACT


def test_there_and_back_changes_no_bit() -> None:
    state = dict(network(table()).state_dict())
    dense = to_dense(state)
    assert same_bits(from_dense(dense), state)
    assert same_bits(to_dense(from_dense(dense)), dense)
    assert dense["features.conv2.weight"].shape == (16, 8, 5, 5)
    assert int((dense["features.conv2.weight"] == 0).sum()) == 16 * 4 * 25


@pytest.mark.parametrize(("row", "column"), [(0, 7), (15, 0)])
def test_one_weight_between_the_towers_is_refused_with_its_value(row: int, column: int) -> None:
    dense = to_dense(network(table()).state_dict())
    dense["features.conv2.weight"][row, column, 2, 3] = -0.0125
    with pytest.raises(
        BadWeights, match=r"features.conv2.weight connects the two towers, with weights up to 0\.0125; .* --model alexnet-one-tower"
    ):
        from_dense(dense)


def test_a_trained_one_tower_network_is_refused() -> None:
    state = network(one_tower("across-towers")).state_dict()
    with pytest.raises(BadWeights, match="connects the two towers"):
        from_dense(state)


def test_grouped_weights_are_no_dense_ones() -> None:
    with pytest.raises(BadWeights, match=r"features.conv2.weight is \(16, 4, 5, 5\), needs \(16, 8, 5, 5\)"):
        from_dense(network(table()).state_dict())


def test_an_odd_number_of_maps_cannot_be_shared() -> None:
    state = {name: tensor.clone() for name, tensor in to_dense(network(table()).state_dict()).items()}
    state["features.conv5.weight"] = torch.zeros(15, 24, 3, 3)
    state["features.conv5.bias"] = torch.zeros(15)
    state["classifier.fc6.weight"] = torch.zeros(256, 15 * 4)
    with pytest.raises(BadWeights, match=r"features.conv5.weight is \(15, 24, 3, 3\), which two towers cannot share equally"):
        from_dense(state)
