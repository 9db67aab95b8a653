import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor

from alexnet.errors import BadModel
from alexnet.models.image_model import ImageModel
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES


def photographs() -> Tensor:
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    return torch.stack([photo[:, :32, :32], photo[:, 200:232, 300:332]])


def test_the_mean_goes_off_and_the_rest_is_divided_channel_by_channel() -> None:
    mean, std = (120.5, 118.25, 110.0), (60.0, 1.0, 2.0)
    prepared = Normalise(mean, std)(photographs())
    assert prepared.dtype == torch.float32
    for channel in range(3):
        by_hand = (photographs()[:, channel].double() - mean[channel]) / std[channel]
        torch.testing.assert_close(prepared[:, channel].double(), by_hand, rtol=1e-6, atol=1e-4)


def test_std_one_keeps_the_papers_range() -> None:
    prepared = Normalise((100.0, 100.0, 100.0), (1.0, 1.0, 1.0))(torch.tensor([0, 255]).view(2, 1, 1, 1).expand(2, 3, 1, 1).byte())
    assert prepared.flatten(1)[:, 0].tolist() == [-100.0, 155.0]


def test_gray_is_pillows_gray() -> None:
    images = photographs()
    prepared = Normalise((0.0,), (1.0,))(images)
    assert prepared.shape == (2, 1, 32, 32)
    for image, gray in zip(images, prepared, strict=True):
        pillow = np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))
        assert np.abs(gray[0].numpy() - pillow).max() < 1.0  # Pillow rounds


def test_the_images_themselves_stay_as_they_are() -> None:
    images = photographs()
    Normalise((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))(images)
    assert torch.equal(images, photographs())


@pytest.mark.parametrize(
    ("mean", "std"), [((1.0,), (1.0, 1.0)), ((1.0, 2.0), (1.0, 1.0)), ((1.0,), (0.0,)), ((0.0, 0.0, 0.0), (1.0, -1.0, 1.0))]
)
def test_numbers_that_make_no_preprocessing_are_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(BadModel, match="both need 1 or 3 numbers, std above 0"):
        Normalise(mean, std)


def test_a_model_carries_its_numbers_and_its_sizes() -> None:
    torch.manual_seed(0)
    network = Network(ARCHITECTURES["lenet"], classes=4, channels=1, image_size=32)
    model = NetworkModel(network, Normalise((120.0,), (60.0,))).eval()
    assert (model.image_size, model.classes) == (32, 4)
    gray = (photographs().double() * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(model(photographs()), network(((gray - 120) / 60).float()), rtol=1e-4, atol=1e-5)
    assert all(not key.startswith("normalise") for key in model.state_dict())
    assert model.double()(photographs()).dtype == torch.float64


def test_a_model_that_cannot_take_other_sizes_says_which_it_takes() -> None:
    model = ImageModel()
    model.image_size = 24
    with pytest.raises(BadModel, match="takes 24x24 pictures only; use --views centre or ten"):
        model.dense_scores(photographs())
    with pytest.raises(NotImplementedError):
        model(photographs())
