"""Our HOG against scikit-image's, on photos and clothes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_images
from torch import Tensor

from alexnet.data.dataset import Dataset
from alexnet.errors import BadModel, ImageSizeTooSmall
from alexnet.models.handcrafted.hog import HOG, direction_table

PHOTOS = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]


def crops(size: int) -> Tensor:
    """(4, 3, size, size): two places of each of scikit-learn's two photos."""
    return torch.stack([photo[:, top : top + size, top : top + size] for photo in PHOTOS for top in (0, 60)])


@pytest.fixture(scope="module")
def oracle() -> Callable[..., np.ndarray[Any, Any]]:
    hog = pytest.importorskip("skimage.feature").hog

    def rows(images: Tensor, *, cell: int = 8, orientations: int = 9, block: int = 2) -> np.ndarray[Any, Any]:
        options = {"orientations": orientations, "pixels_per_cell": (cell, cell), "cells_per_block": (block, block)}
        arrays = images.permute(0, 2, 3, 1).numpy()
        return np.stack([hog(array, block_norm="L2-Hys", channel_axis=-1, **options) for array in arrays])

    return rows


@pytest.mark.parametrize("size", [16, 32, 33, 47, 96])
@pytest.mark.parametrize(("cell", "orientations", "block"), [(8, 9, 2), (4, 9, 2), (7, 8, 2), (5, 12, 3), (8, 6, 1)])
def test_agrees_with_scikit_image_on_photos(oracle: Any, size: int, cell: int, orientations: int, block: int) -> None:
    if size < cell * block:
        pytest.skip("no block fits")
    images = crops(size)
    expected = oracle(images, cell=cell, orientations=orientations, block=block)
    hog = HOG(size, cell=cell, orientations=orientations, block=block)
    features = hog(images)
    assert features.dtype == torch.float32
    assert features.shape == (4, hog.dimensions) == expected.shape
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(hog.double()(images), expected, rtol=0, atol=2e-7)  # scikit-image sums its histograms in float32


def test_three_equal_channels_are_the_gray_image(oracle: Any) -> None:
    from skimage.feature import hog

    gray = crops(64)[:, 1]
    features = HOG(64)(gray[:, None].expand(-1, 3, -1, -1))
    expected = [hog(array, 9, (8, 8), (2, 2)) for array in gray.numpy()]
    np.testing.assert_allclose(features, np.stack(expected), rtol=0, atol=1e-6)


def test_agrees_on_clothes(fashion_mnist: Dataset, oracle: Any) -> None:
    images = torch.from_numpy(np.stack([fashion_mnist.image(index) for index in range(20)]))
    np.testing.assert_allclose(HOG(28, cell=4)(images), oracle(images, cell=4), rtol=0, atol=1e-6)


def test_of_colours_with_equally_long_gradients_the_first_wins() -> None:
    # (57, -25) and (45, -43) are equally long; rounded hypotenuses differ in the last digit, and there scikit-image takes the second
    image = torch.zeros(3, 3, 3, dtype=torch.uint8)
    image[0, 2, 1], image[0, 1, 0] = 57, 25
    image[1, 2, 1], image[1, 1, 0] = 45, 43
    red = torch.zeros_like(image)
    red[0] = image[0]
    hog = HOG(3, cell=3, block=1)
    assert torch.equal(hog(image[None]), hog(red[None]))


@pytest.mark.slow
@settings(max_examples=200)
@given(dy=st.integers(-255, 255), dx=st.integers(-255, 255), orientations=st.sampled_from([1, 4, 9, 12]))
def test_the_table_turns_with_the_gradient(dy: int, dx: int, orientations: int) -> None:
    table = direction_table(orientations).view(511, 511)
    direction = int(table[dy + 255, dx + 255])
    assert direction == int(np.rad2deg(np.arctan2(dy, dx)) % 180 // (180 / orientations))
    assert direction == table[255 - dy, 255 - dx]  # unsigned: the opposite gradient counts as the same


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(0, 5))
def test_images_do_not_see_each_other(seed: int, batch: int) -> None:
    images = torch.randint(0, 256, (batch, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    hog = HOG(20, cell=5)
    features = hog(images)
    assert features.shape == (batch, hog.dimensions)
    for image, row in zip(images, features, strict=True):
        torch.testing.assert_close(hog(image[None])[0], row)


def test_slices_of_a_batch_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images, hog = crops(32), HOG(32)
    whole = hog(images)
    monkeypatch.setattr("alexnet.models.handcrafted.hog.PIXELS_AT_A_TIME", 3 * 32 * 32)
    torch.testing.assert_close(hog(images), whole)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_image_is_all_zeros(value: int) -> None:
    assert HOG(32)(torch.full((2, 3, 32, 32), value, dtype=torch.uint8)).count_nonzero() == 0


def test_contrast_hardly_matters_and_brightness_not_at_all() -> None:
    image = crops(64) // 4
    hog = HOG(64)
    torch.testing.assert_close(hog(image + 100), hog(image), rtol=0, atol=0)
    torch.testing.assert_close(hog(image * 2), hog(image), rtol=0, atol=1e-5)


def test_nothing_is_stored_with_a_model() -> None:
    assert HOG(32).state_dict() == {}


def test_counts_its_multiply_accumulates() -> None:
    hog = HOG(32)  # 4 x 4 cells, 3 x 3 blocks of 2 x 2 x 9 numbers
    assert hog.dimensions == 3 * 3 * 2 * 2 * 9
    assert hog.macs == 6 * 32 * 32 + 9 * (32 * 32 * 4 + 4 * 32 * 4) + 2 * 324


def test_a_image_without_a_block_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(ImageSizeTooSmall) as error:
        HOG(15)
    assert str(error.value) == (
        "A HOG block of 2x2 cells of 8 px is 2 * 8 = 16 px wide, but the picture 15 px: use --features.cell 7 or a larger --image-size."
    )


@pytest.mark.parametrize("options", [{"cell": 0}, {"block": 0}, {"orientations": 0}, {"orientations": 256}])
def test_impossible_numbers_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(BadModel, match="use cells and blocks of at least 1, and 1 to 255 orientations"):
        HOG(32, **options)
