"""The published counts and map sizes, from the arithmetic and from the network that torch builds."""

import pytest
import torch
from torch import Tensor, nn

from alexnet.errors import BadModel, ImageSizeTooSmall
from alexnet.models.networks.architecture import Architecture, NetworkChoices, vary
from alexnet.models.networks.network import Network, count_parameters
from alexnet.models.networks.shapes import Layer, feature_side, margins, trace
from alexnet.models.registry import ARCHITECTURES

ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU)  # may run after a max pooling instead of before it: the same maps
WITHOUT_FC7 = vary(ARCHITECTURES["alexnet"], NetworkChoices(fully_connected=1))
PUBLISHED = [
    # architecture, channels, image size, classes, parameters, multiply-accumulates, of the convolutions, of the fc layers
    (ARCHITECTURES["alexnet"], 3, 224, 1000, 60_965_224, 724_406_816, 2_334_080, 58_631_144),
    (ARCHITECTURES["alexnet"], 3, 224, 10, 56_909_194, 720_351_776, 2_334_080, None),
    (ARCHITECTURES["alexnet-one-tower"], 3, 224, 1000, 62_378_344, 1_135_256_096, 3_747_200, 58_631_144),
    (vary(ARCHITECTURES["alexnet"], NetworkChoices(towers=1)), 3, 224, 1000, 62_378_344, 1_135_256_096, 3_747_200, 58_631_144),
    (WITHOUT_FC7, 3, 224, 1000, 44_183_912, 707_629_600, 2_334_080, None),
    (ARCHITECTURES["alexnet-owt"], 3, 224, 1000, 61_100_840, 714_188_480, 2_469_696, 58_631_144),
    (ARCHITECTURES["alexnet-d2l"], 1, 224, 10, 46_764_746, 938_146_176, 3_723_968, 43_040_778),
    (ARCHITECTURES["alexnet-d2l"], 3, 224, 10, 46_787_978, 1_005_890_688, None, 43_040_778),
    (ARCHITECTURES["alexnet-d2l"], 3, 224, 1000, 50_844_008, 1_009_945_728, None, None),
    (ARCHITECTURES["lenet"], 1, 28, 10, 61_706, 416_520, 2_572, 59_134),
    (ARCHITECTURES["lenet"], 3, 32, 10, 62_006, 651_720, None, 59_134),
    (ARCHITECTURES["alexnet-cifar-26"], 3, 32, 10, 145_578, 12_354_176, None, None),
]
ROWS = "architecture, channels, image_size, classes, parameters, macs, conv_parameters, fc_parameters"
IDS = [f"{row[0].name}-{row[1]}x{row[2]}-{row[3]}-{row[4]}" for row in PUBLISHED]

MAPS = {  # side of the maps after each convolution and pooling
    ("alexnet", 224): [55, 27, 27, 13, 13, 13, 13, 6],
    ("alexnet", 227): [55, 27, 27, 13, 13, 13, 13, 6],
    ("alexnet-one-tower", 224): [55, 27, 27, 13, 13, 13, 13, 6],
    ("alexnet-owt", 224): [55, 27, 27, 13, 13, 13, 13, 6],
    ("alexnet-d2l", 224): [54, 26, 26, 12, 12, 12, 12, 5],
    ("lenet", 28): [28, 14, 10, 5],
    ("lenet", 32): [28, 14, 10, 5],
    ("alexnet-cifar", 32): [32, 16, 16, 8, 8, 8],
    ("alexnet-cifar", 24): [24, 12, 12, 6, 6, 6],
    ("alexnet-cifar-13", 32): [32, 16, 16, 8, 8, 8],
    ("alexnet-cifar-18", 32): [32, 16, 16, 8, 8, 4],
    ("alexnet-cifar-26", 32): [32, 16, 16, 8, 8, 4],
    ("convnet-small", 32): [31, 31, 15, 15, 15, 7, 7, 7, 3, 3],
}


def on_meta(architecture: Architecture, channels: int, image_size: int, classes: int) -> Network:
    """The network that torch builds, without memory for its numbers."""
    with torch.device("meta"):
        return Network(architecture, classes=classes, channels=channels, image_size=image_size).eval()


def total(layers: tuple[Layer, ...], *kinds: str) -> int:
    return sum(layer.parameters for layer in layers if layer.kind in kinds)


@pytest.mark.parametrize(ROWS, PUBLISHED, ids=IDS)
def test_counts_are_the_published_ones(
    architecture: Architecture,
    channels: int,
    image_size: int,
    classes: int,
    parameters: int,
    macs: int,
    conv_parameters: int | None,
    fc_parameters: int | None,
) -> None:
    layers = trace(architecture, classes=classes, channels=channels, image_size=image_size)
    assert sum(layer.parameters for layer in layers) == parameters
    assert sum(layer.macs for layer in layers) == macs
    assert conv_parameters in (None, total(layers, "convolution", "local"))
    assert fc_parameters in (None, total(layers, "fully connected"))
    assert count_parameters(on_meta(architecture, channels, image_size, classes)) == parameters


def test_the_lectures_ratios_are_ours_and_not_its_own() -> None:
    def numbers(name: str, channels: int, size: int, classes: int) -> tuple[int, int]:
        layers = trace(ARCHITECTURES[name], classes=classes, channels=channels, image_size=size)
        return sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)

    lecture, lenet, published = numbers("alexnet-d2l", 3, 224, 10), numbers("lenet", 1, 28, 10), numbers("alexnet", 3, 224, 1000)
    assert round(lecture[0] / lenet[0]) == 758
    assert round(published[0] / lenet[0]) == 988
    assert round(lecture[1] / lenet[1]) == 2415


