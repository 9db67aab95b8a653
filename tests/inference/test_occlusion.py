"""The occlusion map against a model whose reasons are known, against Captum, and on models of every kind."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from alexnet.errors import AlexNetError
from alexnet.inference.classifier import Classifier, load
from alexnet.inference.occluded import starts
from alexnet.inference.occlusion import occlusion_map
from alexnet.models.image_model import ImageModel

SIDE = 28


class Corner(ImageModel):
    """Two classes by the brightness of the top left 4 x 4 pixels."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.image_size, self.classes = size, 2

    def forward(self, images: Tensor) -> Tensor:
        brightness = images[:, :, :4, :4].float().mean(dim=(1, 2, 3)) / 255
        return torch.stack([brightness, 1 - brightness], dim=1)

    def learned(self) -> dict[str, Tensor]:
        return {}


@pytest.fixture
def corner(digits_run: Path) -> Classifier:
    return Classifier(Corner(SIDE), load(digits_run).model_card, device="cpu")


def bright_corner(side: int, margin: int = 0) -> Tensor:
    image = torch.zeros(3, side, side, dtype=torch.uint8)
    image[:, margin : margin + 4, margin : margin + 4] = 255
    return image


def test_only_the_corner_matters(corner: Classifier) -> None:
    found = occlusion_map(corner, bright_corner(SIDE))
    assert found.dtype == torch.float32
    assert found.shape == (SIDE, SIDE)
    assert not found[6:].any()
    assert not found[:, 6:].any()
    colour = round(255 * 16 / SIDE**2) / 255  # what the corner becomes: the image's mean
    score = torch.tensor([1.0, 0.0]).softmax(0)[0]
    covered = torch.tensor([colour, 1 - colour]).softmax(0)[0]
    assert float(found[0, 0]) == pytest.approx(float(score - covered), abs=1e-6)


def test_the_other_class_gains(corner: Classifier) -> None:
    first, second = (occlusion_map(corner, bright_corner(SIDE), number) for number in (0, 1))
    torch.testing.assert_close(first, -second)
    torch.testing.assert_close(first, occlusion_map(corner, bright_corner(SIDE)))  # by default the most likely class


def test_a_margin_that_the_model_does_not_see_is_zero(corner: Classifier) -> None:
    framed = occlusion_map(corner, bright_corner(SIDE + 8, margin=4))
    torch.testing.assert_close(framed[4:-4, 4:-4], occlusion_map(corner, bright_corner(SIDE)))
    assert float(framed.abs().sum()) == pytest.approx(float(framed[4:-4, 4:-4].abs().sum()))


def test_the_patches_reach_every_pixel() -> None:
    assert starts(28, 4, 2) == list(range(0, 25, 2))
    assert starts(30, 4, 4) == [0, 4, 8, 12, 16, 20, 24, 26]  # the last is flush with the border
    assert starts(8, 8, 4) == [0]


def test_it_agrees_with_captum(digits_run: Path, digits_folder: Path) -> None:
    from captum.attr import Occlusion
    from PIL import Image

    from alexnet.inference.decoding import decoded
    from alexnet.inference.inputs import pending_image

    classifier = load(digits_run, device="cpu")
    image = classifier.fitted(decoded(pending_image(Image.open(digits_folder / "3" / "0003.png"), 1)))
    colour = image.float().mean(dim=(1, 2)).round().view(1, 3, 1, 1)
    theirs = Occlusion(lambda pixels: classifier.probabilities(pixels.to(torch.uint8))).attribute(
        image[None].float(), target=3, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 2), baselines=colour
    )
    ours = occlusion_map(classifier, image, 3)
    assert float(ours.abs().max()) > 0.01
    torch.testing.assert_close(ours, theirs[0, 0].float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_index": 2}, "class_index is 2, but the model has 2 classes, from 0 to 1."),
        ({"class_index": -1}, "class_index is -1; it must be a whole number, at least 0."),
        ({"patch": 0.0}, "patch is 0.0; it is a share"),
        ({"stride": 1.5}, "stride is 1.5; it is a share"),
        ({"stride": 0.5}, "more than the patch's"),
    ],
)
def test_impossible_arguments(corner: Classifier, change: dict[str, float], message: str) -> None:
    with pytest.raises(AlexNetError, match=message):
        occlusion_map(corner, bright_corner(SIDE), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(("image", "message"), [(torch.zeros(3, 28, 28), "it must be uint8"), (bright_corner(20), "has 20 px, less")])
def test_an_unsuitable_image(corner: Classifier, image: Tensor, message: str) -> None:
    with pytest.raises(AlexNetError, match=message):
        occlusion_map(corner, image)
