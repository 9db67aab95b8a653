"""The layers of a network one after the other: what each computes of images, and which part of the image each position sees.

A stage is a convolution or a hidden fully connected layer with all that follows it before the next one: pooling, activation,
normalisation; of a network made of blocks, a block. Independent of data sets.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet.inference.build import build_model
from alexnet.inference.model_card import ModelCard
from alexnet.models.kinds import FROZEN
from alexnet.models.networks.data_dependent_init import calibrate
from alexnet.models.networks.efficientnet_lite import ConvNorm, MBConv, same_padding
from alexnet.models.networks.layers import LocalConv2d, MaxAndAveragePool2d
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import margins

Window = tuple[int, int, int]  # kernel, stride, padding


def stage_names(network: Network) -> list[str]:
    """The names of the stages: those of the architecture's convolutions and hidden layers."""
    architecture = network.architecture
    if architecture.stages:
        return [name for name, module in network.features.named_children() if learns(module)]
    return [*(conv.name for conv in architecture.convs), *(full.name for full in architecture.hidden)]


def stages(model: NetworkModel, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """(name, output) of each stage for images (N, 3, S, S): (N, C, h, w), or (N, units) of a fully connected one."""
    network, names = model.network, iter(stage_names(model.network))
    values = yield from _outputs(network.features, names, model.prepared(images))
    yield from _outputs(network.classifier[:-1], names, network.avgpool(values).flatten(1))


def _outputs(modules: Iterable[nn.Module], names: Iterator[str], values: Tensor) -> Generator[tuple[str, Tensor], None, Tensor]:
    """(name, output) of each stage among these modules; returns what the last module computes."""
    name = None
    for module in modules:
        if learns(module):
            if name is not None:
                yield name, values
            name = next(names)
        values = module(values)
    if name is not None:
        yield name, values
    return values


def learns(module: nn.Module) -> bool:
    """Whether a stage begins with the module. A pooling may be a convolution as well; it has as many channels as groups or towers."""
    return isinstance(module, nn.Linear | LocalConv2d | ConvNorm | MBConv) or (isinstance(module, nn.Conv2d) and not _pools(module))


def _pools(module: nn.Conv2d) -> bool:
    return module.in_channels == module.out_channels and module.stride != (1, 1) and module.padding == (0, 0)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The square of the image, in pixels, that one position of a stage sees: position p sees start + p * step, `side` pixels."""

    side: int
    step: int
    start: int

    @property
    def centre(self) -> float:
        """The pixel in the middle of what position 0 sees, counted from 0."""
        return self.start + (self.side - 1) / 2

    def box(self, row: int, column: int, size: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the square, cut off at the borders of an image of `size` px."""
        top, left = self.start + row * self.step, self.start + column * self.step
        edges = (top, left, top + self.side, left + self.side)
        return tuple(min(max(edge, 0), size) for edge in edges)  # type: ignore[return-value]


def receptive_fields(network: Network) -> dict[str, ReceptiveField]:
    """The receptive field of each stage with positions, after all of its modules."""
    begins = [place for place, module in enumerate(network.features) if learns(module)]
    ends = [*begins[1:], len(network.features)]
    return {name: receptive_field(network, end) for name, end in zip(stage_names(network), ends, strict=False)}


def receptive_field(network: Network, modules: int) -> ReceptiveField:
    """What one position sees after this many modules of `features`, from their windows."""
    left, _ = margins(network.architecture, network.image_size)
    side, step, start, positions = 1, 1, -left, network.image_size
    for module in list(network.features)[:modules]:
        window = _window(module, positions)
        if window is not None:
            kernel, stride, padding = window
            side, start, step = side + (kernel - 1) * step, start - padding * step, step * stride
            positions = -(-positions // stride)  # as "same" padding leaves, which alone asks for it
    return ReceptiveField(side, step, start)


def _window(module: nn.Module, positions: int) -> Window | None:
    """The window of a module with them; positions: of a side of its input, on which the padding of a block depends."""
    if isinstance(module, ConvNorm | MBConv):
        conv = module.conv if isinstance(module, ConvNorm) else module.depthwise.conv
        kernel, stride = _first(conv.kernel_size), _first(conv.stride)
        return kernel, stride, same_padding(positions, kernel, stride)[0]
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return _first(module.kernel_size), _first(module.stride), _first(module.padding)
    if isinstance(module, LocalConv2d):
        return module.kernel, module.stride, module.padding
    return (module.kernel, module.stride, 0) if isinstance(module, MaxAndAveragePool2d) else None


def _first(value: int | tuple[int, ...] | str) -> int:
    return value if isinstance(value, int) else int(value[0])


def untrained(model: NetworkModel, model_card: ModelCard, images: Tensor, seed: int) -> NetworkModel:
    """The same network with the weights of before its training, drawn from `seed`: the control of whatever depends on training.

    images: uint8 (N, 3, S, S), training images for those initialisations, and the batch norms' statistics, that depend on them.
    """
    device = next(model.parameters()).device
    made_from, name = model_card, model_card.model.removesuffix(FROZEN)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build_model(name, made_from.network, model.classes, made_from.channels, made_from.preprocess)
        calibrate(fresh, images.cpu())
    fresh = fresh.to(device).eval()
    norms = [module for module in fresh.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean of what it sees
        norm.train()
    if norms:
        with torch.no_grad():
            fresh(images.to(device))
    return fresh.eval()
