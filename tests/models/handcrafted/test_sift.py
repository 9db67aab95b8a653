"""Dense SIFT against OpenCV's on photos; its directions, its invariances, and images that show nothing."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_images
from torch import Tensor
from torch.nn import functional

from alexnet.errors import ImageSizeTooSmall
from alexnet.models.handcrafted.grid import Window, smoothing_kernel
from alexnet.models.handcrafted.sift import DenseSIFT, blurred, directions

PHOTOS = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]
NO_BLUR = 0.51  # OpenCV takes an image to be blurred by 0.5 px already, and adds what is missing


def crops(size: int) -> Tensor:
    """(4, 3, size, size): two places of each of scikit-learn's two photos."""
    return torch.stack([photo[:, top : top + size, 3 * top : 3 * top + size] for photo in PHOTOS for top in (20, 100)])


def gray(images: Tensor) -> Tensor:
    """Three equal channels, so that the luma is the pixel itself."""
    return images[:, 1:2].expand(-1, 3, -1, -1).contiguous()


@pytest.fixture(scope="module")
def opencv() -> Any:
    return pytest.importorskip("cv2")


def opencv_sift(cv2: Any, plane: NDArray[np.uint8], places: NDArray[np.float64], bin_size: int) -> NDArray[np.float64]:
    """Upright descriptors at x, y (n, 2), of unit length."""
    points = [cv2.KeyPoint(float(x), float(y), 2 * bin_size / 3, 0.0, 1.0, 0) for x, y in places]
    kept, found = cv2.SIFT_create(sigma=NO_BLUR).compute(plane, points)
    assert len(kept) == len(points)
    unit: NDArray[np.float64] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return unit


@pytest.mark.parametrize(("window", "mean", "least"), [("gaussian", 0.9996, 0.985), ("triangle", 0.9978, 0.97)])
@pytest.mark.parametrize(("size", "bin_size", "step"), [(101, 4, 4), (101, 6, 4), (121, 8, 8), (121, 12, 6)])
def test_agrees_with_opencv_on_photos(opencv: Any, size: int, bin_size: int, step: int, window: Window, mean: float, least: float) -> None:
    images = gray(crops(size))
    sift = DenseSIFT(size, bin_size=bin_size, step=step, window=window, root=False)
    places = (sift.centres.double() * size - 0.5).numpy()
    np.testing.assert_allclose(places, places.round(), atol=1e-4)  # OpenCV rounds centres to whole pixels
    theirs = np.stack([opencv_sift(opencv, plane[0].numpy(), places.round(), bin_size) for plane in images])
    cosines = (sift(images).double().numpy() * theirs).sum(-1)
    assert cosines.mean() > mean
    assert cosines.min() > least


@pytest.mark.parametrize(
    ("right", "up", "direction"), [(1, 0, 0), (1, 1, 1), (0, 1, 2), (-1, 1, 3), (-1, 0, 4), (-1, -1, 5), (0, -1, 6), (1, -1, 7)]
)
def test_direction_k_is_k_times_45_degrees_towards_the_top(right: int, up: int, direction: int) -> None:
    y, x = torch.meshgrid(torch.arange(9.0, dtype=torch.float64), torch.arange(9.0, dtype=torch.float64), indexing="ij")
    channels = directions((right * x - up * y)[None])[0, :, 1:-1, 1:-1]
    expected = torch.zeros_like(channels)
    expected[direction] = 2 * math.hypot(right, up)
    torch.testing.assert_close(channels, expected)


@given(st.floats(-math.pi, math.pi))
def test_a_gradient_is_shared_between_the_two_nearest_directions(angle: float) -> None:
    y, x = torch.meshgrid(torch.arange(5.0, dtype=torch.float64), torch.arange(5.0, dtype=torch.float64), indexing="ij")
    found = directions((math.cos(angle) * x - math.sin(angle) * y)[None])[0, :, 2, 2] / 2
    turns = torch.tensor([(angle * 4 / math.pi - k + 4) % 8 - 4 for k in range(8)], dtype=torch.float64)
    torch.testing.assert_close(found, (1 - turns.abs()).clamp(min=0), rtol=0, atol=1e-9)


def test_gradient_lengths_are_numpys_and_none_is_lost() -> None:
    image = crops(33)[0, 1].double()
    padded = np.pad(image.numpy(), 1, mode="edge")
    down, right = padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    np.testing.assert_allclose(directions(image[None])[0].sum(0), np.hypot(down, right), atol=1e-9)


@pytest.mark.parametrize("root", [True, False])
def test_single_precision_is_enough(root: bool) -> None:
    sift = DenseSIFT(64, bin_size=4, step=4, root=root)
    single, double = sift(crops(64)), sift.double()(crops(64))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    assert single.shape == (4, 169, 128)
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-3)  # a root at nothing is steep