@pytest.mark.parametrize(("name", "image_size"), MAPS)
def test_map_sizes_are_the_published_ones(name: str, image_size: int) -> None:
    layers = trace(ARCHITECTURES[name], classes=10, channels=3, image_size=image_size)
    sides = [layer.output[1] for layer in layers if layer.kind in ("convolution", "local", "pool") and layer.name not in ("average", "max")]
    assert sides == MAPS[name, image_size]


@pytest.mark.parametrize("image_size", [None, 67, 97, 128, 160, 227, 256])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torch_computes_the_sizes_that_the_arithmetic_says(name: str, image_size: int | None) -> None:
    architecture = ARCHITECTURES[name]
    side = image_size or architecture.image_size
    network = on_meta(architecture, 3, side, 7)
    seen: list[tuple[int, ...]] = []

    def watch(module: nn.Module, inputs: object, output: Tensor) -> None:
        seen.append(tuple(output.shape[1:]))

    watched = [*network.features, *([network.avgpool] if architecture.grid else []), *network.classifier]
    for module in (module for module in watched if not isinstance(module, (*ACTIVATIONS, nn.Dropout))):
        module.register_forward_hook(watch)
    scores = network(torch.empty(2, 3, side, side, device="meta"))
    layers = trace(architecture, classes=7, channels=3, image_size=side)
    assert scores.shape == (2, 7)
    assert seen == [layer.output for layer in layers if layer.kind != "activation"]
    assert sum(weight.numel() for weight in network.parameters()) == sum(layer.parameters for layer in layers)


@pytest.mark.parametrize("image_size", [96, 131, 224, 227, 255])
def test_the_last_window_hangs_over_as_in_the_2012_program(image_size: int) -> None:
    before, after = margins(ARCHITECTURES["alexnet"], image_size)
    positions = -(-(image_size - 11) // 4) + 1  # cuda-convnet: 1 + ceil((size - window) / stride)
    assert before == 0
    assert 0 <= after < 4
    assert trace(ARCHITECTURES["alexnet"], classes=2, channels=3, image_size=image_size)[0].output[1] == positions


def test_224_is_padded_to_227_and_227_is_not() -> None:
    assert margins(ARCHITECTURES["alexnet"], 224) == (0, 3)
    assert margins(ARCHITECTURES["alexnet"], 227) == (0, 0)
    assert margins(ARCHITECTURES["lenet"], 28) == (2, 2)
    assert margins(ARCHITECTURES["lenet"], 29) == (1, 2)
    assert margins(ARCHITECTURES["lenet"], 32) == margins(ARCHITECTURES["lenet"], 40) == (0, 0)


@pytest.mark.parametrize(
    ("name", "image_size", "arithmetic"),
    [
        ("alexnet", 32, "32x32 pictures are too small: pool5 gets 1x1, less than its 3x3 window"),  # 35: 7, 3, 3, 1
        ("alexnet", 8, "8x8 pictures are too small: pool1 gets 1x1, less than its 3x3 window"),
        ("alexnet-owt", 4, "4x4 pictures are too small: conv1 gets 4x4 with 2 of padding, less than its 11x11 window"),
        ("alexnet-d2l", 32, "32x32 pictures are too small: pool2 gets 2x2, less than its 3x3 window"),
        ("alexnet-cifar", 4, "4x4 pictures are too small: pool2 gets 2x2, less than its 3x3 window"),
    ],
)
def test_a_image_that_is_too_small_is_refused_with_the_arithmetic(name: str, image_size: int, arithmetic: str) -> None:
    with pytest.raises(ImageSizeTooSmall) as refusal:
        trace(ARCHITECTURES[name], classes=10, channels=3, image_size=image_size)
    assert arithmetic in str(refusal.value)
    made_for = ARCHITECTURES[name].image_size
    assert f"{name} is designed for {made_for}x{made_for}" in str(refusal.value)
    assert ("alexnet-cifar takes 32x32" in str(refusal.value)) == (made_for > 64)


@pytest.mark.parametrize("sides", [range(1, 72, 7), pytest.param(range(1, 72), marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_size_is_either_refused_or_runs(name: str, sides: range) -> None:
    architecture = ARCHITECTURES[name]
    for side in sides:
        try:
            layers = trace(architecture, classes=3, channels=1, image_size=side)
        except ImageSizeTooSmall:
            continue
        assert not architecture.convs or feature_side(layers) >= 1
        network = on_meta(architecture, 1, side, 3)
        assert network(torch.empty(1, 1, side, side, device="meta")).shape == (1, 3)


@pytest.mark.parametrize(
    ("classes", "channels", "image_size", "value"),
    [(0, 3, 224, "classes is 0"), (10, 2, 224, "channels is 2"), (10, 3, 0, "image size is 0"), (10, 3, 5000, "image size is 5000")],
)
def test_impossible_counts_are_refused_by_value(classes: int, channels: int, image_size: int, value: str) -> None:
    with pytest.raises(BadModel, match=value):
        trace(ARCHITECTURES["alexnet"], classes=classes, channels=channels, image_size=image_size)
