"""Images of any size, from one pixel to thin strips, as the views of a model see them."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from alexnet.data.images.resize import fit_short_side, fit_square
from alexnet.data.preprocess import Fit
from alexnet.evaluation.views import VIEWS, View, count_views, view_probabilities

SIDES = st.one_of(st.integers(1, 5), st.integers(1, 70))


class Corner:
    """A model of two classes: how bright the first pixel of what it sees is."""

    image_size, classes = 8, 2

    def __call__(self, images: Tensor, /) -> Tensor:
        assert images.shape[1:] == (3, 8, 8)
        return torch.stack([images[:, 0, 0, 0].float() / 255, torch.zeros(len(images))], dim=1)

    def dense_scores(self, images: Tensor) -> Tensor:
        assert min(images.shape[-2:]) >= 8
        return images[:, :2, :-7:4, :-7:4].float() / 255


@given(height=SIDES, width=SIDES, view=st.sampled_from(VIEWS), how=st.sampled_from(["crop", "squash"]), seed=st.integers(0, 99))
def test_every_size_in_every_view(height: int, width: int, view: View, how: Fit, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)
    fitted = fit_short_side(image, 12) if view == "any" else fit_square(image, 12, how)
    assert fitted.dtype == torch.uint8
    assert min(fitted.shape[-2:]) == 12
    assert image.min() <= fitted.min() <= fitted.max() <= image.max()  # a mean of pixels
    for flip in (False, True):
        probabilities = view_probabilities(Corner(), fitted[None], view, flip=flip)
        assert probabilities.shape == (1, 2)
        torch.testing.assert_close(probabilities.sum(1), torch.ones(1))
        assert count_views(12, 8, view, flip=flip) == {"centre": 1, "ten": 5 + 5 * flip, "shifted": 3 + 3 * flip, "any": 1}[view]


@given(height=SIDES, width=SIDES, level=st.integers(0, 255), size=st.integers(1, 40))
def test_one_colour_stays_itself(height: int, width: int, level: int, size: int) -> None:
    image = torch.full((3, height, width), level, dtype=torch.uint8)
    for fitted in (fit_square(image, size, "crop"), fit_square(image, size, "squash"), fit_short_side(image, size)):
        assert bool((fitted == level).all())


@given(length=st.integers(1, 400), size=st.integers(1, 12))
def test_strips_one_pixel_wide(length: int, size: int) -> None:
    strip = torch.arange(length, dtype=torch.uint8).expand(3, 1, length)
    assert fit_square(strip, size, "crop").shape == fit_square(strip, size, "squash").shape == (3, size, size)
    assert fit_short_side(strip, size).shape == (3, size, size * length)
    assert torch.equal(fit_short_side(strip.transpose(1, 2), size).transpose(1, 2), fit_short_side(strip, size))
