"""The update against the same update by hand, and the groups that it treats differently."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.training.tiny import digits, model
from torch import Tensor, nn

from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent, sgd

PAPER = TrainingConfig()


def small(name: str = "alexnet-cifar") -> Network:
    torch.manual_seed(0)
    return Network(vary(ARCHITECTURES[name], NetworkChoices(width=1 / 16)), classes=3, channels=3, image_size=32)


def rates_and_decays(network: nn.Module, config: TrainingConfig) -> dict[str, tuple[float, float]]:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = sgd(network, config).param_groups
    return {names[id(parameter)]: (group["rate"], group["weight_decay"]) for group in groups for parameter in group["params"]}


def test_biases_learn_twice_as_fast_and_do_not_decay() -> None:
    for name, (rate, decay) in rates_and_decays(small(), PAPER).items():
        assert (rate, decay) == ((2.0, 0.0) if name.endswith("bias") else (1.0, 5e-4)), name


def test_local_and_fully_connected_weights_decay_as_told() -> None:
    config = replace(PAPER, weight_decay=0.004, fc_weight_decay=1.0, bias_weight_decay=0.3)
    decays = {name: decay for name, (_, decay) in rates_and_decays(small(), config).items()}
    assert {name: decay for name, decay in decays.items() if name.endswith("weight")} == {
        "features.conv1.weight": 0.004,
        "features.conv2.weight": 0.004,
        "features.local3.weight": 1.0,
        "features.local4.weight": 1.0,
        "classifier.fc5.weight": 1.0,
    }
    decays_of_eleven_percent = replace(config, local_weight_decay=0.004, fc_weight_decay=0.01)
    decays_11 = {name: decay for name, (_, decay) in rates_and_decays(small(), decays_of_eleven_percent).items()}
    assert (decays_11["features.local3.weight"], decays_11["classifier.fc5.weight"]) == (0.004, 0.01)
    assert {decay for name, decay in decays.items() if name.endswith("bias")} == {0.3}


def test_lower_layers_learn_more_slowly_than_the_last() -> None:
    for name, (rate, _) in rates_and_decays(small(), replace(PAPER, lower_layers=0.1)).items():
        expected = (1.0 if "fc5" in name else 0.1) * (2.0 if name.endswith("bias") else 1.0)
        assert rate == pytest.approx(expected), name


def test_each_layer_further_below_learns_more_slowly() -> None:
    rates = {name: rate for name, (rate, _) in rates_and_decays(small("efficientnet-lite0"), replace(PAPER, rate_per_layer=0.5)).items()}
    assert rates["classifier.fc.weight"] == 1.0
    assert rates["features.head.conv.weight"] == 1.0
    assert rates["features.block16.expand.conv.weight"] == rates["features.block16.project.conv.weight"] == 0.5
    assert rates["features.block15.depthwise.conv.weight"] == 0.25
    assert rates["features.stem.conv.weight"] == 0.5**17
    assert rates["features.stem.norm.bias"] == 2 * 0.5**17, "biases learn twice as fast as the weights beside them"


@pytest.mark.parametrize("optimizer", ["sgd", "muon", "adam"])
def test_every_trainable_parameter_is_in_one_group(optimizer: Any) -> None:
    for name in ("alexnet-cifar", "alexnet-cifar-fast", "convnet-small"):
        network = small(name)
        rates = Descent(network, replace(PAPER, optimizer=optimizer)).rates()
        assert set(rates) == {key for key, parameter in network.named_parameters() if parameter.requires_grad}


def test_the_scheduled_rate_reaches_every_group_in_its_share() -> None:
    descent = Descent(small(), replace(PAPER, optimizer="muon", muon_learning_rate=0.02, lower_layers=0.5))
    descent.set_learning_rate(0.001)
    rates = descent.rates()
    assert rates["classifier.fc5.weight"] == pytest.approx(0.001)
    assert rates["classifier.fc5.bias"] == pytest.approx(0.002)
    assert rates["features.local3.weight"] == pytest.approx(0.0005)
    assert rates["features.conv1.weight"] == pytest.approx(0.02 * 0.001 / 0.01)


Formula = Callable[[str, Tensor], Tensor]  # a parameter's name and its gradient with decay -> what the rate multiplies


def assert_steps_equal(config: TrainingConfig, formula: Formula, rates: Sequence[float], dtype: torch.dtype, tolerance: float) -> None:
    """Assert that steps at these rates are those of the formula, computed in float64: biases learn twice as fast and do not decay."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 10)).to(dtype)
    images, labels = digits(0, 20)
    descent = Descent(network, config)
    by_hand = {name: parameter.detach().double().clone() for name, parameter in network.named_parameters()}
    for rate in rates:
        descent.set_learning_rate(rate)
        descent.zero_grad()
        nn.functional.cross_entropy(network(images.to(dtype) / 255), labels).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None
            is_bias = name.endswith("bias")
            gradient = parameter.grad.double() + (0.0 if is_bias else config.weight_decay) * by_hand[name]
            by_hand[name] = by_hand[name] - rate * (2.0 if is_bias else 1.0) * formula(name, gradient)
        descent.step()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.detach().double(), by_hand[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_three_steps_equal_the_formula(dtype: torch.dtype, tolerance: float, nesterov: bool) -> None:
    config = replace(PAPER, learning_rate=0.1, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    velocity: dict[str, Tensor] = {}

    def formula(name: str, gradient: Tensor) -> Tensor:
        velocity[name] = 0.9 * velocity.get(name, torch.zeros_like(gradient)) + gradient
        return gradient + 0.9 * velocity[name] if nesterov else velocity[name]

    assert_steps_equal(config, formula, (0.1, 0.1, 0.01), dtype, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_three_steps_of_adam_equal_algorithm_1(dtype: torch.dtype, tolerance: float) -> None:
    config = replace(PAPER, optimizer="adam", learning_rate=0.01, momentum=0.9, weight_decay=0.01)
    first, second, steps = dict[str, Tensor](), dict[str, Tensor](), Counter[str]()

    def formula(name: str, gradient: Tensor) -> Tensor:
        steps[name] += 1
        first[name] = 0.9 * first.get(name, torch.zeros_like(gradient)) + 0.1 * gradient
        second[name] = 0.999 * second.get(name, torch.zeros_like(gradient)) + 0.001 * gradient**2
        return first[name] / (1 - 0.9 ** steps[name]) / ((second[name] / (1 - 0.999 ** steps[name])).sqrt() + 1e-8)

    assert_steps_equal(config, formula, (0.01, 0.01, 0.001), dtype, tolerance)


def test_muon_moves_a_convolution_evenly_in_every_direction_and_the_rest_as_sgd_does() -> None:
    config = replace(PAPER, optimizer="muon", muon_learning_rate=0.01, muon_weight_decay=0.0, momentum=0.9)
    muon, plain = model(), model()
    images, labels = digits(0, 60)
    before = {name: value.clone() for name, value in muon.named_parameters()}
    for network, settings in ((muon, config), (plain, replace(config, optimizer="sgd"))):
        network.eval()
        descent = Descent(network, settings)
        descent.set_learning_rate(config.learning_rate)
        nn.functional.cross_entropy(network(images), labels).backward()
        descent.step()
    for name, value in muon.named_parameters():
        other = dict(plain.named_parameters())[name]
        if value.dim() == 4:
            singular = torch.linalg.svdvals((value - before[name]).flatten(1).double())
            assert singular.min() > 0.3 * singular.max()  # a gradient's own spectrum falls much faster
        else:
            torch.testing.assert_close(value, other, rtol=0, atol=0)


def test_momentum_survives_being_taken_out_and_put_back() -> None:
    for optimizer in ("sgd", "muon", "adam"):
        config: Any = replace(PAPER, optimizer=optimizer)
        one, other = model(), model()
        first, second = Descent(one, config), Descent(other, config)
        images, labels = digits(0, 30)
        nn.functional.cross_entropy(one.eval()(images), labels).backward()
        first.step()
        kept = {name: value.clone() for name, value in first.momentum().items()}
        squares = {name: value.clone() for name, value in first.variance().items()}
        assert set(kept) == {name for name, _ in one.named_parameters()}
        assert set(squares) == (set(kept) if optimizer == "adam" else set())
        second.set_averages(kept, squares, 1)
        for name, value in second.momentum().items():
            assert torch.equal(value, kept[name]), name
        for name, value in second.variance().items():
            assert torch.equal(value, squares[name]), name


def test_zero_grad_forgets_every_gradient() -> None:
    network = model()
    for optimizer in ("sgd", "muon", "adam"):
        config: Any = replace(PAPER, optimizer=optimizer)
        descent = Descent(network, config)
        images, labels = digits(0, 10)
        nn.functional.cross_entropy(network(images), labels).backward()
        descent.zero_grad()
        assert all(parameter.grad is None for parameter in network.parameters())
