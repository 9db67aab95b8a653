"""Signals against autograd's own, and hooks that are gone afterwards, whatever happened."""

import pickle
from dataclasses import replace

import pytest
import torch
from tests.training.tiny import CONFIG, TINY, digits
from torch.nn import functional

from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.studies.layer_signals import signals_on
from alexnet.training.optimizer import Descent
from alexnet.training.step import seed_dropout, training_step


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


def trained(*, looked_at: bool) -> dict[str, torch.Tensor]:
    """The weights after four steps with dropout, between which somebody looks, or nobody does."""
    torch.manual_seed(0)
    model = NetworkModel(Network(TINY, classes=10, channels=1, image_size=8), Normalise((80.0,), (90.0,)))
    descent = Descent(model, CONFIG)
    for step in range(4):
        seed_dropout(step, torch.device("cpu"))
        images, labels = digits(32 * step, 32)
        training_step(model, descent, images, labels, 0.0, "fp32")
        if looked_at:
            found = signals_on(model, images, labels)
            assert model.training
            assert all(norm > 0 for norm in found.gradients.values())
    return dict(model.state_dict())


def test_a_training_that_is_looked_at_ends_in_the_same_weights() -> None:
    seen, unseen = trained(looked_at=True), trained(looked_at=False)
    assert all(torch.equal(seen[name], unseen[name]) for name in unseen)


def test_a_layer_that_is_not_trained_has_no_gradient() -> None:
    model, (images, labels) = network(), digits(0, 20)
    model.network.fix(1)
    assert list(signals_on(model, images, labels).gradients) == ["fc2", "fc3"]
