"""The authors' networks for small images against the same networks written out."""

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn import functional

from alexnet.models.networks.layers import LocalConv2d
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES


def images() -> Tensor:
    photo = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
    return torch.stack([photo[:, 60 * i : 60 * i + 32, 90 * i : 90 * i + 32] for i in range(5)]).double() - 120


def built(name: str) -> Network:
    torch.manual_seed(0)
    network = Network(ARCHITECTURES[name], classes=10, channels=3, image_size=32).double().eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0.0, 0.05)
    return network


def written_out(name: str, network: Network, x: Tensor) -> Tensor:
    w = network.state_dict()

    def conv(x: Tensor, layer: str) -> Tensor:
        return functional.conv2d(x, w[f"features.{layer}.weight"], w[f"features.{layer}.bias"], padding=2)

    def across(x: Tensor) -> Tensor:
        return functional.local_response_norm(x, 9, alpha=1e-3, beta=0.75, k=1.0)

    def same_map(x: Tensor) -> Tensor:
        return x / (1 + 5e-5 * functional.avg_pool2d(x.square(), 3, 1, 1)) ** 0.75

    def largest(x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 3, 2, ceil_mode=True)

    def mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 3, 2, ceil_mode=True)

    norm = {"alexnet-cifar": across, "alexnet-cifar-18": same_map}.get(name, nn.Identity())
    x = norm(largest(torch.relu(conv(x, "conv1"))))
    if name in ("alexnet-cifar", "alexnet-cifar-13"):
        x = norm(largest(torch.relu(conv(x, "conv2"))))
        for layer in (network.features.local3, network.features.local4):
            assert isinstance(layer, LocalConv2d)
            x = torch.relu(layer(x))
        return functional.linear(x.flatten(1), w["classifier.fc5.weight"], w["classifier.fc5.bias"])
    x = mean(torch.relu(conv(norm(mean(torch.relu(conv(x, "conv2")))), "conv3"))).flatten(1)
    if name == "alexnet-cifar-26":
        x = torch.relu(functional.linear(x, w["classifier.fc4.weight"], w["classifier.fc4.bias"]))
        return functional.linear(x, w["classifier.fc5.weight"], w["classifier.fc5.bias"])
    return functional.linear(x, w["classifier.fc4.weight"], w["classifier.fc4.bias"])


@pytest.mark.parametrize("name", ["alexnet-cifar", "alexnet-cifar-13", "alexnet-cifar-18", "alexnet-cifar-26"])
def test_scores_equal_the_network_written_out(name: str) -> None:
    network = built(name)
    torch.testing.assert_close(network(images()), written_out(name, network, images()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "stds"),
    [
        ("alexnet-cifar", {"conv1": 1e-4, "conv2": 0.01, "local3": 0.04, "local4": 0.04}),
        ("alexnet-cifar-13", {"conv1": 1e-4, "conv2": 0.01, "local3": 0.04, "local4": 0.04}),
        ("alexnet-cifar-18", {"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01}),
        ("alexnet-cifar-26", {"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01}),
    ],
)
def test_weights_start_as_the_authors_have_them(name: str, stds: dict[str, float]) -> None:
    torch.manual_seed(0)
    state = Network(ARCHITECTURES[name], classes=10, channels=3, image_size=32).state_dict()
    for layer, std in stds.items():
        weight = state[f"features.{layer}.weight"]
        assert weight.std().item() == pytest.approx(std, rel=4 / weight.numel() ** 0.5)
        assert (state[f"features.{layer}.bias"] == 0).all()


def test_a_local_layers_weights_are_its_own_at_each_position() -> None:
    network = built("alexnet-cifar")
    local3 = network.features.local3
    assert isinstance(local3, LocalConv2d)
    assert local3.weight.shape == (8 * 8, 3 * 3 * 64, 64)
    assert local3.weight.numel() + local3.bias.numel() == 8 * 8 * 64 * (64 * 3 * 3 + 1)
