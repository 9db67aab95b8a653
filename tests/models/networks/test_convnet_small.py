"""The network of 2024 against the same network written out, and against the figures that were published for it."""

import pytest
import torch
from sklearn.datasets import load_digits, load_sample_image
from torch import Tensor, nn
from torch.nn import functional

from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.convnet_small import CONVNET_SMALL
from alexnet.models.networks.data_dependent_init import calibrate
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import trace
from alexnet.models.registry import ARCHITECTURES

PUBLISHED_FLOPS, PUBLISHED_EPOCHS, CIFAR_IMAGES = 3.6e14, 9.9, 50_000  # of a whole training; arXiv 2404.00498, section 1


def photographs(side: int, count: int) -> Tensor:
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    return torch.stack([photo[:, 11 * i : 11 * i + side, 13 * i : 13 * i + side] for i in range(count)])


def built(**choices: object) -> Network:
    torch.manual_seed(0)
    architecture = vary(CONVNET_SMALL, NetworkChoices(**choices))  # type: ignore[arg-type]  # fields by name
    return Network(architecture, classes=10, channels=3, image_size=32)


def model_of(network: Network) -> NetworkModel:
    return NetworkModel(network, Normalise((120.0, 118.0, 110.0), (60.0, 61.0, 62.0)))


def written_out(network: Network, x: Tensor) -> Tensor:
    w = network.state_dict()

    def conv(x: Tensor, number: int, padding: int = 1) -> Tensor:
        return functional.conv2d(x, w[f"features.conv{number}.weight"], w[f"features.conv{number}.bias"], padding=padding)

    def norm(x: Tensor, number: int) -> Tensor:
        shift, scale = w[f"features.batchnorm{number}.bias"], w[f"features.batchnorm{number}.weight"]
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
        normalised: Tensor = (x - mean) / (variance + 1e-5).sqrt() * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)
        return normalised

    def gelu(x: Tensor) -> Tensor:
        return x * (1 + torch.erf(x / 2**0.5)) / 2

    x = gelu(conv(x, 1, padding=0))
    for first in (2, 4, 6):
        x = gelu(norm(functional.max_pool2d(conv(x, first), 2), first))
        x = gelu(norm(conv(x, first + 1), first + 1))
    return functional.linear(x.amax((2, 3)), w["classifier.fc8.weight"], w["classifier.fc8.bias"])


def test_scores_equal_the_network_written_out() -> None:
    network = built().double().train()
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0.0, 0.1)
    images = (photographs(32, 6).double() - 120) / 60
    torch.testing.assert_close(network(images), written_out(network, images), rtol=1e-9, atol=1e-9)


def test_a_training_takes_the_published_operations() -> None:
    layers = trace(CONVNET_SMALL, classes=10, channels=3, image_size=32)
    forward_and_backward = 2 * 3 * sum(layer.macs for layer in layers)
    assert forward_and_backward * PUBLISHED_EPOCHS * CIFAR_IMAGES == pytest.approx(PUBLISHED_FLOPS, rel=0.05)
    assert [layer.output[1] for layer in layers if layer.kind in ("convolution", "pool", "max")] == [31, 31, 15, 15, 15, 7, 7, 7, 3, 3, 1]


def test_no_batch_norm_follows_the_whitening_layer_whose_bias_is_trained() -> None:
    names = [name for name, _ in built().features.named_children()]
    assert names[:6] == ["conv1", "gelu1", "conv2", "pool2", "batchnorm2", "gelu2"]
    fixed = [name for name, parameter in built().named_parameters() if not parameter.requires_grad]
    assert fixed == ["features.conv1.weight"]


