"""Local colour statistics against numpy's mean and standard deviation, on photos and on one colour."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_images
from torch import Tensor

from alexnet.models.handcrafted.colour import LocalColour

PHOTOS = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]


def crops(size: int) -> Tensor:
    """(4, 3, size, size): two places of each of scikit-learn's two photos."""
    return torch.stack([photo[:, top : top + size, 3 * top : 3 * top + size] for photo in PHOTOS for top in (20, 100)])


@pytest.mark.parametrize(("size", "bin_size", "step"), [(24, 4, 4), (40, 6, 4), (34, 3, 2), (64, 16, 1)])
def test_equals_numpys_mean_and_standard_deviation(size: int, bin_size: int, step: int) -> None:
    images, colour = crops(size), LocalColour(size, bin_size=bin_size, step=step)
    found = colour(images)
    assert found.dtype == torch.float32
    assert found.shape == (4, len(colour.centres), 96)
    cells = found.view(4, -1, 16, 2, 3).numpy()
    pixels = images.numpy().astype(np.float64) / 255 - 0.5
    for place, (x, y) in enumerate((colour.centres.double() * size).numpy()):
        for cell in range(16):
            top, left = round(y) + (cell // 4 - 2) * bin_size, round(x) + (cell % 4 - 2) * bin_size
            assert max(abs(round(y) - y), abs(round(x) - x)) < 1e-3  # sizes at which cells hold whole pixels
            patch = pixels[:, :, top : top + bin_size, left : left + bin_size]
            np.testing.assert_allclose(cells[:, place, cell, 0], patch.mean((2, 3)), atol=1e-6)
            np.testing.assert_allclose(cells[:, place, cell, 1], patch.std((2, 3)), atol=1.1e-3)  # FLAT's root


@settings(max_examples=40)
@given(level=st.tuples(*[st.integers(0, 255)] * 3), bin_size=st.integers(1, 20), more=st.integers(0, 9), double=st.booleans())
def test_one_colour_has_no_spread(level: tuple[int, int, int], bin_size: int, more: int, double: bool) -> None:
    size = 4 * bin_size + more
    colour = LocalColour(size, bin_size=bin_size, step=3)
    found = (colour.double() if double else colour)(torch.tensor(level, dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, size, size))
    mean, spread = found.view(-1, 16, 2, 3).unbind(2)
    assert (spread == 0).all()
    torch.testing.assert_close(mean.double(), (torch.tensor(level).double() / 255 - 0.5).expand_as(mean), rtol=0, atol=1e-6)


@pytest.mark.parametrize("bin_size", [2, 5, 12])
def test_a_cell_half_of_which_is_one_level_brighter_has_a_spread(bin_size: int) -> None:
    size = 4 * bin_size
    image = torch.full((1, 3, size, size), 254, dtype=torch.uint8)
    image[..., bin_size // 2 : bin_size] += 1
    spread = LocalColour(size, bin_size=bin_size, step=1)(image)[0, 0].view(4, 4, 2, 3)[:, :, 1]
    bright = (bin_size - bin_size // 2) / bin_size
    expected = (bright * (1 - bright)) ** 0.5 / 255
    torch.testing.assert_close(spread[:, 0], torch.full((4, 3), expected), rtol=0.05, atol=0)
    assert (spread[:, 1:] == 0).all()


def test_single_precision_is_double_to_a_quarter_of_a_level() -> None:
    colour = LocalColour(48, bin_size=6, step=4)
    torch.testing.assert_close(colour(crops(48)).double(), colour.double()(crops(48)), rtol=0, atol=1.1e-3)
