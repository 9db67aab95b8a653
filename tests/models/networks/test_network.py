"""What every network of the catalogue promises, and the scores at every position of larger images."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_sample_image
from torch import Tensor

from alexnet.errors import BadModel
from alexnet.models.networks.architecture import Architecture, Initialisation, NetworkChoices, vary
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES

LARGE = 64  # pixels: above it, a network is tested narrow


def narrow(name: str) -> Architecture:
    """The architecture with so few maps that a test is quick."""
    architecture = ARCHITECTURES[name]
    width = 1 / 16 if architecture.image_size > LARGE else None
    scheme: Initialisation | None = (
        "he" if architecture.initialisation == "table" else None
    )  # at N(0, .01) and so few maps nothing comes through
    return vary(architecture, NetworkChoices(width=width, initialisation=scheme))


def photographs(height: int, width: int, count: int) -> Tensor:
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    return torch.stack([photo[:, 11 * i : 11 * i + height, 40 * i : 40 * i + width] for i in range(count)])


def behind_the_seam(architecture: Architecture, *, classes: int, channels: int = 3, image_size: int | None = None) -> NetworkModel:
    torch.manual_seed(0)
    network = Network(architecture, classes=classes, channels=channels, image_size=image_size or architecture.image_size)
    mean = (120.0, 118.0, 110.0)[:channels]
    return NetworkModel(network, Normalise(mean, (60.0,) * channels)).eval()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_keeps_the_contract(name: str, classes: int, channels: int, tmp_path: Path) -> None:
    architecture = narrow(name)
    model = behind_the_seam(architecture, classes=classes, channels=channels)
    images = photographs(model.image_size, model.image_size, 3)
    scores = model(images)
    assert scores.dtype == torch.float32
    assert scores.shape == (3, classes)
    assert torch.isfinite(scores).all()

    torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 1])).backward()
    for parameter_name, parameter in model.network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert (parameter.grad != 0).any(), parameter_name

    save_file(model.network.state_dict(), tmp_path / "weights.safetensors")
    torch.manual_seed(1)
    again = Network(architecture, classes=classes, channels=channels, image_size=model.image_size)
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(NetworkModel(again, model.normalise).eval()(images), scores)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_last_layer_is_trained_however_many_are_fixed(name: str) -> None:
    network = behind_the_seam(narrow(name), classes=2).network
    network.fix(10_000)
    trained = {parameter_name.split(".")[1] for parameter_name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained == {list(dict(network.classifier.named_children()))[-1]}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_a_whitening_layer_is_fixed(name: str) -> None:
    network = behind_the_seam(narrow(name), classes=2).network
    fixed = {parameter_name for parameter_name, parameter in network.named_parameters() if not parameter.requires_grad}
    kinds = {"alexnet-cifar-fast": ("weight", "bias"), "convnet-small": ("weight",)}.get(name, ())  # batch norm would remove the bias
    assert fixed == {f"features.conv1.{kind}" for kind in kinds}


@pytest.mark.parametrize(
    "name",
    ["alexnet", "alexnet-owt", "alexnet-d2l", "lenet", "alexnet-cifar-26", "alexnet-cifar-18", "convnet-small", "efficientnet-lite0"],
)
@pytest.mark.parametrize("image_size", [None, 128])
def test_dense_scores_at_the_networks_own_size_are_its_scores(name: str, image_size: int | None) -> None:
    if image_size is not None and name.startswith(("lenet", "alexnet-cifar", "convnet")):
        image_size = 40
    model = behind_the_seam(narrow(name), classes=5, image_size=image_size).double()
    images = photographs(model.image_size, model.image_size, 2)
    dense = model.dense_scores(images)
    assert dense.shape == (2, 5, 1, 1)
    torch.testing.assert_close(dense[:, :, 0, 0], model(images), rtol=1e-9, atol=1e-10)


def without_padding(name: str) -> Architecture:
    architecture = narrow(name)
    convs = tuple(replace(conv, padding=0) for conv in architecture.convs)
    return replace(architecture, convs=convs, window_hangs_over=False, canvas=0, pool_ceil=False, norm_place="before-pool")


@pytest.mark.parametrize(
    ("name", "size", "stride", "height", "width"),
    [("lenet", 32, 4, 44, 53), ("alexnet", 227, 32, 260, 322), ("alexnet-d2l", 227, 32, 291, 240), ("alexnet-cifar-26", 52, 8, 77, 60)],
)
def test_dense_scores_are_the_crops_scores_at_every_position(name: str, size: int, stride: int, height: int, width: int) -> None:
    model = behind_the_seam(without_padding(name), classes=4, image_size=size).double()
    images = photographs(height, width, 2)
    dense = model.dense_scores(images)
    assert dense.shape == (2, 4, (height - size) // stride + 1, (width - size) // stride + 1)
    for row in range(dense.shape[2]):
        for column in range(dense.shape[3]):
            top, left = row * stride, column * stride
            crop = images[:, :, top : top + size, left : left + size]
            torch.testing.assert_close(dense[:, :, row, column], model(crop), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["alexnet", "alexnet-owt", "alexnet-d2l"])
def test_dense_scores_of_the_padded_networks_come_at_every_32_pixels(name: str) -> None:
    model = behind_the_seam(narrow(name), classes=4)
    assert model.dense_scores(photographs(256, 288, 1)).shape == (1, 4, 2, 3)


def test_positions_of_a_uniform_image_agree_away_from_the_border() -> None:
    model = behind_the_seam(narrow("alexnet-owt"), classes=4).double()
    dense = model.dense_scores(torch.full((1, 3, 640, 640), 90, dtype=torch.uint8))
    inner = dense[:, :, 5:-5, 5:-5]
    torch.testing.assert_close(inner, inner[:, :, :1, :1].expand_as(inner), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["alexnet-cifar", "alexnet-cifar-13"])
def test_local_layers_refuse_other_sizes(name: str) -> None:
    model = behind_the_seam(narrow(name), classes=3)
    with pytest.raises(BadModel, match=rf"{name} has local layers, which fit only one picture size; use --views centre or ten"):
        model.dense_scores(photographs(48, 48, 1))


@pytest.mark.parametrize("name", ["alexnet", "alexnet-cifar", "lenet", "convnet-small"])
def test_scores_in_bf16_are_those_of_float64_to_its_precision(name: str) -> None:
    model = behind_the_seam(narrow(name), classes=5)
    images = photographs(model.image_size, model.image_size, 2)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = model(images)
    assert reduced.dtype == torch.float32
    exact = model.double()(images)
    assert (reduced - exact).abs().max() < 0.05 * exact.abs().max() + 0.01


def test_a_gelu_is_not_moved_past_a_pooling() -> None:
    """It falls before it rises, so the largest of its values is not its value of the largest."""
    architecture = vary(narrow("alexnet-owt"), NetworkChoices(activation="gelu"))
    model = behind_the_seam(architecture, classes=3).double()
    images = model.prepared(photographs(224, 224, 1))
    first = model.network.features[0](images)
    expected = torch.nn.functional.max_pool2d(torch.nn.functional.gelu(first), 3, 2)
    torch.testing.assert_close(model.network.features[:3](images), expected, rtol=1e-12, atol=1e-12)
    swapped = torch.nn.functional.gelu(torch.nn.functional.max_pool2d(first, 3, 2))
    assert (swapped - expected).abs().max() > 1e-3


def test_the_order_of_pooling_and_a_rising_nonlinearity_does_not_matter() -> None:
    model = behind_the_seam(narrow("alexnet-owt"), classes=3).double()
    images = model.prepared(photographs(224, 224, 1))
    features = dict(model.network.features.named_children())
    channels = images
    for name, follows in (("0", True), ("3", True), ("6", False), ("8", False), ("10", True)):  # as torchvision has them
        channels = torch.relu(features[name](channels))
        channels = torch.nn.functional.max_pool2d(channels, 3, 2) if follows else channels
    torch.testing.assert_close(model.network.features(images), channels, rtol=1e-12, atol=1e-12)