def test_convolutions_pass_their_input_on_at_first() -> None:
    features = built().features
    for number in (2, 3, 4, 5, 6, 7):
        layer = features.get_submodule(f"conv{number}")
        assert isinstance(layer, nn.Conv2d)
        images = torch.randn(2, layer.in_channels, 5, 5)
        torch.testing.assert_close(layer(images)[:, : layer.in_channels], images)
        rest = layer.weight[layer.in_channels :].detach()
        if len(rest):
            assert rest.std().item() == pytest.approx((27 * layer.in_channels) ** -0.5, rel=0.02)  # uniform: 1 / sqrt(3 x inputs)
            assert rest.abs().max() <= (9 * layer.in_channels) ** -0.5


def test_each_tower_passes_its_own_inputs_on() -> None:
    torch.manual_seed(0)
    choices = NetworkChoices(initialisation="dirac", width=1 / 8)
    network = Network(vary(ARCHITECTURES["alexnet"], choices), classes=2, channels=3, image_size=96)
    layer = network.features.get_submodule("conv5")
    assert isinstance(layer, nn.Conv2d)
    assert (layer.in_channels, layer.out_channels, layer.groups) == (48, 32, 2)
    images = torch.randn(1, 48, 4, 4)
    torch.testing.assert_close(layer(images), images[:, [*range(16), *range(24, 40)]])


def test_only_the_first_layer_is_set_from_the_images_and_whitens_them() -> None:
    network = built()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    model, images = model_of(network), photographs(32, 25)
    calibrate(model, images)
    changed = [name for name, weight in network.state_dict().items() if not torch.equal(weight, before[name])]
    assert changed == ["features.conv1.weight"]
    with torch.no_grad():
        answers = network.features.get_submodule("conv1")(model.prepared(images)).transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(answers[:12], -answers[12:])
    moments = answers[:12] @ answers[:12].T / answers.shape[1]
    torch.testing.assert_close(moments, torch.diag(moments.diagonal()), rtol=0, atol=1e-3)
    assert (moments.diagonal()[:6] > 0.9).all()
    assert (moments.diagonal() < 1.001).all()


@pytest.mark.parametrize("initialisation", ["he", "xavier"])
def test_a_whitening_layer_whitens_whatever_the_others_start_from(initialisation: str) -> None:
    one, other = built(initialisation=initialisation), built()
    for network in (one, other):
        calibrate(model_of(network), photographs(32, 25))
    assert torch.equal(one.get_parameter("features.conv1.weight"), other.get_parameter("features.conv1.weight"))


def test_gray_images_use_the_filters_that_they_have_directions_for() -> None:
    gray = torch.from_numpy(load_digits().images[:64] * 15).to(torch.uint8)[:, None].expand(-1, 3, -1, -1)
    images = functional.interpolate(gray, size=(32, 32))
    network = built()
    start = network.get_parameter("features.conv1.weight").clone()
    calibrate(NetworkModel(network, Normalise((80.0,) * 3, (90.0,) * 3)), images)
    weight = network.get_parameter("features.conv1.weight")
    assert torch.equal(weight[8:], start[8:])  # 2 x 2 grays have four directions, with two signs each
    assert torch.equal(weight[:4], -weight[4:8])


@pytest.mark.parametrize(("size", "kernel", "stride", "channels", "side"), [(64, 4, 2, 48, 31), (128, 6, 3, 64, 41)])
def test_a_wider_stem_takes_larger_images_to_the_same_trunk(size: int, kernel: int, stride: int, channels: int, side: int) -> None:
    choices = NetworkChoices(first_kernel=kernel, first_stride=stride, first_channels=channels)
    network = Network(vary(CONVNET_SMALL, choices), classes=4, channels=3, image_size=size).eval()
    assert network.layers[0].output == (channels, side, side)
    images = photographs(size, 3)
    model = model_of(network)
    calibrate(model, images)
    assert model(images).shape == (3, 4)
    torch.testing.assert_close(model.dense_scores(images)[:, :, 0, 0], model(images), rtol=1e-4, atol=1e-5)
    assert model.hidden(images).shape == (3, 256)
    assert model.dense_scores(photographs(size + 16, 1)).shape[:2] == (1, 4)
