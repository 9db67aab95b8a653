"""EfficientNet-Lite0 against the same network as plain operations, the paper's count of parameters, and its own layers' work."""

from collections.abc import Iterator

import pytest
import torch
from tests.models.weights.published_lite import plain_scores, random_weights
from torch import Tensor, nn

from alexnet.models.networks.efficientnet import EFFICIENTNET_LITE0, LITE0, MEAN, STD
from alexnet.models.networks.efficientnet_lite import EfficientNetLite, feature_macs
from alexnet.models.networks.network import Network
from alexnet.models.networks.shapes import trace
from alexnet.models.weights.efficientnet_lite import network_name, our_name
from alexnet.models.weights.load import load_weights
from alexnet.runtime.device import one_torch_thread


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    with one_torch_thread():  # of images as small as these, several would spend longer waiting than working
        yield


def network() -> EfficientNetLite:
    """With random weights, in double precision, for evaluation."""
    built = EfficientNetLite()
    load_weights(built, {our_name(name): tensor for name, tensor in random_weights().items()}, last="")
    return built.double().eval()


def images(side: int) -> Tensor:
    return torch.randint(0, 256, (1, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(side))


def test_it_has_the_published_number_of_parameters() -> None:
    assert sum(weight.numel() for weight in EfficientNetLite().parameters()) == 4_652_008
    assert sum(stage.layers for stage in LITE0) == 16


def test_the_network_that_is_trained_is_the_one_whose_features_are_frozen() -> None:
    trained = Network(EFFICIENTNET_LITE0, classes=1_000, channels=3, image_size=32).double().eval()
    weights = {network_name(name): tensor.double() for name, tensor in network().state_dict().items()}
    trained.load_state_dict(weights)
    pixels = (images(32).double() - MEAN) / STD
    with torch.inference_mode():
        torch.testing.assert_close(trained(pixels), network()(images(32)), rtol=1e-10, atol=1e-10)


def test_its_table_counts_what_the_modules_have() -> None:
    layers = trace(EFFICIENTNET_LITE0, classes=1_000, channels=3, image_size=224)
    assert sum(layer.parameters for layer in layers) == 4_652_008
    assert sum(layer.macs for layer in layers) == feature_macs() + 1_280_000
    assert [layer.output for layer in layers[:4]] == [(32, 112, 112), (16, 112, 112), (24, 56, 56), (24, 56, 56)]
    assert layers[-3].output == (1_280, 7, 7)


@pytest.mark.parametrize("side", [32, 31, 23])  # sides that leave one zero for the right, two, or one on each side
def test_scores_are_those_of_the_plain_network(side: int) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(network()(images(side)), plain_scores(random_weights(), images(side)), rtol=1e-10, atol=1e-10)


def test_folded_it_is_the_same_function_without_batch_normalisation() -> None:
    with torch.inference_mode():
        expected, folded = network()(images(32)), network().fold()
        torch.testing.assert_close(folded(images(32)), expected, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(folded.fold()(images(32)), expected, rtol=1e-10, atol=1e-10)  # a second time changes nothing
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())


def test_one_step_for_convolution_and_relu_is_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = network().float().fold()
    with torch.inference_mode():
        fused = folded(images(64))
        monkeypatch.setattr("alexnet.models.networks.efficientnet_lite.FUSED", None)
        torch.testing.assert_close(fused, folded(images(64)), rtol=1e-4, atol=1e-4)


def test_images_are_not_changed() -> None:
    pixels = images(32).double()
    before = pixels.clone()
    with torch.inference_mode():
        network()(pixels)
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("side", [32, 23])
def test_multiply_accumulates_are_those_of_the_convolutions(side: int) -> None:
    built, counted = EfficientNetLite(classes=0).eval(), 0

    def count(conv: nn.Module, _: tuple[Tensor, ...], maps: Tensor) -> None:
        nonlocal counted
        assert isinstance(conv, nn.Conv2d)
        counted += maps[0, 0].numel() * conv.weight.numel()

    for part in built.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(count)
    with torch.inference_mode():
        built(images(side))
    assert feature_macs(image_size=side) == counted
    assert feature_macs() == 383_907_552
