"""The signal in a network, before training or after: activations forward, gradients backward. One batch, single precision."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.models.networks.model import NetworkModel

IMAGES = 128  # one batch of the paper's size


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """For each layer with weights: the gradient norm of the loss with respect to them, and the mean absolute input of the next layer."""

    gradients: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)


def signals_of(model: NetworkModel, device: torch.device, store: ImageStore, splits: Splits) -> Signals:
    """The signals over up to IMAGES training images, spread evenly over the split."""
    return signals_on(model, *batch_of(model.image_size, device, store, splits))


def batch_of(size: int, device: torch.device, store: ImageStore, splits: Splits) -> tuple[Tensor, Tensor]:
    """Up to IMAGES training images, spread evenly over the split, as input of `size` px, and their labels."""
    indices = splits.train[:: -(-len(splits.train) // IMAGES)]
    images = centre_crop(next(store.stream([indices])), size).to(device)
    return images, store.labels[torch.tensor(indices)].to(device)


def signals_on(model: NetworkModel, images: Tensor, labels: Tensor) -> Signals:
    """The signals over one batch of the model's input and its labels. Outputs are taken after nonlinearity, normalisation and pooling.

    The model is left as it was, so that a training can be looked at while it runs. A layer that is not trained has no gradient.
    """
    training = model.training
    model.eval()  # without dropout
    trained = [(name, weight) for name, weight in _weights(model.network) if weight.requires_grad]
    with _recorded_outputs(model.network) as outputs, torch.enable_grad():
        loss = functional.cross_entropy(model(images), labels)
    gradients = torch.autograd.grad(loss, [weight for _, weight in trained])
    model.train(training)
    norms = {_layer(name): float(gradient.double().norm()) for (name, _), gradient in zip(trained, gradients, strict=True)}
    return Signals(gradients=norms, outputs=outputs)


def _weights(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights of convolutions and fully connected layers, first to last."""
    return [(name, value) for name, value in network.named_parameters() if name.endswith(".weight") and value.dim() > 1]


def _layer(name: str) -> str:
    """features.conv1.weight -> conv1."""
    return name.split(".")[-2]


@contextmanager
def _recorded_outputs(network: nn.Module) -> Iterator[dict[str, float]]:
    """A dict that a forward pass fills with the mean absolute input of the next layer with weights, by layer name."""
    outputs: dict[str, float] = {}
    names, modules = [name for name, _ in _weights(network)], dict(network.named_modules())
    hooks = [
        modules[after.rpartition(".")[0]].register_forward_pre_hook(_recorder(outputs, _layer(before))) for before, after in pairwise(names)
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _recorder(outputs: dict[str, float], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        outputs[name] = float(inputs[0].detach().abs().mean())

    return record
