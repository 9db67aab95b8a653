"""Which part of the image each position of a stage sees, and the same network with the weights of before its training.

What a stage is: `models.networks.stages`. Independent of data sets.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet.inference.build import build_model
from alexnet.inference.model_card import ModelCard
from alexnet.models.kinds import FROZEN
from alexnet.models.networks.data_dependent_init import calibrate
from alexnet.models.networks.efficientnet_lite import ConvNorm, MBConv, same_padding
from alexnet.models.networks.layers import LocalConv2d, MaxAndAveragePool2d
from alexnet.models.networks.mixer_layers import MixerLayer
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import margins
from alexnet.models.networks.stages import learns, stage_names

Window = tuple[int, int, int]  # kernel, stride, padding


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
        if isinstance(module, MixerLayer):  # every position sees the whole image
            return ReceptiveField(2 * network.image_size + 1, step, -network.image_size)
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
