"""EfficientNet-Lite0: seven stages of inverted residual blocks, one row each, between a stem and a head of fixed width.

Source: Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (ICML 2019, arXiv 1905.11946), table 1. The
Lite form for phones (Google, 2020) has ReLU6 in place of Swish, no squeeze-and-excitation, and a stem and head that are not scaled.

As trained in TensorFlow: pixels minus 127 over 128; images padded by "same", which adds the odd zero at the bottom and right; batch
normalisation with epsilon 0.001 and momentum 0.99, which PyTorch writes 0.01.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGE_SIZE, STORED_SIZE = 224, 256  # px: the centre of an image whose short side has 256
MEAN, STD = 127.0, 128.0  # of pixels from 0 to 255, in each channel
EPSILON, MOMENTUM = 1e-3, 0.01  # of batch normalisation


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the paper's table: `layers` blocks of MBConv`expansion`, the first of which has the stride."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    layers: int


STEM, HEAD, CLASSES = 32, 1_280, 1_000
LITE0 = (
    #     MBConv kernel stride channels layers     input
    Stage(1, 3, 1, 16, 1),  # 112 x 112
    Stage(6, 3, 2, 24, 2),  # 112 x 112
    Stage(6, 5, 2, 40, 2),  # 56 x 56
    Stage(6, 3, 2, 80, 3),  # 28 x 28
    Stage(6, 5, 1, 112, 3),  # 14 x 14
    Stage(6, 5, 2, 192, 4),  # 14 x 14
    Stage(6, 3, 1, 320, 1),  # 7 x 7
)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: ceil(side / stride) positions per side, the odd zero at the bottom and right.

    With a kernel of 1 it is computed as a matrix product over channels, which is faster on channels_last images.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        if self.kernel_size == (1, 1):
            return _over_channels(images, self.weight.flatten(1), self.bias)
        if self.stride == (1, 1):
            return super().forward(images)  # an odd kernel: as many zeros on every side
        top, bottom = _same(images.shape[-2], self.kernel_size[0], self.stride[0])
        left, right = _same(images.shape[-1], self.kernel_size[1], self.stride[1])
        return super().forward(functional.pad(images, (left, right, top, bottom)))


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
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
        self.blocks = nn.Sequential(*_blocks(stages))
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


def _blocks(stages: tuple[Stage, ...]) -> list[MBConv]:
    blocks, inputs = [], STEM
    for stage in stages:
        for layer in range(stage.layers):
            blocks.append(MBConv(inputs, stage.channels, stage.expansion, stage.kernel, stage.stride if layer == 0 else 1))
            inputs = stage.channels
    return blocks


def feature_macs(stages: tuple[Stage, ...] = LITE0, image_size: int = IMAGE_SIZE) -> int:
    """Multiply-accumulates of one image up to the features."""
    side = -(-image_size // 2)
    macs, inputs = side**2 * 9 * 3 * STEM, STEM
    for stage in stages:
        for layer in range(stage.layers):
            inside, stride = inputs * stage.expansion, stage.stride if layer == 0 else 1
            macs += side**2 * inputs * inside * (stage.expansion > 1)
            side = -(-side // stride)
            macs += side**2 * inside * (stage.kernel**2 + stage.channels)
            inputs = stage.channels
    return macs + side**2 * inputs * HEAD
