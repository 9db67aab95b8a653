import json

import pytest
import torch

from alexnet.errors import BadModel
from alexnet.models.networks.network import Network, count_parameters
from alexnet.models.registry import ARCHITECTURES, SMALL_IMAGE, default_model, find_architecture
from alexnet.models.summary import comparison, summarise


def test_the_2012_network_is_summed_up_as_published() -> None:
    (summary,) = summarise(["alexnet"], classes=None, image_size=None, channels=None)
    assert (summary.classes, summary.channels, summary.image_size) == (1000, 3, 224)
    assert summary.parameters == 60_965_224
    assert summary.macs == 724_406_816
    assert round(summary.weight_bytes / 1e6, 1) == 243.9
    assert round(summary.training_bytes / 1e6) == 732
    full = [layer for layer in summary.layers if layer.kind == "fully connected"]
    assert round(4 * sum(layer.parameters for layer in full) / 1e6, 1) == 234.5
    assert round(sum(layer.parameters for layer in full) / summary.parameters, 2) == 0.96
    assert round(sum(layer.macs for layer in full) / summary.macs, 2) == 0.08


def test_no_names_mean_the_whole_catalogue_at_each_ones_own_size() -> None:
    summaries = summarise([], classes=None, image_size=None, channels=None)
    assert [one.architecture.name for one in summaries] == list(ARCHITECTURES)
    for one in summaries:
        assert (one.classes, one.channels, one.image_size) == (
            one.architecture.classes,
            one.architecture.channels,
            one.architecture.image_size,
        )


def test_json_holds_every_layer_and_survives_a_round_trip() -> None:
    (summary,) = summarise(["lenet"], classes=7, image_size=32, channels=3)
    values = json.loads(json.dumps(summary.to_json()))
    assert (values["name"], values["classes"], values["channels"], values["image_size"]) == ("lenet", 7, 3, 32)
    assert sum(layer["parameters"] for layer in values["layers"]) == values["parameters"] == summary.parameters
    assert sum(layer["macs"] for layer in values["layers"]) == values["macs"] == summary.macs
    assert values["weight_bytes"] * 3 == values["training_bytes"] == 12 * summary.parameters
    assert [layer["name"] for layer in values["layers"]][:3] == ["conv1", "sigmoid1", "pool1"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_trainable_parameters_are_those_of_the_network_that_is_built(name: str) -> None:
    (summary,) = summarise([name], classes=10, image_size=None, channels=None)
    with torch.device("meta"):
        network = Network(summary.architecture, classes=10, channels=summary.channels, image_size=summary.image_size)
    assert summary.trainable_parameters == count_parameters(network) == summary.to_json()["trainable_parameters"]
    assert summary.parameters == sum(parameter.numel() for parameter in network.parameters())


def test_frozen_filters_are_parameters_but_not_trainable() -> None:
    """48 filters of 3 x 3 x 3 and their biases are set from the images and stay; they have no gradient and no momentum."""
    (summary,) = summarise(["alexnet-cifar-fast"], classes=None, image_size=None, channels=3)
    assert summary.parameters - summary.trainable_parameters == 48 * (3 * 3 * 3 + 1)
    assert summary.training_bytes == 4 * (summary.parameters + 2 * summary.trainable_parameters)


def test_comparison_lists_the_fields_that_differ_and_no_other() -> None:
    rows = dict(comparison(summarise(["lenet", "alexnet"], classes=10, image_size=None, channels=None)))
    assert rows["activation"] == ["sigmoid", "relu"]
    assert rows["norm"] == ["none", "within-towers"]
    assert rows["image size"] == ["28", "224"]
    assert "classes" not in rows  # both were asked for 10
    assert comparison(summarise(["lenet"], classes=10, image_size=None, channels=None)) == []


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadModel, match=r"No model is called 'alexnet-cifr'. Did you mean 'alexnet-cifar'\?"):
        summarise(["alexnet-cifr"], classes=None, image_size=None, channels=None)
    with pytest.raises(BadModel, match=r"Known: .*lenet"):
        find_architecture("vgg")


@pytest.mark.parametrize(
    ("side", "name"), [(8, "alexnet-cifar"), (SMALL_IMAGE - 1, "alexnet-cifar"), (SMALL_IMAGE, "alexnet"), (500, "alexnet")]
)
def test_the_default_model_follows_the_images(side: int, name: str) -> None:
    chosen, reason = default_model(side)
    assert chosen == name
    assert f"{side} px" in reason
