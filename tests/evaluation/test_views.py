import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

from alexnet.errors import AlexNetError
from alexnet.evaluation.views import View, count_views, shifted_views, ten_views, view_probabilities


class Probe:
    """A scorer whose scores are a linear function of the pixels: a convolution of one window, so it takes any size."""

    def __init__(self, image_size: int = 24, classes: int = 4, steepness: float = 1.0) -> None:
        self.image_size, self.classes = image_size, classes
        generator = torch.Generator().manual_seed(0)
        self.weight = steepness * torch.randn(classes, 3, image_size, image_size, generator=generator) / image_size
        self.seen: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        assert images.shape[-2:] == (self.image_size, self.image_size)
        self.seen.append(images)
        return self.dense_scores(images)[:, :, 0, 0]

    def dense_scores(self, images: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(images.float() / 255, self.weight)


def photographs(side: int, count: int = 5) -> Tensor:
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    return torch.stack([photo[:, 100 + 9 * i : 100 + 9 * i + side, 50 * i : 50 * i + side] for i in range(count)])


def test_the_centre_view_is_the_softmax_of_the_centre_crop() -> None:
    images, probe = photographs(32), Probe()
    expected = torch.softmax(probe(images[:, :, 4:28, 4:28]), dim=1)
    assert torch.equal(view_probabilities(probe, images, "centre", flip=True), expected)


def test_ten_views_are_five_crops_then_their_mirrors() -> None:
    images = photographs(32)
    views = list(ten_views(images, 24, flip=True))
    places = [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)]
    for view, mirror, (top, left) in zip(views[:5], views[5:], places, strict=True):
        crop = images[:, :, top : top + 24, left : left + 24]
        assert torch.equal(view, crop)
        assert torch.equal(mirror, crop.flip(-1))


def test_shifted_views_are_the_centre_and_its_neighbours_on_a_diagonal_then_their_mirrors() -> None:
    images = photographs(32)
    views = list(shifted_views(images, 24, flip=True))
    for view, mirror, start in zip(views[:3], views[3:], (4, 3, 5), strict=True):
        crop = images[:, :, start : start + 24, start : start + 24]
        assert torch.equal(view, crop)
        assert torch.equal(mirror, crop.flip(-1))


def test_borders_are_reflected_where_there_is_nothing_to_shift_in() -> None:
    images = photographs(24)
    centre, higher, lower = shifted_views(images, 24, flip=False)
    assert torch.equal(centre, images)
    assert torch.equal(higher[:, :, 1:, 1:], images[:, :, :-1, :-1])
    assert torch.equal(higher[:, :, 0, 1:], images[:, :, 1, :-1])
    assert torch.equal(lower[:, :, :-1, :-1], images[:, :, 1:, 1:])
    assert torch.equal(lower[:, :, :-1, -1], images[:, :, 1:, -2])


@pytest.mark.parametrize(("flip", "count"), [(True, 6), (False, 3)])
def test_shifted_views_are_averaged(flip: bool, count: int) -> None:
    images, probe = photographs(40), Probe(steepness=20.0)
    averaged = view_probabilities(probe, images, "shifted", flip=flip)
    assert len(probe.seen) == count == count_views(40, 24, "shifted", flip=flip)
    scores = torch.stack([probe(view) for view in shifted_views(images, 24, flip=flip)])
    torch.testing.assert_close(averaged, torch.softmax(scores, dim=2).mean(dim=0))


@pytest.mark.parametrize(
    ("side", "flip", "count"),
    [(32, True, 10), (32, False, 5), (25, True, 10), (24, True, 2), (24, False, 1)],
)
def test_as_many_views_are_seen_as_counted(side: int, flip: bool, count: int) -> None:
    probe = Probe()
    view_probabilities(probe, photographs(side), "ten", flip=flip)
    assert len(probe.seen) == count == count_views(side, 24, "ten", flip=flip)


@pytest.mark.parametrize("view", ["centre", "any"])
def test_other_views_are_one(view: View) -> None:
    assert count_views(32, 24, view, flip=True) == 1


def test_images_of_the_model_s_size_are_seen_straight_and_mirrored() -> None:
    probe, images = Probe(), photographs(24)
    view_probabilities(probe, images, "ten", flip=True)
    assert torch.equal(probe.seen[0], images)
    assert torch.equal(probe.seen[1], images.flip(-1))


def test_softmax_is_averaged_and_not_scores() -> None:
    images, probe = photographs(40), Probe(steepness=20.0)
    scores = torch.stack([probe(view) for view in ten_views(images, 24, flip=True)])
    averaged = view_probabilities(probe, images, "ten", flip=True)
    torch.testing.assert_close(averaged, torch.softmax(scores, dim=2).mean(dim=0))
    assert (averaged - torch.softmax(scores.mean(dim=0), dim=1)).abs().max() > 0.1  # on these images the two differ


def test_any_averages_softmax_over_the_positions_of_the_whole_image() -> None:
    images, probe = photographs(64)[:, :, :30, :47], Probe(steepness=20.0)
    windows = images.unfold(2, 24, 1).unfold(3, 24, 1)  # (N, 3, 7, 24, 24, 24): 7 x 24 positions
    scores = torch.einsum("nchwij,kcij->nhwk", windows.float() / 255, probe.weight)
    expected = torch.softmax(scores, dim=3).mean(dim=(1, 2))
    torch.testing.assert_close(view_probabilities(probe, images, "any", flip=True), expected, rtol=1e-4, atol=1e-5)


def test_any_equals_the_centre_view_at_the_model_s_size() -> None:
    images, probe = photographs(24), Probe()
    torch.testing.assert_close(
        view_probabilities(probe, images, "any", flip=False), view_probabilities(probe, images, "centre", flip=False)
    )


@pytest.mark.parametrize("view", ["centre", "ten", "shifted", "any"])
def test_probabilities_are_float32_and_sum_to_one(view: View) -> None:
    probabilities = view_probabilities(Probe(), photographs(32), view, flip=True)
    assert probabilities.shape == (5, 4)
    assert probabilities.dtype == torch.float32
    np.testing.assert_allclose(probabilities.sum(dim=1).numpy(), 1, rtol=1e-5)


@pytest.mark.parametrize("view", ["centre", "ten", "shifted"])
def test_images_smaller_than_the_model_s_are_refused(view: View) -> None:
    with pytest.raises(AlexNetError, match="image_size = 24"):
        view_probabilities(Probe(), photographs(20), view, flip=True)
