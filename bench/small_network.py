"""The training step of convnet-small: against the same network in plain PyTorch, and the share of it that its matrix products take."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.model import NetworkModel
from alexnet.recipes.convnet_small import QUICK
from alexnet.runtime.device import Precision, autocast, choose_device, choose_precision, synchronize
from alexnet.runtime.machine import keep_freed_memory
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step
from bench.measure import Row, interleaved

BATCH, CLASSES, SIDE = QUICK.batch_size, 10, 32


def small_network_steps(rounds: int = 5) -> dict[str, Row]:
    """Images per second of our step, of the plain one, and of the products alone."""
    keep_freed_memory()
    device = choose_device()
    precision = choose_precision("auto", device)
    images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8, device=device)
    labels = torch.randint(0, CLASSES, (BATCH,), device=device)
    preprocess = Preprocess(image_size=SIDE, stored_size=SIDE, fit="crop", mean=(120.0,) * 3, std=(60.0,) * 3)
    model = build_model("convnet-small", NetworkChoices(), CLASSES, 3, preprocess).to(device)
    variants: dict[str, Callable[[], object]] = {
        "ours": partial(our_step, model, Descent(model, QUICK), images, labels, precision),
        "plain": plain_step(images, labels, precision),
        "products": products(model, images, precision),
    }
    rates = {name: BATCH / seconds for name, seconds in interleaved(variants, rounds=rounds).items()}
    share = rates["ours"] / rates["products"]
    return {
        "training step, convnet-small, against plain PyTorch with SGD in the same precision": Row(
            rates["ours"] / rates["plain"], rates["ours"], rates["plain"], "images/s", 0.9, 1.0
        ),
        "training step, convnet-small, share of the rate of its matrix products": Row(
            share, rates["ours"], rates["products"], "images/s", 0.7, 0.85
        ),
    }


def our_step(model: NetworkModel, optimizer: Descent, images: Tensor, labels: Tensor, precision: Precision) -> None:
    """A step of our loop, with Muon."""
    training_step(model, optimizer, images, labels, QUICK.label_smoothing, precision)
    synchronize(images.device)


def plain_network() -> nn.Module:
    """The network written out, as fast as plain PyTorch has it: channels_last, pooling before batch norm."""
    layers: list[nn.Module] = [nn.Conv2d(3, 24, 2), nn.GELU()]
    for inputs, maps in ((24, 64), (64, 256), (256, 256)):
        first, second = nn.Conv2d(inputs, maps, 3, padding=1), nn.Conv2d(maps, maps, 3, padding=1)
        layers += [first, nn.MaxPool2d(2), nn.BatchNorm2d(maps), nn.GELU(), second, nn.BatchNorm2d(maps), nn.GELU()]
    layers[0].get_parameter("weight").requires_grad_(False)
    network = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(256, CLASSES))
    return network.to(memory_format=torch.channels_last)


def plain_step(images: Tensor, labels: Tensor, precision: Precision) -> Callable[[], None]:
    """A step of a plain loop with SGD, on pixels that are normalised already."""
    network = plain_network().to(images.device)
    optimizer = torch.optim.SGD(
        [one for one in network.parameters() if one.requires_grad], lr=0.01, momentum=0.9, nesterov=True, fused=True
    )
    pixels = ((images.float() - 120.0) / 60.0).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        optimizer.zero_grad()
        with autocast(precision, images.device):
            scores = network(pixels)
        functional.cross_entropy(scores.float(), labels, label_smoothing=QUICK.label_smoothing).backward()
        optimizer.step()
        synchronize(images.device)

    return step


def products(model: NetworkModel, images: Tensor, precision: Precision) -> Callable[[], None]:
    """The convolutions and the fully connected layer of a step alone, forward and backward, on the inputs that they have in it."""
    layers = _with_inputs(model, images, precision)

    def run() -> None:
        for layer, inputs, gradient in layers:
            with autocast(precision, images.device):
                outputs = layer(inputs)
            wanted = [tensor for tensor in (inputs, *layer.parameters()) if tensor.requires_grad]
            torch.autograd.grad(outputs, wanted, gradient)
        synchronize(images.device)

    return run


def _with_inputs(model: NetworkModel, images: Tensor, precision: Precision) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """Each layer with weights, its inputs in a forward pass, and a gradient of its outputs. The images themselves need no gradient."""
    found: list[tuple[nn.Module, Tensor, Tensor]] = []

    def record(layer: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        found.append((layer, inputs[0].detach().requires_grad_(bool(found)), torch.randn_like(outputs)))

    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    with torch.no_grad(), autocast(precision, images.device):
        model.train()(images)
    for hook in hooks:
        hook.remove()
    return found
