"""Every field that a user can change in a table: it builds, it changes what it says, and nothing else."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import nn

from alexnet.errors import BadModel
from alexnet.models.networks.architecture import Architecture, Conv, NetworkChoices, vary
from alexnet.models.networks.layers import MaxAndAveragePool2d, ResponseNorm, SameMapNorm
from alexnet.models.networks.network import Network, count_parameters
from alexnet.models.networks.shapes import trace
from alexnet.models.registry import ARCHITECTURES

Check = Callable[[Network], bool]


def chosen(name: str = "alexnet", **choices: Any) -> Architecture:
    return vary(ARCHITECTURES[name], NetworkChoices(**choices))


def built(architecture: Architecture, image_size: int | None = None) -> Network:
    with torch.device("meta"):
        return Network(architecture, classes=10, channels=3, image_size=image_size or architecture.image_size)


def count(kind: type[nn.Module]) -> Callable[[Network], int]:
    return lambda network: sum(isinstance(module, kind) for module in network.modules())


def kinds(network: Network) -> list[str]:
    return [type(module).__name__ for module in network.features]


def names(network: Network) -> list[str]:
    return [name for name, _ in [*network.features.named_children(), *network.classifier.named_children()]]


def convs(network: Network) -> tuple[Conv, ...]:
    return network.architecture.convs


def norms(network: Network) -> list[ResponseNorm]:
    return [module for module in network.features if isinstance(module, ResponseNorm)]


CHOICES: list[tuple[dict[str, Any], Check]] = [
    ({"activation": "tanh"}, lambda n: count(nn.Tanh)(n) == 7 and count(nn.ReLU)(n) == 0),
    ({"activation": "sigmoid"}, lambda n: count(nn.Sigmoid)(n) == 7 and "sigmoid6" in names(n)),
    ({"activation": "gelu"}, lambda n: count(nn.GELU)(n) == 7 and kinds(n)[1:4] == ["GELU", "ResponseNorm", "MaxPool2d"]),
    ({"pooling": "average"}, lambda n: count(nn.AvgPool2d)(n) == 3 and count(nn.MaxPool2d)(n) == 0),
    ({"pooling": "max+average"}, lambda n: count(MaxAndAveragePool2d)(n) == 3 and count(nn.MaxPool2d)(n) == 0),
    ({"pooling": "strided-convolution"}, lambda n: count(nn.Conv2d)(n) == 8 and count(nn.MaxPool2d)(n) == 0),
    ({"pool_kernel": 2}, lambda n: [m.kernel_size for m in n.features if isinstance(m, nn.MaxPool2d)] == [2, 2, 2]),
    ({"pool_after": "conv1, conv3"}, lambda n: [name for name in names(n) if "pool" in name] == ["pool1", "pool3"]),
    ({"pool_after": "conv2,conv5", "pooling": "average"}, lambda n: count(nn.AvgPool2d)(n) == 2),
    ({"norm": "none"}, lambda n: not norms(n)),
    ({"batch_norm": True}, lambda n: kinds(n).index("BatchNorm2d") < kinds(n).index("ReLU") and count(nn.BatchNorm2d)(n) == 5),
    ({"batch_norm": True, "batch_norm_place": "after-activation"}, lambda n: kinds(n).index("ReLU") < kinds(n).index("BatchNorm2d")),
    ({"norm": "across-towers"}, lambda n: bool(norms(n)[0].band[47, 48] != 0)),
    ({"norm": "within-towers"}, lambda n: bool(norms(n)[0].band[47, 48] == 0)),
    ({"norm": "same-map"}, lambda n: count(SameMapNorm)(n) == 2),
    ({"norm_place": "before-pool"}, lambda n: kinds(n)[:4] == ["Conv2d", "ReLU", "ResponseNorm", "MaxPool2d"]),
    ({"norm_place": "after-pool"}, lambda n: kinds(n)[3] == "ResponseNorm" and set(kinds(n)[1:3]) == {"ReLU", "MaxPool2d"}),
    ({"norm_place": "before-activation"}, lambda n: kinds(n)[:2] == ["Conv2d", "ResponseNorm"]),
    ({"norm_alpha": 0.0}, lambda n: n.architecture.norm_alpha == 0 and n.architecture.norm_k == 2),
    ({"norm_k": 1.0}, lambda n: n.architecture.norm_alpha == 1e-4 and n.architecture.norm_k == 1),
    ({"dropout": 0.25}, lambda n: [m.p for m in n.modules() if isinstance(m, nn.Dropout)] == [0.25, 0.25]),
    ({"dropout": 0.0}, lambda n: count(nn.Dropout)(n) == 0),
    ({"dropout_place": "before-fc"}, lambda n: names(n)[-7:] == "dropout6 fc6 relu6 dropout7 fc7 relu7 fc8".split()),
    ({"dropout_place": "after-fc"}, lambda n: names(n)[-7:] == "fc6 relu6 dropout6 fc7 relu7 dropout7 fc8".split()),
    ({"dropout_place": "convolutions"}, lambda n: [m for m in names(n) if "drop" in m] == ["dropout1", "dropout2", "dropout5"]),
    ({"fully_connected": 0}, lambda n: names(n)[-2:] == ["dropout", "fc6"]),
    ({"fully_connected": 1}, lambda n: [m for m in names(n) if "fc" in m] == ["fc6", "fc7"] and count_parameters(n) == 40_127_882),
    ({"fully_connected": 3}, lambda n: [m for m in names(n) if "fc" in m] == ["fc6", "fc7", "fc8", "fc9"]),
    ({"hidden_units": 300}, lambda n: [m.out_features for m in n.classifier if isinstance(m, nn.Linear)] == [300, 300, 10]),
    ({"convolutions_3x3": 0}, lambda n: [c.name for c in convs(n)] == ["conv1", "conv2"] and names(n)[-1] == "fc5"),
    ({"convolutions_3x3": 1}, lambda n: [c.channels for c in convs(n)] == [96, 256, 256] and convs(n)[-1].pool == "max"),
    ({"convolutions_3x3": 2}, lambda n: [c.channels for c in convs(n)] == [96, 256, 384, 256]),
    ({"convolutions_3x3": 4}, lambda n: [c.channels for c in convs(n)] == [96, 256, 384, 384, 384, 256]),
    ({"towers": 1}, lambda n: {c.towers for c in convs(n)} == {1} and bool(norms(n)[0].band[47, 48] != 0)),
    ({"towers_talk": False}, lambda n: [c.towers for c in convs(n)] == [1, 2, 2, 2, 2]),
    ({"towers_talk": True}, lambda n: [c.towers for c in convs(n)] == [1, 2, 1, 2, 2]),
    ({"towers": 1, "towers_talk": False}, lambda n: {c.towers for c in convs(n)} == {1}),
    ({"first_kernel": 7}, lambda n: n.features[0].kernel_size == (7, 7)),
    ({"first_stride": 2, "pool_after": "conv1,conv2,conv3,conv5"}, lambda n: n.features[0].stride == (2, 2)),
    ({"first_padding": 2}, lambda n: n.features[0].padding == (2, 2)),
    ({"first_channels": 32}, lambda n: [c.channels for c in convs(n)] == [32, 256, 384, 384, 256]),
    ({"initialisation": "he"}, lambda n: n.architecture.initialisation == "he"),
    ({"initialisation": "dirac"}, lambda n: n.architecture.initialisation == "dirac"),
    ({"width": 0.5}, lambda n: [c.channels for c in convs(n)] == [48, 128, 192, 192, 128]),
    ({"width": 1e-9}, lambda n: {c.channels for c in convs(n)} == {4}),  # still shared equally by two towers
]


@pytest.mark.parametrize(("choices", "check"), CHOICES, ids=[str(choices) for choices, _ in CHOICES])
def test_a_choice_changes_what_it_says_and_the_network_runs(choices: dict[str, Any], check: Check) -> None:
    network = built(chosen(**choices))
    if norms(network) and ("norm" in choices or "towers" in choices):  # the bands of the norm have values; few hidden units, no 200 MB
        network = Network(chosen(hidden_units=8, **choices), classes=10, channels=3, image_size=224)
    assert check(network)
    device = next(network.parameters()).device
    images = torch.zeros(1, 3, 224, 224, device=device)
    assert network.eval()(images).shape == (1, 10)
    assert sum(weight.numel() for weight in network.parameters()) == sum(layer.parameters for layer in network.layers)
    assert len(set(names(network))) == len(names(network))


def test_every_field_is_chosen_above() -> None:
    assert {name for choices, _ in CHOICES for name in choices} == {field.name for field in fields(NetworkChoices)}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_choice_changes_nothing(name: str) -> None:
    assert chosen(name) == ARCHITECTURES[name]


@pytest.mark.parametrize("name", ["lenet", "alexnet-cifar", "alexnet-cifar-26", "alexnet-owt", "alexnet-cifar-fast", "convnet-small"])
@pytest.mark.parametrize(
    "choices",
    [
        {"activation": "tanh"},
        {"activation": "gelu"},
        {"pooling": "average"},
        {"pooling": "strided-convolution"},
        {"norm": "none"},
        {"norm_place": "before-activation"},
        {"dropout": 0.3, "dropout_place": "convolutions"},
        {"fully_connected": 2, "hidden_units": 9},
        {"width": 0.25},
        {"initialisation": "xavier"},
        {"initialisation": "dirac"},
    ],
    ids=str,
)
def test_choices_build_and_learn_in_the_other_networks_too(name: str, choices: dict[str, Any]) -> None:
    width = {"width": 1 / 16} if ARCHITECTURES[name].image_size > 64 else {}
    architecture = chosen(name, **(width | choices))
    torch.manual_seed(0)
    network = Network(architecture, classes=3, channels=3, image_size=architecture.image_size)
    images = torch.randn(2, 3, architecture.image_size, architecture.image_size)
    network(images).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("place", ["before-pool", "after-pool", "before-activation"])
@pytest.mark.parametrize("norm", ["within-towers", "same-map"])
def test_a_gradient_passes_the_norm_wherever_it_stands(norm: str, place: str) -> None:
    architecture = chosen(norm=norm, norm_place=place, width=1 / 16, initialisation="he")
    torch.manual_seed(0)
    network = Network(architecture, classes=2, channels=3, image_size=96)
    network(torch.randn(2, 3, 96, 96)).square().sum().backward()
    first = next(network.parameters())
    assert first.grad is not None
    assert (first.grad != 0).any()


@pytest.mark.parametrize("pooling", ["max", "average", "max+average"])
def test_the_kind_of_pooling_holds_the_map_sizes(pooling: str) -> None:
    for name in ("alexnet", "alexnet-cifar"):
        table = ARCHITECTURES[name]
        layers = trace(chosen(name, pooling=pooling), classes=10, channels=3, image_size=table.image_size)
        plain = trace(table, classes=10, channels=3, image_size=table.image_size)
        assert [layer.output for layer in layers] == [layer.output for layer in plain]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"activation": "relu6"}, r"network.activation is 'relu6'; it can be 'relu', 'tanh', 'sigmoid', 'gelu'"),
        ({"pooling": "median"}, r"network.pooling is 'median'; it can be 'max', 'average', 'max\+average', 'strided-convolution'"),
        ({"norm": "batch"}, "network.norm is 'batch'"),
        ({"norm_place": "last"}, "network.norm_place is 'last'"),
        ({"dropout_place": "everywhere"}, "network.dropout_place is 'everywhere'"),
        ({"initialisation": "zeros"}, "network.initialisation is 'zeros'"),
        ({"dropout": 1.0}, "network.dropout is 1.0; .* from 0 to below 1"),
        ({"dropout": -0.1}, "network.dropout is -0.1; it cannot be negative"),
        ({"dropout": math.nan}, "network.dropout is nan"),
        ({"pool_kernel": 0}, "network.pool_kernel is 0; it must be at least 1"),
        ({"hidden_units": 0}, "network.hidden_units is 0; it must be at least 1"),
        ({"first_kernel": 0}, "network.first_kernel is 0; it must be at least 1"),
        ({"first_stride": 0}, "network.first_stride is 0; it must be at least 1"),
        ({"first_channels": 0}, "network.first_channels is 0; it must be at least 1"),
        ({"first_padding": -1}, "network.first_padding is -1"),
        ({"fully_connected": -1}, "network.fully_connected is -1"),
        ({"convolutions_3x3": -2}, "network.convolutions_3x3 is -2"),
        ({"towers": 0}, "network.towers is 0"),
        ({"towers": 4}, "network.towers is 4, but alexnet has 2; towers can only be joined"),
        ({"pool_after": "conv1,conv9"}, "network.pool_after has conv9, but the layers are conv1, conv2, conv3, conv4, conv5"),
        ({"width": 0.0}, "network.width is 0.0"),
        ({"width": math.inf}, "network.width is inf"),
    ],
    ids=str,
)
def test_an_impossible_value_is_refused_by_its_name(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(BadModel, match=message):
        chosen(**choices)


def test_a_network_without_3x3_convolutions_has_none_to_choose() -> None:
    with pytest.raises(BadModel, match="lenet has no 3x3 convolutions after the second"):
        chosen("lenet", convolutions_3x3=2)


def test_a_network_without_convolutions_refuses_to_have_them_changed() -> None:
    with pytest.raises(BadModel, match=r"mlp has no convolutions; network\.first_kernel does not apply"):
        chosen("mlp", first_kernel=3)
    assert [full.units for full in chosen("mlp", hidden_units=100).hidden] == [100, 100]


def test_a_perceptron_scores_every_position_of_a_larger_image() -> None:
    network = Network(ARCHITECTURES["mlp"], classes=4, channels=3, image_size=8).eval()
    images = torch.randn(2, 3, 9, 8)
    dense = network.dense(images)
    assert dense.shape == (2, 4, 2, 1)
    torch.testing.assert_close(dense[:, :, 1, 0], network(images[:, :, 1:]))
