"""A step whose loss is not finite moves nothing: seen on a CPU, which looks first, and along the way of a GPU, which skips by itself."""

import math
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.training.tiny import CONFIG, digits
from torch import Tensor, nn
from torch.nn import functional

from alexnet.runtime.device import Precision
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent
from alexnet.training.step import measure, seed_dropout, training_step
from alexnet.training.weight_average import WeightAverage

CONFIGS = {
    "fused": CONFIG,
    "nesterov": replace(CONFIG, nesterov=True),
    "no momentum": replace(CONFIG, momentum=0.0),
    "muon": replace(CONFIG, optimizer="muon", nesterov=True),
    "adam": replace(CONFIG, optimizer="adam"),
    "float64": replace(CONFIG, precision="fp64"),
}
parametrize = pytest.mark.parametrize("config", [pytest.param(config, id=name) for name, config in CONFIGS.items()])
both_ways = pytest.mark.parametrize("reads_failed", [True, False], ids=["CPU", "GPU's way"])


class Normed(nn.Module):
    """A network with running statistics; uint8 or float images (n, 3, 8, 8) -> scores (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 10))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layers(images.to(self.layers[0].weight.dtype) / 255)  # type: ignore[arg-type]
        return scores


def test_a_class_that_weighs_twice_is_an_image_that_comes_twice() -> None:
    """In float64, with smoothed labels: the gradient is that of the batch with these images repeated."""
    images, labels = digits(0, 40)
    weighs = torch.ones(10, dtype=torch.float64)
    weighs[3] = 2.0
    twice = torch.cat([torch.arange(40), torch.nonzero(labels == 3)[:, 0]])
    config = replace(CONFIG, precision="fp64", batch_size=40)
    gradients = []
    for rows, class_weights, count in ((torch.arange(40), weighs, 40), (twice, None, 40)):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(192, 10)).double()
        descent = Descent(network, config)
        loss, _ = training_step(
            network, descent, images[rows].double(), labels[rows], 0.1, "fp64", count=count, class_weights=class_weights
        )
        gradients.append((loss.item(), network[1].weight.grad))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-12)
    assert torch.allclose(gradients[0][1], gradients[1][1], rtol=1e-12)  # type: ignore[arg-type]


def fitted(config: TrainingConfig, reads_failed: bool, images: list[Tensor], precision: Precision = "fp32") -> tuple[Any, Descent, Any]:
    """The network, its optimizer and its running average after one step on each of the batches."""
    torch.manual_seed(0)
    network = Normed().to(torch.float64 if config.precision == "fp64" else torch.float32)
    descent, average = Descent(network, config), WeightAverage(network, 0.8)
    descent.reads_failed = reads_failed
    descent.set_learning_rate(config.learning_rate)
    for batch in images:
        training_step(network, descent, batch, digits(0, 32)[1], config.label_smoothing, precision)
        if reads_failed:
            average.update(network, descent.failed)
        else:
            average.update_unless(descent.failed, network)
    return network, descent, average


def everything(network: nn.Module, descent: Descent, average: nn.Module) -> dict[str, Tensor]:
    held = {**network.state_dict(), **{f"average/{name}": value for name, value in average.state_dict().items()}}
    del held["average/n_averaged"]
    averages = {"momentum": descent.momentum(), "variance": descent.variance()}
    return deepcopy({**held, **{f"{kind}/{name}": value for kind, of_name in averages.items() for name, value in of_name.items()}})


def good(first: int) -> Tensor:
    return digits(first, 32)[0].float()


def spoiled(value: float = math.nan) -> Tensor:
    images = good(0)
    images[3, 1, 2, 2] = value
    return images


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@parametrize
@both_ways
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_step_that_fails_moves_nothing_and_none_follows_it(config: TrainingConfig, reads_failed: bool, value: float) -> None:
    before = everything(*fitted(config, reads_failed, [good(0), good(32)]))
    after = fitted(config, reads_failed, [good(0), good(32), spoiled(value), good(64)])
    assert after[1].failed
    assert_equal(everything(*after), before)
    assert all(value.isfinite().all() for value in before.values())


@parametrize
def test_a_first_step_that_fails_leaves_the_network_as_it_began(config: TrainingConfig) -> None:
    untouched, *_ = fitted(config, True, [])
    for reads_failed in (True, False):
        network, descent, average = fitted(config, reads_failed, [spoiled()])
        assert_equal(network.state_dict(), untouched.state_dict())
        assert_equal(average.module.state_dict(), untouched.state_dict())
        assert all(not momentum.any() for momentum in descent.momentum().values())


@parametrize
def test_steps_that_are_not_looked_at_are_the_same_to_the_bit(config: TrainingConfig) -> None:
    batches = [good(first) for first in (0, 32, 64, 96)]
    looked, skipping = (fitted(config, reads_failed, batches) for reads_failed in (True, False))
    assert_equal(
        everything(*skipping) | {name: value for name, value in everything(*looked).items() if name.startswith("average/")},
        everything(*looked),
    )
    for name, value in looked[2].state_dict().items():
        torch.testing.assert_close(skipping[2].state_dict()[name], value, rtol=1e-6, atol=1e-7)


def test_a_smoothed_loss_that_alone_is_not_finite_fails_the_step_too() -> None:
    class Certain(nn.Module):
        """Scores that leave another class no probability at all."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, images: Tensor) -> Tensor:
            scores = functional.one_hot(digits(0, 32)[1], 10).float() * self.weight
            return scores.masked_fill(functional.one_hot(digits(1, 32)[1], 10).bool() & (scores == 0), -math.inf)

    for smoothing, failed in ((0.0, False), (0.1, True)):
        network = Certain()
        descent = Descent(nn.ModuleDict({"layer": network}), CONFIG)
        loss, _ = training_step(network, descent, good(0), digits(0, 32)[1], smoothing, "fp32")
        assert loss.isfinite().item() is not failed
        assert descent.failed.item() is failed


