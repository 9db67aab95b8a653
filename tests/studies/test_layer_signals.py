"""Signals against autograd's own, and hooks that are gone afterwards, whatever happened."""

import pickle
from dataclasses import replace

import pytest
import torch
from tests.training.tiny import TINY, digits
from torch.nn import functional

from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.studies.layer_signals import signals_on


def network() -> NetworkModel:
    torch.manual_seed(0)
    return NetworkModel(Network(replace(TINY, dropout=0.0), classes=10, channels=1, image_size=8), Normalise((80.0,), (90.0,)))


def test_gradients_and_outputs_are_those_of_every_layer_with_weights() -> None:
    model, (images, labels) = network(), digits(0, 20)
    found = signals_on(model, images, labels)
    weights = {name.split(".")[-2]: value for name, value in model.network.named_parameters() if value.dim() > 1}
    wanted = torch.autograd.grad(functional.cross_entropy(model(images), labels), list(weights.values()))
    assert found.gradients == pytest.approx({name: float(grad.norm()) for name, grad in zip(weights, wanted, strict=True)}, rel=1e-5)
    assert list(found.outputs) == list(weights)[:-1]
    assert all(value > 0 for value in found.outputs.values())


@pytest.mark.parametrize("labels", [torch.tensor([0, 1]), torch.tensor([3, 1, 99])])
def test_the_hooks_are_gone_when_the_batch_cannot_be_judged(labels: torch.Tensor) -> None:
    """A network that still holds a hook of ours, which is a function within a function, cannot be pickled."""
    model, (images, _) = network(), digits(0, 3)
    with pytest.raises((ValueError, IndexError)):
        signals_on(model, images, labels)
    pickle.dumps(model.network)


def test_the_hooks_are_gone_afterwards() -> None:
    model, (images, labels) = network(), digits(0, 3)
    signals_on(model, images, labels)
    pickle.dumps(model.network)
