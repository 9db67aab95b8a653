"""The lecture's LeNet against the same network written out."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES


def written_out() -> nn.Sequential:
    return nn.Sequential(  # Dive into Deep Learning, section 7.6
        nn.Conv2d(1, 6, kernel_size=5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


def digits() -> Tensor:
    pixels = torch.from_numpy(load_digits().images[:8])[:, None] / 16
    return nn.functional.interpolate(pixels, (28, 28), mode="bilinear").double()


def test_scores_and_gradients_equal_the_lectures() -> None:
    torch.manual_seed(0)
    theirs = written_out().double()
    ours = Network(ARCHITECTURES["lenet"], classes=10, channels=1, image_size=28).double()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    torch.testing.assert_close(ours(digits()), theirs(digits()), rtol=1e-12, atol=1e-12)
    labels = torch.arange(8)
    for network in (ours, theirs):
        nn.functional.cross_entropy(network(digits()), labels).backward()
    for mine, lectures in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, lectures.grad, rtol=1e-10, atol=1e-14)


def test_layers_carry_the_names_of_the_table() -> None:
    network = Network(ARCHITECTURES["lenet"], classes=10, channels=1, image_size=28)
    assert [name for name, _ in network.features.named_children()] == "conv1 sigmoid1 pool1 conv2 sigmoid2 pool2".split()
    assert [name for name, _ in network.classifier.named_children()] == "fc3 sigmoid3 fc4 sigmoid4 fc5".split()


@pytest.mark.parametrize("image_size", [28, 30, 32])
def test_images_up_to_32_pixels_get_zeros_all_around(image_size: int) -> None:
    network = Network(ARCHITECTURES["lenet"], classes=10, channels=1, image_size=image_size)
    framed = network.framed(torch.ones(1, 1, image_size, image_size))
    assert framed.shape[-2:] == (32, 32)
    assert framed.sum() == image_size**2
    margin = (32 - image_size) // 2
    assert (framed[:, :, margin : margin + image_size, margin : margin + image_size] == 1).all()
