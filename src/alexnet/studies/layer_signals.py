"""What passes through a network before it is trained: the activations forward, the gradients back. One batch, single precision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.models.networks.model import NetworkModel

IMAGES = 128  # one batch of the paper's size


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """Of each layer with weights: the norm of the loss's gradient by them, and the mean absolute value that the next layer sees of it."""

    gradients: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def signals_of(model: NetworkModel, device: torch.device, store: ImageStore, splits: Splits) -> Signals:
    """Of some training images, spread evenly. What a layer gives is taken behind its nonlinearity, normalisation and pooling."""
    indices = splits.train[:: -(-len(splits.train) // IMAGES)]
    images = centre_crop(next(store.stream([indices])), model.image_size).to(device)
    given, hooks = _watched(model.network)
    model.eval()  # dropout would make another network of it
    loss = functional.cross_entropy(model(images), store.labels[torch.tensor(indices)].to(device))
    loss.backward()
    for hook in hooks:
        hook.remove()
    gradients = {_layer(name): float(weight.grad.double().norm()) for name, weight in _weights(model.network) if weight.grad is not None}
    return Signals(gradients=gradients, outputs=given)


def _weights(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights of convolutions and fully connected layers, first to last."""
    return [(name, value) for name, value in network.named_parameters() if name.endswith(".weight") and value.dim() > 1]


def _layer(name: str) -> str:
    """features.conv1.weight -> conv1."""
    return name.split(".")[-2]


def _watched(network: nn.Module) -> tuple[dict[str, float], list[RemovableHandle]]:
    """A dict that a forward pass fills, under each layer's name, with what the next layer with weights sees; and the hooks to remove."""
    given: dict[str, float] = {}
    names, modules = [name for name, _ in _weights(network)], dict(network.named_modules())
    hooks = [
        modules[after.rpartition(".")[0]].register_forward_pre_hook(_noting(given, _layer(before))) for before, after in pairwise(names)
    ]
    return given, hooks


def _noting(given: dict[str, float], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        given[name] = float(inputs[0].detach().abs().mean())

    return note
