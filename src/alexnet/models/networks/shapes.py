"""The arithmetic of a network without building it: every layer's output, parameters and multiply-accumulates.

`alexnet summary` prints the result of `trace`, which refuses image sizes that a network cannot take.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from alexnet.errors import BadModel, ImageSizeTooSmall
from alexnet.models.networks.architecture import Architecture, Conv, Mixing, Stage

MAX_IMAGE_SIZE = 4096  # pixels per side


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the layer table; `output` is (maps, height, width) or (units,)."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    macs: int  # multiply-accumulates per image; 1 MAC = 2 FLOP


def margins(architecture: Architecture, image_size: int) -> tuple[int, int]:
    """Zeros around the image before the first layer: (left and top, right and bottom), in pixels."""
    if architecture.window_hangs_over:
        first = architecture.convs[0]
        return 0, -(image_size + 2 * first.padding - first.kernel) % first.stride
    missing = max(0, architecture.canvas - image_size)
    return missing // 2, missing - missing // 2


def trace(architecture: Architecture, *, classes: int, channels: int, image_size: int) -> tuple[Layer, ...]:
    """Every layer of the network, first to last.

    Raises ImageSizeTooSmall, with the arithmetic, if a map shrinks to nothing.
    """
    _check_counts(architecture, classes, channels, image_size)
    layers: list[Layer] = []
    side = image_size + sum(margins(architecture, image_size))
    for conv in architecture.convs:
        side = _window(architecture, image_size, side, conv.name, conv.kernel, conv.stride, conv.padding, ceil=False)
        layers.append(_conv_layer(conv, channels, side))
        channels = conv.channels
        for step in steps_after(architecture, conv):
            if step == "pool":
                side = _pooled(architecture, image_size, side, conv)
            layers.append(_step_layer(architecture, conv, step, side))
    if architecture.borrowed:
        from alexnet.models.networks.borrowed.body import rows_of  # PyTorch, which no table of ours needs

        rows, units = rows_of(architecture.name, channels=channels, image_size=image_size)
        return (*(Layer(*row) for row in rows), *_full_layers(architecture, units, classes))
    if architecture.stages:
        blocks, side = _block_layers(architecture, channels, side)
        layers, channels = [*layers, *blocks], architecture.head
    if architecture.mixing is not None:
        layers, channels = _mixing_layers(architecture, architecture.mixing, channels, image_size, side), architecture.mixing.channels
    if architecture.grid:
        side = architecture.grid
        layers.append(Layer(architecture.grid_pooling, "pool", (channels, side, side), 0, 0))
    layers.extend(_full_layers(architecture, channels * side * side, classes))
    return tuple(layers)


def each_block(stages: tuple[Stage, ...]) -> Iterator[tuple[Stage, int]]:
    """Each block as (its stage, its own stride)."""
    for stage in stages:
        for number in range(stage.layers):
            yield stage, stage.stride if number == 0 else 1


def _block_layers(architecture: Architecture, channels: int, side: int) -> tuple[list[Layer], int]:
    """Stem, blocks and head, one row each, and the side of the last maps; "same" padding leaves ceil(side / stride) positions."""
    side, stem = -(-side // 2), architecture.stem
    layers = [_normed("stem", "convolution", (stem, side, side), 9 * channels * stem, 2 * stem)]
    channels = stem
    for number, (stage, stride) in enumerate(each_block(architecture.stages), start=1):
        inside, before = channels * stage.expansion, side
        side = -(-side // stride)
        expand = channels * inside if stage.expansion > 1 else 0
        rest = inside * (stage.kernel**2 + stage.channels)
        norms = 2 * (inside * (2 if expand else 1) + stage.channels)
        macs = before**2 * expand + side**2 * rest
        layers.append(Layer(f"block{number}", "inverted residual", (stage.channels, side, side), expand + rest + norms, macs))
        channels = stage.channels
    layers.append(_normed("head", "convolution", (architecture.head, side, side), channels * architecture.head, 2 * architecture.head))
    return layers, side


def _mixing_layers(architecture: Architecture, mixing: Mixing, channels: int, image_size: int, side: int) -> list[Layer]:
    """Patches, mixer layers and the last norm, one row each. A layer norm has a factor and an addend per channel."""
    side = _window(architecture, image_size, side, "patches", mixing.patch, mixing.patch, 0, ceil=False)
    positions, units, output = side**2, mixing.channels, (mixing.channels, side, side)
    inputs = channels * mixing.patch**2
    over_patches, over_channels = 2 * positions * mixing.patch_units, 2 * units * mixing.channel_units
    biases = mixing.patch_units + positions + mixing.channel_units + units
    parameters = over_patches + over_channels + biases + 4 * units
    macs = units * over_patches + positions * over_channels
    mixers = [Layer(f"mixer{number}", "mixer", output, parameters, macs) for number in range(1, mixing.layers + 1)]
    first = Layer("patches", "convolution", output, units * (inputs + 1), positions * units * inputs)
    return [first, *mixers, Layer("norm", "norm", output, 2 * units, 0)]


def _normed(name: str, kind: str, output: tuple[int, int, int], weights: int, norm: int) -> Layer:
    """A convolution without a bias and its batch norm."""
    return Layer(name, kind, output, weights + norm, output[1] * output[2] * weights)


def feature_side(layers: tuple[Layer, ...]) -> int:
    """Height (= width) of the maps that the first fully connected layer sees."""
    return [layer.output[1] for layer in layers if len(layer.output) == 3][-1]


def steps_after(architecture: Architecture, conv: Conv) -> list[str]:
    """The steps after a convolution, in order: of "norm", "activation", "pool", "dropout" and "batchnorm"."""
    norm = ["norm"] if conv.norm and architecture.norm != "none" else []
    pool = ["pool"] if conv.pool else []
    drop = ["dropout"] if conv.pool and architecture.dropout_place == "convolutions" and architecture.dropout else []
    if architecture.batch_norm:
        batch_norm = ["batchnorm"] if conv.batch_norm else []
        if architecture.batch_norm_place == "after-activation":
            return ["activation", *pool, *batch_norm, *norm, *drop]
        return [*pool, *batch_norm, "activation", *norm, *drop]
    if architecture.norm_place == "before-activation":
        return [*norm, "activation", *pool, *drop]
    if architecture.norm_place == "after-pool":
        return ["activation", *pool, *norm, *drop]
    return ["activation", *norm, *pool, *drop]


def trains_bias(architecture: Architecture, conv: Conv) -> bool:
    """Whether the bias of a convolution is trained. That of a whitening layer is not if batch norm follows, which would remove it."""
    return not conv.whitens or "batchnorm" not in steps_after(architecture, conv)


def _check_counts(architecture: Architecture, classes: int, channels: int, image_size: int) -> None:
    if classes < 1:
        raise BadModel(f"A classifier needs at least 1 class; classes is {classes}.")
    if channels not in (1, 3):
        raise BadModel(f"channels is {channels}; it must be 1 (gray) or 3 (RGB).")
    if not 1 <= image_size <= MAX_IMAGE_SIZE:
        raise BadModel(f"image size is {image_size}; it must be a side in pixels, from 1 to {MAX_IMAGE_SIZE:,}.")


def _window(
    architecture: Architecture, image_size: int, side: int, name: str, kernel: int, stride: int, padding: int, *, ceil: bool
) -> int:
    span = side + 2 * padding - kernel
    if span < 0:
        raise ImageSizeTooSmall(
            f"{image_size}x{image_size} pictures are too small: {name} gets {side}x{side}"
            f"{f' with {padding} of padding' if padding else ''}, less than its {kernel}x{kernel} window. {_advice(architecture)}"
        )
    positions = math.ceil(span / stride) if ceil else span // stride
    if ceil and positions * stride >= side + padding:
        positions -= 1  # a window must start inside the map
    return positions + 1


def _advice(architecture: Architecture) -> str:
    designed = f"{architecture.name} is designed for {architecture.image_size}x{architecture.image_size}"
    return f"{designed}; alexnet-cifar takes 32x32." if architecture.image_size > 64 else f"{designed}."


def _pooled(architecture: Architecture, image_size: int, side: int, conv: Conv) -> int:
    name = f"pool{conv.name.removeprefix('conv')}"
    kernel, stride = architecture.pool_kernel, architecture.pool_stride
    ceil = architecture.pool_ceil and conv.pool != "strided-convolution"  # a convolution's windows do not extend past the border
    return _window(architecture, image_size, side, name, kernel, stride, 0, ceil=ceil)


def _conv_layer(conv: Conv, channels_in: int, side: int) -> Layer:
    weights_of_a_channel = channels_in // conv.towers * conv.kernel**2
    copies = 1 if conv.shared else side * side
    parameters = copies * conv.channels * (weights_of_a_channel + 1)
    macs = conv.channels * side * side * weights_of_a_channel
    kind = "convolution" if conv.shared else "local"
    return Layer(conv.name, kind, (conv.channels, side, side), parameters, macs)


def _step_layer(architecture: Architecture, conv: Conv, step: str, side: int) -> Layer:
    number = conv.name.removeprefix("conv").removeprefix("local")
    output = (conv.channels, side, side)
    if step == "activation":
        return Layer(f"{architecture.activation}{number}", "activation", output, 0, 0)
    if step == "pool" and conv.pool == "strided-convolution":
        weights = conv.channels // conv.towers * architecture.pool_kernel**2
        return Layer(f"pool{number}", "convolution", output, conv.channels * (weights + 1), conv.channels * side * side * weights)
    return Layer(f"{step}{number}", step, output, 2 * conv.channels if step == "batchnorm" else 0, 0)


def _full_layers(architecture: Architecture, units_in: int, classes: int) -> list[Layer]:
    layers = []
    widths = [(full.name, full.units) for full in architecture.hidden] + [(last_name(architecture), classes)]
    for name, units in widths:
        layers.append(Layer(name, "fully connected", (units,), units * (units_in + 1), units * units_in))
        units_in = units
    return layers


def last_name(architecture: Architecture) -> str:
    """The name of the layer that computes the scores, one after the table's last: fc8 for AlexNet."""
    if architecture.blocks or architecture.borrowed:
        return "fc"
    return f"fc{len(architecture.convs) + len(architecture.hidden) + 1}"
