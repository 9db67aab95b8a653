"""What batch normalisation makes possible: a learning rate of 0.1, at which AlexNet learns nothing without it (Ioffe and Szegedy 2015)."""

import math
from dataclasses import replace

import pytest
import torch
from tests.training.tiny import all_digits
from torch import Tensor
from torch.nn import functional

from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent

STEPS, SIDE, CHANCE = 80, 64, 2.303  # ln(10): the loss of a network that says the same of every image
CONFIG = TrainingConfig(batch_size=128, momentum=0.9, weight_decay=5e-4, precision="fp32")


def narrow_alexnet(*, batch_norm: bool) -> NetworkModel:
    """AlexNet at 1/16 of its width, with He's weights, so that a small rate does learn."""
    architecture = vary(ARCHITECTURES["alexnet"], NetworkChoices(width=1 / 16, batch_norm=batch_norm))
    architecture = replace(architecture, initialisation="he", dropout=0.0)
    return NetworkModel(Network(architecture, classes=10, channels=1, image_size=SIDE), Normalise((80.0,), (90.0,)))


def digits_of_64_px() -> tuple[Tensor, Tensor]:
    pixels, labels = all_digits()
    return pixels.repeat_interleave(8, 2).repeat_interleave(8, 3), labels


def loss_after_training(rate: float, *, batch_norm: bool) -> float:
    """The mean training loss of the last five steps; infinite if it is not finite."""
    torch.manual_seed(0)
    model, (images, labels) = narrow_alexnet(batch_norm=batch_norm).train(), digits_of_64_px()
    descent, losses = Descent(model, CONFIG), []
    descent.set_learning_rate(rate)
    for _ in range(STEPS):
        batch = torch.randint(0, 1_500, (CONFIG.batch_size,))
        descent.zero_grad()
        loss = functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        descent.step()
        losses.append(loss.item())
    mean = sum(losses[-5:]) / 5
    return mean if math.isfinite(mean) else math.inf


@pytest.mark.slow
def test_a_rate_of_a_tenth_needs_batch_norm() -> None:
    assert loss_after_training(0.1, batch_norm=False) > CHANCE - 0.3
    assert loss_after_training(0.1, batch_norm=True) < 1.0
    assert loss_after_training(0.01, batch_norm=False) < 1.8, "it is the rate, and not the network"
