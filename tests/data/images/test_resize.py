"""Images of any size from 1 x 1, and of any shape, become what a network takes, within bounds."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.images.resize import LONGEST_ASPECT, fit_short_side, fit_square, fit_whole

SIDES = st.one_of(st.integers(1, 40), st.sampled_from([255, 256, 1000, 20_000, 65_500]))


@given(SIDES, st.integers(1, 40), st.booleans(), st.sampled_from([1, 4, 32]))
def test_any_size(long: int, short: int, upright: bool, size: int) -> None:
    image = torch.full((3, long, short) if upright else (3, short, long), 7, dtype=torch.uint8)
    for fitted in (fit_square(image, size, "crop"), fit_square(image, size, "squash")):
        assert fitted.shape == (3, size, size)
        assert bool((fitted == 7).all())
    whole = fit_whole(image, size)
    assert min(whole.shape[-2:]) == size
    assert max(whole.shape[-2:]) <= LONGEST_ASPECT * size
    assert bool((whole == 7).all())
    if max(long, short) <= LONGEST_ASPECT * min(long, short):
        assert torch.equal(whole, fit_short_side(image, size))


def test_of_a_thin_image_the_centre_is_seen() -> None:
    image = torch.zeros(3, 1, 65_500, dtype=torch.uint8)
    image[..., 32_746:32_754] = 9
    assert fit_whole(image, 256).shape == (3, 256, 2_048)
    assert bool((fit_whole(image, 256) == 9).all())
    assert fit_whole(image.transpose(1, 2), 256).shape == (3, 2_048, 256)
