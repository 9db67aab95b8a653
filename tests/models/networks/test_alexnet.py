"""The 2012 network's two towers and hanging windows; torchvision's network to the last bit."""

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn import functional

from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES


def photograph(side: int) -> Tensor:
    photo = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
    return photo[None, :, 100 : 100 + side, 150 : 150 + side].double() - 110


def alexnet(image_size: int = 224, **choices: object) -> Network:
    torch.manual_seed(0)
    chosen = NetworkChoices(width=1 / 16, initialisation="he", **choices)  # type: ignore[arg-type]  # fields by name
    return Network(vary(ARCHITECTURES["alexnet"], chosen), classes=3, channels=3, image_size=image_size).double().eval()


def module(network: Network, name: str) -> nn.Module:
    return dict(network.features.named_children())[name]


def up_to(network: Network, last: str, images: Tensor) -> Tensor:
    for name, step in network.features.named_children():
        images = step(images)
        if name == last:
            return images
    raise AssertionError(last)


def test_alexnet_owt_is_torchvisions_in_names_and_scores(torchvision_alexnet: nn.Module) -> None:
    theirs = torchvision_alexnet
    with torch.device("meta"):
        ours = Network(ARCHITECTURES["alexnet-owt"], classes=3, channels=3, image_size=224).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), assign=True)
    images = photograph(224).float() / 60
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-6)
        smaller = images[:, :, :160, :160]
        torch.testing.assert_close(ours(smaller), theirs(smaller), rtol=1e-5, atol=1e-6)


def test_torchvisions_dropout_comes_before_fc6_and_fc7(torchvision_alexnet: nn.Module) -> None:
    theirs = [type(step).__name__ for step in torchvision_alexnet.get_submodule("classifier").children()]
    with torch.device("meta"):
        ours = Network(ARCHITECTURES["alexnet-owt"], classes=2, channels=3, image_size=224)
        published = Network(ARCHITECTURES["alexnet"], classes=2, channels=3, image_size=224)
    assert [type(step).__name__ for step in ours.classifier] == theirs
    assert [name for name, _ in published.classifier.named_children()] == "fc6 relu6 dropout6 fc7 relu7 dropout7 fc8".split()


def test_the_2012_table_is_the_papers() -> None:
    convs = ARCHITECTURES["alexnet"].convs
    assert [(conv.channels, conv.kernel, conv.stride, conv.padding) for conv in convs] == [
        (96, 11, 4, 0),
        (256, 5, 1, 2),
        (384, 3, 1, 1),
        (384, 3, 1, 1),
        (256, 3, 1, 1),
    ]
    assert [conv.towers for conv in convs] == [1, 2, 1, 2, 2]
    assert [conv.pool for conv in convs] == ["max", "max", None, None, "max"]
    assert [conv.norm for conv in convs] == [True, True, False, False, False]


@pytest.mark.parametrize("name", ["conv2", "conv4", "conv5"])
def test_a_convolution_in_groups_is_two_towers_side_by_side(name: str) -> None:
    layer = module(alexnet(), name)
    assert isinstance(layer, nn.Conv2d)
    generator = torch.Generator().manual_seed(1)
    channels = torch.randn(2, layer.in_channels, 7, 7, generator=generator, dtype=torch.float64)
    inputs, weights = channels.chunk(2, 1), layer.weight.chunk(2)
    assert layer.bias is not None
    biases = layer.bias.chunk(2)
    towers = [functional.conv2d(x, w, b, layer.stride, layer.padding) for x, w, b in zip(inputs, weights, biases, strict=True)]
    torch.testing.assert_close(layer(channels), torch.cat(towers, 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("talk", "conv3_sees_both"), [(True, True), (None, True), (False, False)])
def test_conv3_sees_both_towers_unless_they_do_not_talk(talk: bool | None, conv3_sees_both: bool) -> None:
    network = alexnet(towers_talk=talk)
    seen: list[Tensor] = []
    module(network, "conv1").register_forward_hook(lambda layer, inputs, output: seen.append(output))
    images = photograph(227)
    for after, sees_both in (("conv2", False), ("conv3", conv3_sees_both)):
        seen.clear()
        channels = up_to(network, after, images)
        first_tower = channels[:, : channels.shape[1] // 2]
        (gradient,) = torch.autograd.grad(first_tower.square().sum(), seen[0])
        own, other = gradient.chunk(2, 1)
        assert (own != 0).any()
        assert (other != 0).any() == sees_both, after


def test_the_whole_norm_stays_inside_its_tower() -> None:
    network = alexnet()
    channels = up_to(network, "relu1", photograph(227))
    norm, half = module(network, "norm1"), channels.shape[1] // 2
    louder = torch.cat([channels[:, :half], 100 * channels[:, half:]], 1)
    assert torch.equal(norm(channels)[:, :half], norm(louder)[:, :half])


def test_224_images_get_three_zeros_right_and_bottom() -> None:
    images = photograph(224)
    network = alexnet(224)
    by_hand = torch.zeros(1, 3, 227, 227, dtype=torch.float64)
    by_hand[:, :, :224, :224] = images
    assert torch.equal(network(images), network(by_hand))
    assert torch.equal(network.framed(images), by_hand)
    assert torch.equal(network.framed(by_hand), by_hand)
    assert network.features(by_hand).shape[-1] == 6


def test_zeros_are_the_mean_image_since_the_mean_is_taken_off_before() -> None:
    images = photograph(224)
    conv1 = module(alexnet(), "conv1")
    assert isinstance(conv1, nn.Conv2d)
    hanging = alexnet().framed(images)[:, :, -11:, -11:]
    inside = functional.conv2d(images[:, :, -8:, -8:], conv1.weight[:, :, :8, :8], conv1.bias)
    torch.testing.assert_close(conv1(hanging), inside, rtol=1e-10, atol=1e-10)
