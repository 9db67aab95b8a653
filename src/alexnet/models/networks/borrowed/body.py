"""A library's network without the layer that computes the scores: normalised images in, the layer below it out."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.errors import BadModel, ImageSizeTooSmall
from alexnet.models.networks.borrowed.registry import source_of
from alexnet.models.networks.borrowed.source import Source, first_line

Row = tuple[str, str, tuple[int, ...], int, int]  # name, kind, output, parameters, multiply-accumulates: those of `shapes.Layer`
KINDS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Conv2d, "convolution"),
    (nn.Linear, "fully connected"),
    (nn.BatchNorm2d, "batchnorm"),
)


class Body(nn.Module):
    """float (N, 3, S, S) -> (N, units). last: the name, in the library's network, of the layer that is left out."""

    def __init__(self, name: str, *, channels: int, image_size: int) -> None:
        super().__init__()
        if channels != 3:
            raise BadModel(f"{name} takes colour pictures; preprocess.channels is {channels}. Leave it out: gray pictures are taken too.")
        source, own = source_of(name)
        try:
            self.inner, self.last = _built(source, own, image_size)
        except (AssertionError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise _refused(name, image_size, error) from None
        scores = self.inner.get_submodule(self.last)
        if not isinstance(scores, nn.Linear | nn.Conv2d):
            raise BadModel(f"{name} ends in a {type(scores).__name__}, and only a single layer of weights is supported.")
        self.units = scores.in_features if isinstance(scores, nn.Linear) else scores.in_channels
        parent, _, child = self.last.rpartition(".")
        setattr(self.inner.get_submodule(parent), child, nn.Identity())

    def forward(self, images: Tensor) -> Tensor:
        units: Tensor = self.inner(images)
        return units


def _built(source: Source, own: str, image_size: int) -> tuple[nn.Module, str]:
    """The library's network on PyTorch's device of the moment; with numbers first, where the library needs some to build it."""
    try:
        return source.build(own, image_size)
    except NotImplementedError:  # on the device "meta", which has shapes and no numbers
        device = torch.get_default_device()
        with torch.device("cpu"):
            network, last = source.build(own, image_size)
        return network.to(device), last


@lru_cache(maxsize=64)
def rows_of(name: str, *, channels: int, image_size: int) -> tuple[tuple[Row, ...], int]:
    """A row for each module with weights, in the order of the library's own list, and the length of the last hidden layer.

    One image without numbers runs through the network. Products of activations with each other, as in attention, are not counted. Raises
    ImageSizeTooSmall, with the library's own words, for a size that the network cannot take.
    """
    with torch.device("meta"):
        body = Body(name, channels=channels, image_size=image_size).eval()
        calls: dict[str, list[Any]] = {}
        with _recorded(body.inner, calls), torch.no_grad():
            try:
                output = body(torch.zeros(1, 3, image_size, image_size))
            except Exception as error:  # of any kind that the library raises
                raise _refused(name, image_size, error) from None
    if tuple(output.shape) != (1, body.units):
        raise BadModel(f"{name} computes {tuple(output.shape)[1:]} below its last layer, which takes {body.units}; it is not supported.")
    weighted = [(place, module) for place, module in body.inner.named_modules() if any(True for _ in module.parameters(recurse=False))]
    return tuple(_row(place, module, calls.get(place, [])) for place, module in weighted), body.units


def _refused(name: str, image_size: int, error: Exception) -> ImageSizeTooSmall:
    return ImageSizeTooSmall(
        f"{name} cannot take {image_size}x{image_size} pictures ({first_line(error)}). Choose another --image-size, or leave it out."
    )


@contextmanager
def _recorded(network: nn.Module, calls: dict[str, list[Any]]) -> Iterator[None]:
    """Inside, the outputs of each module, by its name, once for each call."""

    def hook(name: str) -> Any:
        return lambda _module, _inputs, output: calls.setdefault(name, []).append(output[0] if isinstance(output, tuple) else output)

    handles = [module.register_forward_hook(hook(name)) for name, module in network.named_modules() if name]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _row(name: str, module: nn.Module, outputs: list[Any]) -> Row:
    own = list(module.parameters(recurse=False))
    kind = next((kind for module_type, kind in KINDS if isinstance(module, module_type)), "weights")
    shapes = [tuple(output.shape[1:]) for output in outputs if isinstance(output, Tensor)]
    return name or "weights", kind, shapes[-1] if shapes else (), sum(one.numel() for one in own), sum(_macs(module, one) for one in shapes)


def _macs(module: nn.Module, output: tuple[int, ...]) -> int:
    """Multiply-accumulates of one image: of a convolution and a linear layer, the products with their weights."""
    if isinstance(module, nn.Conv2d):
        return prod(output[1:]) * module.weight.numel()
    if isinstance(module, nn.Linear):
        return prod(output[:-1]) * module.weight.numel()
    if isinstance(module, nn.MultiheadAttention):
        assert module.in_proj_weight is not None
        return prod(output[:-1]) * (module.in_proj_weight.numel() + module.out_proj.weight.numel())
    return 0
