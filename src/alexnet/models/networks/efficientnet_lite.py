"""The blocks of EfficientNet-Lite, and the network whose frozen features are used; its table is in `efficientnet`.

As trained in TensorFlow: pixels minus 127 over 128; images padded by "same", which adds the odd zero at the bottom and right; batch
normalisation with epsilon 0.001 and momentum 0.99, which PyTorch writes 0.01.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.models.networks.architecture import Architecture, Stage
from alexnet.models.networks.efficientnet import EFFICIENTNET_LITE0, HEAD, LITE0, MEAN, STD, STEM
from alexnet.models.networks.shapes import each_block, trace

IMAGE_SIZE, STORED_SIZE = 224, 256  # px: the centre of an image whose short side has 256
EPSILON, MOMENTUM = 1e-3, 0.01  # of batch normalisation
# of PyTorch's own compiler; None where PyTorch was built without oneDNN: the same in two steps
FUSED = getattr(torch.ops.mkldnn, "_convolution_pointwise", None) if torch.backends.mkldnn.is_available() else None
CLASSES = EFFICIENTNET_LITE0.classes


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: ceil(side / stride) positions per side, the odd zero at the bottom and right.

    With a kernel of 1 it is computed as a matrix product over channels, which is faster on channels_last images.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        if self.kernel_size == (1, 1):
            rows = self.weight.permute(0, 2, 3, 1).flatten(1)  # so that the gradient lies in memory as the weights do, channels_last
            return _over_channels(images, rows, self.bias)
        if self.stride == (1, 1):
            return super().forward(images)  # an odd kernel: as many zeros on every side
        top, bottom = same_padding(images.shape[-2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(images.shape[-1], self.kernel_size[1], self.stride[1])
        return super().forward(functional.pad(images, (left, right, top, bottom)))


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """The zeros before and after a side."""
    positions = -(-side // stride)
    zeros = max(0, (positions - 1) * stride + kernel - side)
    return zeros // 2, zeros - zeros // 2


def _over_channels(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(N, C, H, W) and (outputs, C) -> (N, outputs, H, W), both channels_last."""
    n, channels, height, width = images.shape
    rows = functional.linear(images.permute(0, 2, 3, 1).reshape(-1, channels), weight, bias)
    return rows.view(n, height, width, -1).permute(0, 3, 1, 2)


class ConvNorm(nn.Module):
    """Convolution, batch normalisation and, unless it is linear, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False) -> None:
        super().__init__()
        self.conv = SameConv(inputs, outputs, kernel, stride, groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=EPSILON, momentum=MOMENTUM)
        self.linear = linear

    def forward(self, images: Tensor) -> Tensor:
        if _can_fuse(self, images):
            return _fused(self.conv, images, linear=self.linear)
        maps: Tensor = self.norm(self.conv(images))
        return maps if self.linear else functional.relu6(maps, inplace=True)

    def fold(self) -> None:
        """Multiply the normalisation, with its running statistics, into the convolution: the same function in evaluation, in one step."""
        norm, conv = self.norm, self.conv
        if not isinstance(norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        bias = norm.bias.double() - norm.running_mean.double() * scale
        weight = conv.weight.double() * scale[:, None, None, None]
        conv.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
        conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
        self.norm = nn.Identity()


def _can_fuse(part: ConvNorm, images: Tensor) -> bool:
    """Whether convolution and ReLU6 can be one oneDNN operation: folded, on a CPU in single precision, and without gradients."""
    plain = images.device.type == "cpu" and images.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return plain and not isinstance(part.norm, nn.BatchNorm2d) and not torch.is_grad_enabled() and FUSED is not None


def _fused(conv: SameConv, images: Tensor, *, linear: bool) -> Tensor:
    """Convolution and ReLU6 in one pass over memory, as torch.compile would have it, without a compiler."""
    padding = list(conv.padding)
    if conv.stride != (1, 1):
        top, bottom = same_padding(images.shape[-2], conv.kernel_size[0], conv.stride[0])
        left, right = same_padding(images.shape[-1], conv.kernel_size[1], conv.stride[1])
        images = functional.pad(images, (left, right, top, bottom))
    images = images.contiguous(memory_format=torch.channels_last)
    name, limits = ("none", []) if linear else ("hardtanh", [0.0, 6.0])
    maps: Tensor = FUSED(  # type: ignore[misc]
        images, conv.weight, conv.bias, padding, list(conv.stride), [1, 1], conv.groups, name, limits, ""
    )
    return maps


class MBConv(nn.Module):
    """An inverted residual block: expand over channels, filter each channel alone, project; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inside = inputs * expansion
        self.expand = ConvNorm(inputs, inside, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(inside, inside, kernel, stride=stride, groups=inside)
        self.project = ConvNorm(inside, outputs, 1, linear=True)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.project(self.depthwise(self.expand(images)))
        return maps.add_(images) if self.shortcut else maps


class EfficientNetLite(nn.Module):
    """uint8 RGB images (N, 3, S, S) -> scores (N, classes), or without a classifier (0 classes) the features below it (N, 1,280)."""

    def __init__(self, *, classes: int = CLASSES, stages: tuple[Stage, ...] = LITE0) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM, 3, stride=2)
        self.blocks = nn.Sequential(*(block for _, block in _blocks(stages, STEM)))
        self.head = ConvNorm(stages[-1].channels, HEAD, 1)
        self.classifier = nn.Linear(HEAD, classes) if classes else nn.Identity()

    def features(self, images: Tensor) -> Tensor:
        """The mean of each map of the head, (N, 1,280), 0 to 6."""
        pixels = (images.to(self.head.conv.weight.dtype) - MEAN).div_(STD)
        maps: Tensor = self.head(self.blocks(self.stem(pixels.contiguous(memory_format=torch.channels_last))))
        return maps.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(images))
        return scores

    def fold(self) -> "EfficientNetLite":
        """Fold every batch normalisation into its convolution, for evaluation only; returns itself."""
        for part in self.modules():
            if isinstance(part, ConvNorm):
                part.fold()
        return self.to(memory_format=torch.channels_last)


def _blocks(stages: tuple[Stage, ...], inputs: int) -> Iterator[tuple[str, MBConv]]:
    for number, (stage, stride) in enumerate(each_block(stages), start=1):
        yield f"block{number}", MBConv(inputs, stage.channels, stage.expansion, stage.kernel, stride)
        inputs = stage.channels


def block_modules(architecture: Architecture, channels: int) -> list[tuple[str, nn.Module]]:
    """The named modules of a network with stages: stem, blocks, head; He's initial weights (of each map's outputs, as published)."""
    stem = ConvNorm(channels, architecture.stem, 3, stride=2)
    head = ConvNorm(architecture.stages[-1].channels, architecture.head, 1)
    modules: list[tuple[str, nn.Module]] = [("stem", stem), *_blocks(architecture.stages, architecture.stem), ("head", head)]
    for _, module in modules:
        _initialise(module)
    return modules


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and not part.weight.is_meta:
            fan_out = part.kernel_size[0] ** 2 * part.out_channels // part.groups
            nn.init.normal_(part.weight, 0.0, (2.0 / fan_out) ** 0.5)


def feature_macs(stages: tuple[Stage, ...] = LITE0, image_size: int = IMAGE_SIZE) -> int:
    """Multiply-accumulates of one image up to the features."""
    table = replace(EFFICIENTNET_LITE0, stages=stages)
    return sum(layer.macs for layer in trace(table, classes=1, channels=3, image_size=image_size)[:-1])
