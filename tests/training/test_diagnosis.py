"""Planted faults are found: dead ReLU layers, saturated sigmoids, and updates of the wrong size."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.training.tiny import CONFIG, TINY, digits
from torch import nn
from torch.nn import functional

from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.training.diagnosis import diagnose, stuck_units, update_ratios
from alexnet.training.optimizer import Descent


def network(activation: Any = "relu") -> NetworkModel:
    torch.manual_seed(0)
    architecture = replace(TINY, activation=activation, initialisation="xavier", dropout=0.0)
    return NetworkModel(Network(architecture, classes=10, channels=1, image_size=8), Normalise((80.0,), (90.0,)))


def bias(model: NetworkModel, layer: str) -> torch.Tensor:
    found = dict(model.network.named_modules())[layer]
    assert isinstance(found, (nn.Conv2d, nn.Linear))
    assert found.bias is not None
    return found.bias.data


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "sigmoid"])
@pytest.mark.parametrize(("layer", "units"), [("features.conv1", 8), ("classifier.fc2", 16)])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_share_of_planted_stuck_units_is_found(activation: str, layer: str, units: int, share: float, sign: int) -> None:
    model, images = network(activation), digits(0, 50)[0]
    if activation in ("relu", "gelu"):
        bias(model, "classifier.fc2").fill_(3.0)  # some of so few units are dead from the start
    base = stuck_units(model, images)
    name = next(name for name in base if name.endswith(f"{activation}{layer[-1]}"))
    assert base[name] == 0.0
    bias(model, layer)[: round(share * units)] = sign * 1e4
    dies = activation not in ("relu", "gelu") or sign < 0  # a ReLU that is always on is no loss
    assert stuck_units(model, images)[name] == pytest.approx(share if dies else 0.0)


def test_a_unit_that_lives_for_one_image_is_not_stuck() -> None:
    model = nn.Sequential(nn.Flatten(), nn.ReLU())
    images = torch.tensor([[-1.0, -1.0, 2.0], [-1.0, 3.0, 2.0]])
    assert stuck_units(model, images) == {"1": pytest.approx(1 / 3)}


def test_the_hooks_are_taken_off_again() -> None:
    model = network()
    stuck_units(model, digits(0, 4)[0])
    assert all(not module._forward_hooks for module in model.modules())


def descent_after_one_gradient(model: NetworkModel, rate: float) -> Descent:
    images, labels = digits(0, 40)
    descent = Descent(model, CONFIG)
    descent.set_learning_rate(rate)
    functional.cross_entropy(model(images), labels).backward()
    return descent


def test_ratios_are_rate_times_gradient_over_weight() -> None:
    model = network()
    ratios = update_ratios(descent_after_one_gradient(model, 0.02), model)
    assert list(ratios) == ["network.features.conv1", "network.classifier.fc2", "network.classifier.fc3"]
    for name, ratio in ratios.items():
        weight = model.get_parameter(f"{name}.weight")
        assert weight.grad is not None
        assert ratio == pytest.approx(0.02 * (weight.grad.norm() / weight.detach().norm()).item(), rel=1e-5)


def test_where_the_last_gradient_is_not_finite_the_momentum_stands_in() -> None:
    model = network()
    descent = descent_after_one_gradient(model, 0.02)
    descent.step()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)
    momentum = descent.momentum()
    for name, ratio in update_ratios(descent, model).items():
        weight = model.get_parameter(f"{name}.weight")
        assert ratio == pytest.approx(0.02 * (momentum[f"{name}.weight"].norm() / weight.detach().norm()).item(), rel=1e-5)


@pytest.mark.parametrize(("activation", "value"), [("relu", -1e4), ("sigmoid", 1e4)])
def test_the_diagnosis_names_the_stuck_layer_and_no_other(activation: str, value: float) -> None:
    model = network(activation)
    bias(model, "classifier.fc2").fill_(value)
    text = diagnose(model, descent_after_one_gradient(model, 0.01), digits(0, 40)[0])
    assert f"network.classifier.{activation}2: 100% of the units never change" in text
    assert f"{activation}1" not in text
    assert "network.features.conv1 0.0e+00" in text  # nothing comes back through it


def test_the_diagnosis_of_a_healthy_network_says_so() -> None:
    model = network()
    text = diagnose(model, descent_after_one_gradient(model, 0.01), digits(0, 40)[0])
    assert "No layer is dead or saturated" in text
    assert "Update / weight per step (healthy: about 0.001): network.features.conv1" in text
