"""MLP-Mixer against equation 1 of its paper, written out in float64, and against what mixing means."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.errors import BadModel, ImageSizeTooSmall
from alexnet.models.networks.architecture import Mixing, NetworkChoices, vary
from alexnet.models.networks.mixer_layers import MixerLayer
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import trace
from alexnet.models.registry import ARCHITECTURES

TABLE = ARCHITECTURES["mlp-mixer"]


def by_the_paper(layer: MixerLayer, table: Tensor) -> Tensor:
    """X (patches, channels): U = X + W2 GELU(W1 norm(X)) column by column, then Y = U + W4 GELU(W3 norm(U)) row by row."""

    def normed(rows: Tensor, norm: nn.LayerNorm) -> Tensor:
        mean, variance = rows.mean(1, keepdim=True), rows.var(1, unbiased=False, keepdim=True)
        return (rows - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias

    def perceptron(rows: Tensor, parts: nn.Sequential) -> Tensor:
        first, last = parts[0], parts[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        return functional.gelu(rows @ first.weight.T + first.bias) @ last.weight.T + last.bias

    mixed = torch.stack([perceptron(column, layer.over_patches) for column in normed(table, layer.before_patches).T]).T + table
    return torch.stack([perceptron(row, layer.over_channels) for row in normed(mixed, layer.before_channels)]) + mixed


def test_a_layer_is_equation_1() -> None:
    torch.manual_seed(0)
    layer = MixerLayer(12, 5, 7, 9).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, 0.3, 0.5)
    maps = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    for image, found in zip(maps, layer(maps), strict=True):
        expected = by_the_paper(layer, image.flatten(1).T).T.reshape(5, 3, 4)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_papers_smallest_network_has_its_parameters() -> None:
    """S/16 on ImageNet: 19 million (table 1); 18,528,264 in timm's mixer_s16_224."""
    published = replace(TABLE, mixing=Mixing(patch=16, channels=512, patch_units=256, channel_units=2048, layers=8))
    assert sum(layer.parameters for layer in trace(published, classes=1000, channels=3, image_size=224)) == 18_528_264


def test_every_position_depends_on_every_patch() -> None:
    torch.manual_seed(0)
    network = Network(vary(TABLE, NetworkChoices(width=0.1)), classes=3, channels=3, image_size=32).double()
    image = torch.randn(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    network.features(image)[0, 0, 7, 7].backward()
    assert image.grad is not None
    assert (functional.avg_pool2d(image.grad.abs(), 4) > 0).all()


@pytest.mark.parametrize(("size", "side"), [(23, 8), (31, 8), (32, 8), (47, 11), (64, 16)])
def test_small_images_are_filled_up_and_what_is_left_of_larger_ones_is_cut_off(size: int, side: int) -> None:
    layers = trace(TABLE, classes=10, channels=3, image_size=size)
    assert layers[0].output == (128, side, side)
    network = Network(vary(TABLE, NetworkChoices(width=0.1)), classes=10, channels=3, image_size=size).eval()
    assert network(torch.zeros(1, 3, size, size)).shape == (1, 10)


def test_what_does_not_apply_is_refused() -> None:
    for choice in ({"pooling": "max"}, {"first_kernel": 3}, {"towers": 1}):
        with pytest.raises(BadModel, match="mlp-mixer has no table of single convolutions"):
            vary(TABLE, NetworkChoices(**choice))
    with pytest.raises(BadModel, match=r"made of blocks that fix it; network\.activation does not apply"):
        vary(TABLE, NetworkChoices(activation="tanh"))
    network = Network(vary(TABLE, NetworkChoices(width=0.1)), classes=3, channels=3, image_size=32)
    with pytest.raises(BadModel, match="mixes as many patches as it was trained with"):
        network.dense(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ImageSizeTooSmall):
        trace(replace(TABLE, canvas=0), classes=3, channels=3, image_size=3)