def test_a_step_returns_what_plain_pytorch_computes() -> None:
    torch.manual_seed(0)
    network = Normed().double()
    images, labels = digits(0, 32)
    scores = deepcopy(network).train()(images)
    loss, wrong = training_step(network, Descent(network, CONFIGS["float64"]), images, labels, 0.0, "fp64")
    assert loss.item() == pytest.approx(functional.cross_entropy(scores, labels).item(), rel=1e-12)
    assert wrong.item() == (scores.argmax(1) != labels).sum().item()
    assert loss.shape == wrong.shape == ()


@pytest.mark.parametrize("seed", [0, 7_000_021, 2**63 + 5])
def test_dropout_draws_what_torchs_own_seed_makes_it_draw(seed: int) -> None:
    torch.manual_seed(seed)
    expected = functional.dropout(torch.ones(1_000), 0.5)
    torch.rand(3)
    seed_dropout(seed, torch.device("cpu"))
    assert torch.equal(functional.dropout(torch.ones(1_000), 0.5), expected)


def test_a_measurement_adds_its_batches_one_after_the_other_in_float64() -> None:
    torch.manual_seed(0)
    network, batches = Normed(), [digits(first, 30) for first in range(0, 300, 30)]
    total, errors = 0.0, 0.0
    network.eval()
    for images, labels in batches:
        total += functional.cross_entropy(network(images), labels, reduction="sum").item()
        errors += (network(images).argmax(1) != labels).sum().item()
    assert measure(network, batches, "fp32") == (total / 300, errors / 300)
    assert measure(network, [], "fp32") == (0.0, 0.0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_a_step_that_fails_moves_nothing_and_is_not_waited_for() -> None:
    torch.manual_seed(0)
    network = Normed().cuda()
    descent, average = Descent(network, CONFIG), WeightAverage(network, 0.8)
    descent.set_learning_rate(0.02)
    batches = [batch.cuda() for batch in (good(0), good(32), spoiled(), good(64))]
    labels = digits(0, 32)[1].cuda()
    held = []
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for images in batches:
            training_step(network, descent, images, labels, 0.1, "fp32")
            average.update(network, descent.failed)
            held.append(everything(network, descent, average))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert_equal(held[1], held[3])
    assert any(not torch.equal(value, held[0][name]) for name, value in held[1].items())