def test_root_sift_is_the_root_of_the_shares() -> None:
    plain, rooted = (DenseSIFT(60, bin_size=5, step=6, root=root)(crops(60)) for root in (False, True))
    torch.testing.assert_close(rooted, functional.normalize(plain, p=1, dim=-1).sqrt(), rtol=1e-5, atol=1e-6)
    lengths = rooted.norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_a_direction_says_no_more_than_the_clip_before_the_second_normalisation() -> None:
    edge = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    edge[..., 16:] = 200  # one direction in two columns of bins, the rest is nothing
    found = DenseSIFT(32, bin_size=8, step=8, root=False)(edge)[0, 0].view(4, 4, 8)
    assert (found[..., 1:] == 0).all()
    assert found[..., 0].count_nonzero() == 8
    torch.testing.assert_close(found[found > 0], torch.full((8,), 1 / math.sqrt(8)))  # all clipped, so all equal


@settings(max_examples=25)
@given(gain=st.integers(1, 4), offset=st.integers(0, 3), place=st.integers(0, 200), root=st.booleans())
def test_brightness_and_contrast_change_nothing(gain: int, offset: int, place: int, root: bool) -> None:
    image = PHOTOS[place % 2][None, :, place : place + 40, place : place + 40] // 4
    sift = DenseSIFT(40, bin_size=4, step=4, root=root).double()
    before, after = sift(image), sift(image * gain + offset)
    faint = (before == 0).all(-1)  # what is flat in the darker image may be seen in the other
    assert faint.float().mean() < 0.5
    torch.testing.assert_close(after[~faint], before[~faint], rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(place=st.integers(0, 200), size=st.integers(20, 44), step=st.integers(1, 6), window=st.sampled_from(["triangle", "gaussian"]))
def test_a_quarter_turn_permutes_positions_bins_and_directions(place: int, size: int, step: int, window: Window) -> None:
    image = PHOTOS[place % 2][None, :, place : place + size, place : place + size]
    sift = DenseSIFT(size, bin_size=5, step=step, window=window).double()
    side = sift.grid.across
    expected = sift(image)[0].view(side, side, 4, 4, 8).rot90(1, (0, 1)).rot90(1, (2, 3)).roll(2, -1)
    turned = sift(image.rot90(1, (2, 3)))[0].view(side, side, 4, 4, 8)
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_flat_images_of_any_colour_give_zeros(smoothing: float, root: bool) -> None:
    colours = torch.randint(0, 256, (64, 3, 1, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    sift = DenseSIFT(33, bin_size=4, step=3, smoothing=smoothing, root=root)
    assert (sift(colours.expand(-1, -1, 33, 33)) == 0).all()


def test_one_pixel_off_by_one_level_is_still_flat_and_a_step_of_two_levels_is_not() -> None:
    image = torch.full((2, 3, 16, 16), 100, dtype=torch.uint8)
    image[0, :, 8, 8] = 101
    image[1, :, :, 8:] = 102
    found = DenseSIFT(16, bin_size=4, step=4)(image)
    assert (found[0] == 0).all()
    assert found[1].norm().item() == pytest.approx(1)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_blur_equals_scipys(sigma: float) -> None:
    image = crops(40)[:, 1].double()
    expected = np.stack([gaussian_filter(plane, sigma, mode="mirror", truncate=4.0) for plane in image.numpy()])
    found = blurred(image, smoothing_kernel(sigma).double())
    inner = slice(13, -13)  # scipy rounds the radius to the nearest, we round it up
    np.testing.assert_allclose(found[:, inner, inner], expected[:, inner, inner], rtol=0, atol=0.02)


def test_a_blur_wider_than_the_image_keeps_its_brightness() -> None:
    assert blurred(torch.full((1, 8, 8), 50.0), smoothing_kernel(5.0)).allclose(torch.tensor(50.0))


def test_a_image_is_described_alone() -> None:
    sift = DenseSIFT(48, bin_size=4, step=4, smoothing=0.6)
    together = sift(crops(48))
    torch.testing.assert_close(
        together, torch.cat([sift(one[None]) for one in crops(48)]), rtol=0, atol=1e-4
    )  # products are summed in another order


def test_nothing_of_it_is_saved_with_a_model() -> None:
    assert DenseSIFT(32, bin_size=4, step=4, smoothing=1.0).state_dict() == {}


def test_a_image_too_small_is_refused() -> None:
    with pytest.raises(ImageSizeTooSmall, match="32 px wide, but the picture 31 px"):
        DenseSIFT(31, bin_size=8, step=4)
