"""The weights before training, by their statistics, and what they do to the signal of real images."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits, load_sample_image
from torch import Tensor, nn

from alexnet.models.networks.architecture import Initialisation, NetworkChoices, vary
from alexnet.models.networks.data_dependent_init import calibrate, whitening_filters
from alexnet.models.networks.init import GAIN
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES


def weighted(name: str = "alexnet", scheme: Initialisation | None = None, **choices: object) -> dict[str, nn.Conv2d | nn.Linear]:
    torch.manual_seed(0)
    chosen = NetworkChoices(initialisation=scheme, hidden_units=512, **choices)  # type: ignore[arg-type]  # fields by name
    network = Network(vary(ARCHITECTURES[name], chosen), classes=10, channels=3, image_size=96)
    layers = [*network.features.named_children(), *network.classifier.named_children()]
    return {name: layer for name, layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear))}


def sample(layer: nn.Conv2d | nn.Linear) -> Tensor:
    return layer.weight.detach().flatten()[:20_000]


def bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias.detach()


@pytest.mark.parametrize("scheme", ["table", "program-2012"])
def test_weights_are_normal_and_some_biases_one_as_in_2012(scheme: Initialisation) -> None:
    for name, layer in weighted(scheme=scheme).items():
        std = 0.03 if scheme == "program-2012" and name in ("conv3", "conv4", "conv5") else 0.01
        assert stats.kstest(sample(layer).double().numpy(), stats.norm(0, std).cdf).pvalue > 1e-3, name
        assert (bias(layer) == (1.0 if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.0)).all(), name


@pytest.mark.parametrize(("activation", "gain"), [("relu", math.sqrt(2)), ("tanh", 5 / 3), ("gelu", 1.5335)])
def test_he_keeps_the_variance(activation: str, gain: float) -> None:
    for name, layer in weighted(scheme="he", activation=activation).items():
        inputs = layer.weight[0].numel()
        assert stats.kstest(sample(layer).double().numpy(), stats.norm(0, gain / math.sqrt(inputs)).cdf).pvalue > 1e-3, name
        assert (bias(layer) == 0).all()


def test_the_gain_of_gelu_keeps_the_mean_square_of_a_normal_signal() -> None:
    places, weights = np.polynomial.hermite_e.hermegauss(100)  # nodes for integrals over exp(-x^2 / 2)
    outputs = torch.nn.functional.gelu(torch.from_numpy(places)).numpy()
    mean_square = (weights * outputs**2).sum() / weights.sum()
    assert GAIN["gelu"] ** 2 * mean_square == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("scheme", ["xavier", "pytorch"])
def test_uniform_weights_reach_their_bounds_and_no_further(scheme: Initialisation) -> None:
    for name, layer in weighted(scheme=scheme).items():
        inputs, outputs = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        bound = math.sqrt(6 / (inputs + outputs)) if scheme == "xavier" else 1 / math.sqrt(inputs)
        assert stats.kstest(sample(layer).double().numpy(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3, name
        assert layer.weight.abs().max() <= bound * (1 + 1e-6)
        assert (bias(layer) == 0).all() if scheme == "xavier" else (0 < bias(layer).abs().max() <= bound)


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    def conv1(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return Network(ARCHITECTURES["lenet"], classes=3, channels=3, image_size=32).get_parameter("features.conv1.weight")

    assert torch.equal(conv1(3), conv1(3))
    assert not torch.equal(conv1(3), conv1(4))


def photographs() -> Tensor:
    photos = [torch.from_numpy(load_sample_image(name).copy()).permute(2, 0, 1) for name in ("china.jpg", "flower.jpg")]
    return torch.stack([photo[:, 90 * i : 90 * i + 224, 200 * i : 200 * i + 224] for photo in photos for i in range(3)])


def spread_of_scores(scheme: Initialisation, std: float) -> float:
    """How far the scores of different photographs lie apart, before any training."""
    torch.manual_seed(0)
    architecture = vary(ARCHITECTURES["alexnet"], NetworkChoices(initialisation=scheme, hidden_units=512))
    network = Network(architecture, classes=10, channels=3, image_size=224)
    model = NetworkModel(network, Normalise((120.0, 120.0, 120.0), (std, std, std))).eval()
    with torch.inference_mode():
        return float(model(photographs()).std(0).mean())


def test_the_papers_weights_need_the_papers_range_of_pixels() -> None:
    alive, dead, he = spread_of_scores("table", 1.0), spread_of_scores("table", 60.0), spread_of_scores("he", 60.0)
    assert alive > 20 * dead
    assert dead < 1e-3  # ten classes sit at ln(10)
    assert he > 1e-2


def test_calibrated_layers_give_a_mean_square_of_one_and_white_patches() -> None:
    pixels = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    images = torch.stack([pixels[:, 20 * i : 20 * i + 32, 30 * i : 30 * i + 32] for i in range(18)])
    torch.manual_seed(0)
    network = Network(ARCHITECTURES["alexnet-cifar-fast"], classes=10, channels=3, image_size=32)
    model = NetworkModel(network, Normalise((120.0, 120.0, 120.0), (60.0, 60.0, 60.0))).eval()
    squares: dict[str, float] = {}

    def watch(name: str) -> object:
        def note(layer: nn.Module, inputs: object, output: Tensor) -> None:
            squares[name] = output.square().mean().item()

        return note

    for name, layer in network.features.named_children():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(watch(name))  # type: ignore[arg-type]  # Tensor, not Any
    calibrate(model, images)
    model(images)
    assert squares == pytest.approx(dict.fromkeys(("conv1", "conv2", "conv3", "conv4", "conv5"), 1.0), rel=1e-3)


def test_whitening_filters_answer_digits_without_correlation() -> None:
    channels = torch.from_numpy(load_digits().images[:200]).float()[:, None] - 5
    layer = nn.Conv2d(1, 8, 3)
    filters = whitening_filters(channels, layer, 0.05)
    assert torch.equal(filters[:4], -filters[4:])
    answers = torch.nn.functional.conv2d(channels, filters[:4]).transpose(0, 1).flatten(1)
    moments = answers @ answers.T / answers.shape[1]
    torch.testing.assert_close(moments, torch.diag(moments.diagonal()), rtol=0, atol=1e-3)
    assert (moments.diagonal() > 0.8).all()
    assert (moments.diagonal() <= 1.001).all()


@pytest.mark.slow
def test_whitening_of_gray_images_sees_no_rounding() -> None:
    """Gray images in three channels have no colours to whiten: a filter on them would amplify bf16's rounding, and train on it."""
    gray = torch.from_numpy(load_digits().images[:256] * 15.9).to(torch.uint8)[:, None]
    images = torch.nn.functional.interpolate(gray, size=(32, 32)).expand(-1, 3, -1, -1)
    torch.manual_seed(0)
    network = Network(ARCHITECTURES["alexnet-cifar-fast"], classes=10, channels=3, image_size=32)
    model = NetworkModel(network, Normalise((80.0, 80.0, 80.0), (90.0, 90.0, 90.0))).eval()
    calibrate(model, images)
    pixels = model.prepared(images)
    first = network.features.get_submodule("conv1")
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rounded = first(pixels).float()
    with torch.no_grad():
        exact = first(pixels)
    spread = exact.transpose(0, 1).flatten(1).std(1)
    error = (rounded - exact).transpose(0, 1).flatten(1).square().mean(1).sqrt()
    assert (error < 0.05 * spread).all()
