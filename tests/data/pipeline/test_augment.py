from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_sample_image
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, resized_crop

from alexnet.data.pipeline.augment import AugmentConfig, augment, centre_crop
from alexnet.data.pipeline.colour_statistics import ColourPCA, colour_pca
from alexnet.data.pipeline.counter_rng import normal, uniform
from alexnet.errors import BadRecipe

OFF = AugmentConfig(crop=False, flip=False)


def photographs(side: int, count: int) -> Tensor:
    """Squares of scikit-learn's two photographs: uint8 (count, 3, side, side)."""
    photos = [torch.from_numpy(load_sample_image(name).copy()).permute(2, 0, 1) for name in ("china.jpg", "flower.jpg")]
    squares = [photo[:, top : top + side, top : top + side] for top in range(0, 427 - side, 12) for photo in photos]
    return torch.stack(squares[:count])


def coordinates(side: int, count: int) -> Tensor:
    """Images whose pixels say where they are: channel 0 the row, 1 the column, 2 the image."""
    places = torch.arange(side, dtype=torch.uint8)
    rows, columns = places[:, None].expand(side, side), places[None, :].expand(side, side)
    return torch.stack([torch.stack([rows, columns, torch.full_like(rows, number)]) for number in range(count)])


def augmented(images: Tensor, size: int, config: AugmentConfig, *, epoch: int = 0, pca: ColourPCA | None = None, first: int = 0) -> Tensor:
    return augment(images, size, config, pca, seed=3, epoch=epoch, indices=torch.arange(first, first + len(images)))


@pytest.mark.parametrize("size", [224, 223, 256])
def test_off_is_the_centre_crop_exactly(size: int) -> None:
    images = photographs(256, 6)
    assert torch.equal(augmented(images, size, OFF), centre_crop(images, size))


def test_centre_crop_takes_the_middle() -> None:
    crop = centre_crop(coordinates(11, 1), 6)
    assert crop[0, 0, :, 0].tolist() == [2, 3, 4, 5, 6, 7]
    assert crop[0, 1, 0].tolist() == [2, 3, 4, 5, 6, 7]
    assert centre_crop(coordinates(11, 1)[0], 6).shape == (3, 6, 6)


@pytest.mark.parametrize(("side", "size"), [(64, 50), (33, 32), (40, 3), (30, 30)])
def test_crops_are_exact_windows(side: int, size: int) -> None:
    images = coordinates(side, 50)
    crops = augmented(images, size, AugmentConfig(flip=False))
    for number, crop in enumerate(crops):
        top, left = int(crop[0, 0, 0]), int(crop[1, 0, 0])
        assert torch.equal(crop, images[number, :, top : top + size, left : left + size])


def test_every_place_of_a_crop_comes_up_alike_often() -> None:
    crops = augmented(coordinates(12, 1).expand(9000, -1, -1, -1), 10, AugmentConfig(flip=False))
    places = crops[:, 0, 0, 0].long() * 3 + crops[:, 1, 0, 0].long()
    counts = torch.bincount(places, minlength=9).double()
    assert len(counts) == 9
    assert ((counts - 1000) ** 2 / 1000).sum() < 26.1  # chi-squared, 8 degrees of freedom, one in a thousand


def test_padded_crops_are_windows_of_the_mirrored_border() -> None:
    images = photographs(32, 40)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="reflect")
    crops = augmented(images, 32, AugmentConfig(flip=False, crop_padding=4))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (32, 32), (2, 3))  # (N, 3, 9, 9, 32, 32)
    for crop, places in zip(crops.numpy(), windows, strict=True):
        assert (places == crop[:, None, None]).all(axis=(0, 3, 4)).sum() >= 1
    assert not torch.equal(crops, images)


def windows_of_scale(scale: float, count: int, height: int, width: int) -> list[tuple[int, int, int]]:
    """Side, top and left of each window, from the same draws."""
    draws = torch.cat([uniform(3, 0, torch.arange(count), "scale", 1), uniform(3, 0, torch.arange(count), "crop", 2)], dim=1).double()
    largest = min(height, width)
    smallest = round(scale * largest)
    sides = [smallest + int(one * (largest - smallest + 1)) for one in draws[:, 0].tolist()]
    return [
        (side, int(y * (height - side + 1)), int(x * (width - side + 1))) for side, (y, x) in zip(sides, draws[:, 1:].tolist(), strict=True)
    ]


@pytest.mark.parametrize(("height", "width", "size", "scale"), [(73, 73, 64, 0.5), (40, 52, 32, 0.2), (36, 36, 36, 0.9)])
def test_scaled_crops_are_those_of_torchvision(height: int, width: int, size: int, scale: float) -> None:
    """To one gray level, since positions between pixels are rounded to 1/128."""
    images = photographs(80, 40)[:, :, :height, :width]
    crops = augmented(images, size, AugmentConfig(flip=False, scale=scale))
    windows = windows_of_scale(scale, len(images), height, width)
    assert len(set(windows)) > 20
    for image, crop, (side, top, left) in zip(images, crops, windows, strict=True):
        expected = resized_crop(image.double(), top, left, side, side, [size, size], InterpolationMode.BILINEAR, antialias=False)
        difference = (crop.double() - expected).abs()
        assert difference.max() <= 0.5 + 1.0
        assert difference.mean() < 0.27  # rounding alone: 0.25


def test_every_side_of_a_scaled_crop_comes_up_alike_often() -> None:
    crops = augmented(coordinates(12, 1).expand(7000, -1, -1, -1), 12, AugmentConfig(flip=False, scale=0.5))
    spans = crops[:, 0, -1, 0].long() - crops[:, 0, 0, 0].long()
    counts = torch.bincount(spans)[5:].double()  # windows of 6 to 12 px span 5 to 11
    assert len(counts) == 7
    assert ((counts - 1000) ** 2 / 1000).sum() < 22.5  # chi-squared, 6 degrees of freedom, one in a thousand


def test_a_scaled_crop_of_one_colour_has_that_colour() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1).expand(256, 3, 20, 20)
    crops = augmented(images, 16, AugmentConfig(flip=False, scale=0.3, crop_padding=2))
    assert torch.equal(crops, images[:, :, :16, :16])


def test_a_scale_of_1_changes_no_bit() -> None:
    images = photographs(64, 20)
    assert torch.equal(augmented(images, 48, AugmentConfig(scale=1.0)), augmented(images, 48, AugmentConfig()))
    assert torch.equal(augmented(images, 48, AugmentConfig(crop=False, scale=0.5)), augmented(images, 48, AugmentConfig(crop=False)))


@pytest.mark.parametrize("size", [32, 31, 30, 27])
def test_flips_are_exact_and_half_of_the_images(size: int) -> None:
    images = photographs(32, 40).repeat(5, 1, 1, 1)
    straight = centre_crop(images, size)
    mirrored = augmented(images, size, AugmentConfig(crop=False))
    turned = (mirrored == straight.flip(-1)).flatten(1).all(dim=1)
    kept = (mirrored == straight).flatten(1).all(dim=1)
    assert (turned ^ kept).all()
    assert 70 < turned.sum() < 130


def test_a_flipped_crop_is_the_crop_mirrored() -> None:
    images = coordinates(64, 30)
    plain = augmented(images, 48, AugmentConfig(flip=False))
    both = augmented(images, 48, AugmentConfig())
    for one, other in zip(plain, both, strict=True):
        assert torch.equal(other, one) or torch.equal(other, one.flip(-1))


def test_brightness_is_one_gain_per_image() -> None:
    images = photographs(64, 30).clamp(max=150)  # nothing overflows
    brighter = augmented(images, 64, AugmentConfig(flip=False, brightness=0.4))
    gains = brighter.double().sum((1, 2, 3)) / images.double().sum((1, 2, 3))
    assert 0.59 < gains.min() < 0.8
    assert 1.2 < gains.max() < 1.41
    assert len(gains.unique()) > 25
    expected = (images.double() * gains[:, None, None, None]).round()
    assert (expected - brighter.double()).abs().max() <= 1


def test_colour_temperature_moves_red_and_blue_apart_and_leaves_green() -> None:
    images = photographs(64, 30).clamp(min=60, max=150)  # nothing overflows, and rounding is small beside a pixel
    warmed = augmented(images, 64, AugmentConfig(flip=False, colour_temperature=0.3))
    assert torch.equal(warmed[:, 1], images[:, 1])
    red, blue = (warmed[:, channel].double().sum((1, 2)) / images[:, channel].double().sum((1, 2)) for channel in (0, 2))
    torch.testing.assert_close(red - 1, 1 - blue, rtol=0, atol=1 / 60)
    assert (red > 1.05).any()
    assert (red < 0.95).any()


def test_pca_noise_is_one_colour_per_image_along_the_principal_colours() -> None:
    images = photographs(64, 40)
    pca = colour_pca(images)
    gray = torch.full((40, 3, 64, 64), 128, dtype=torch.uint8)
    noisy = augmented(gray, 64, AugmentConfig(flip=False, pca_noise=0.3), pca=pca)
    moved = noisy.double().flatten(2) - 128
    assert (moved == moved[:, :, :1]).all()
    multipliers = 0.3 * normal(3, 0, torch.arange(40), "pca noise", 3).double()
    expected = multipliers * pca.eigenvalues.double().sqrt() @ pca.eigenvectors.double().T
    assert (moved[:, :, 0] - expected).abs().max() <= 0.5 + 1e-4


def test_pca_noise_has_the_spread_that_the_paper_asks_for() -> None:
    pca = colour_pca(photographs(64, 40))
    gray = torch.full((4000, 3, 1, 1), 128, dtype=torch.uint8)
    moved = augmented(gray, 1, AugmentConfig(flip=False, pca_noise=0.3), pca=pca).double()[:, :, 0, 0] - 128
    spread = (moved @ pca.eigenvectors.double()).std(dim=0)
    torch.testing.assert_close(spread[0], 0.3 * pca.eigenvalues[0].double().sqrt(), rtol=0.05, atol=0)


def test_cutout_paints_one_square_in_the_mean_colour() -> None:
    images = photographs(32, 40).clamp(max=250)
    pca = colour_pca(images)
    holed = augmented(images, 32, AugmentConfig(flip=False, cutout=8), pca=pca)
    painted = (holed == pca.mean.round().to(torch.uint8).view(3, 1, 1)).all(dim=1)
    changed = (holed != images).any(dim=1)
    assert (painted | ~changed).all()
    assert changed.flatten(1).sum(dim=1).max() <= 64
    assert changed.flatten(1).sum(dim=1).double().mean() > 40
    assert (augmented(images, 32, AugmentConfig(flip=False, cutout=8)) == 128).all(dim=1).any()


def test_colours_are_held_between_black_and_white_and_rounded() -> None:
    ramp = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(60, 3, 16, 16)
    brighter = augmented(ramp, 16, AugmentConfig(flip=False, brightness=1.0))
    gains = 2 * uniform(3, 0, torch.arange(60), "brightness", 1).double()
    exact = (ramp.double() * gains[:, :, None, None]).clamp(0, 255)
    assert (brighter.double() - exact).abs().max() <= 0.5 + 1e-4
    assert brighter.max() == 255


EVERYTHING = AugmentConfig(scale=0.6, brightness=0.2, colour_temperature=0.2, pca_noise=0.1, cutout=5, crop_padding=2)
DIGITS = torch.from_numpy(load_digits().images[:60] * 15).to(torch.uint8)[:, None].expand(60, 3, 8, 8)


@given(cuts=st.lists(st.integers(0, 60), max_size=6), epoch=st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_a_image_is_changed_alike_whatever_batch_it_is_in(cuts: list[int], epoch: int) -> None:
    pca = colour_pca(DIGITS)
    whole = augmented(DIGITS, 7, EVERYTHING, epoch=epoch, pca=pca)
    edges = [0, *sorted(cuts), 60]
    parts = [augmented(DIGITS[start:stop], 7, EVERYTHING, epoch=epoch, pca=pca, first=start) for start, stop in pairwise(edges)]
    assert torch.equal(whole, torch.cat(parts))


def test_large_images_are_changed_alike_whatever_batch_they_are_in() -> None:
    images = photographs(256, 24)  # several cache-sized pieces
    config, pca = AugmentConfig(brightness=0.2, pca_noise=0.1), colour_pca(images)
    whole = augmented(images, 224, config, pca=pca)
    assert torch.equal(whole[5:12], augmented(images[5:12], 224, config, pca=pca, first=5))


def test_another_epoch_changes_otherwise() -> None:
    images = photographs(64, 20)
    assert not torch.equal(augmented(images, 48, AugmentConfig()), augmented(images, 48, AugmentConfig(), epoch=1))


@pytest.mark.parametrize(
    "change", [{}, {"brightness": 0.1}, {"cutout": 4}, {"crop_padding": 3}, {"scale": 0.4}, {"crop": False}, {"flip": False}]
)
def test_type_shape_and_source_are_kept(change: dict[str, float]) -> None:
    images = photographs(40, 10)
    before = images.clone()
    changed = augmented(images, 32, AugmentConfig(**change))  # type: ignore[arg-type]  # a mixture of the fields' types
    assert changed.dtype == torch.uint8
    assert changed.shape == (10, 3, 32, 32)
    assert changed.device == images.device
    assert torch.equal(images, before)


def test_batches_that_do_not_lie_in_one_piece_are_taken() -> None:
    images = photographs(64, 8)
    strided = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # channels last, as loaders may give
    config = AugmentConfig(scale=0.5, brightness=0.2, cutout=4)
    assert torch.equal(augmented(strided, 48, config), augmented(images, 48, config))


def test_principal_colours_equal_numpy_s() -> None:
    images = photographs(128, 12)
    pca = colour_pca(images[start : start + 5] for start in (0, 5, 10))
    pixels = images.permute(1, 0, 2, 3).reshape(3, -1).numpy().astype(np.float64)
    eigenvalues, eigenvectors = np.linalg.eigh(np.cov(pixels, bias=True))
    np.testing.assert_allclose(pca.mean.numpy(), pixels.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(pca.eigenvalues.numpy(), eigenvalues[::-1], rtol=1e-5)
    np.testing.assert_allclose(np.abs(pca.eigenvectors.numpy()), np.abs(eigenvectors[:, ::-1]), atol=1e-5)


def test_principal_colours_are_columns() -> None:
    pca = colour_pca(photographs(128, 12))
    values, vectors = pca.eigenvalues.double(), pca.eigenvectors.double()
    pixels = photographs(128, 12).permute(1, 0, 2, 3).reshape(3, -1).double()
    covariance = torch.cov(pixels, correction=0)
    torch.testing.assert_close(covariance @ vectors, vectors * values, rtol=1e-4, atol=1e-2)
    assert not torch.allclose(covariance @ vectors.T, vectors.T * values, rtol=1e-2, atol=1.0)


def test_gray_images_have_one_principal_colour() -> None:
    pca = colour_pca(DIGITS)
    assert pca.eigenvalues[0] > 1000
    assert pca.eigenvalues[1:].abs().max() < 1e-6
    torch.testing.assert_close(pca.eigenvectors[:, 0].abs(), torch.full((3,), 3**-0.5))


def test_images_of_different_sizes_share_their_principal_colours() -> None:
    one, other = photographs(64, 1)[0], photographs(32, 1)[0]
    mean = (one.double().sum((1, 2)) + other.double().sum((1, 2))) / (64**2 + 32**2)
    torch.testing.assert_close(colour_pca([one, other]).mean, mean.float())


def test_no_images_have_no_colours() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        colour_pca([])


def test_pca_noise_without_principal_colours_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="principal colours"):
        augmented(photographs(32, 2), 32, AugmentConfig(pca_noise=0.1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AugmentConfig(brightness=-0.5), ["augment.brightness", "-0.5", "0 (off) to 1"]),
        (lambda: AugmentConfig(brightness=1.5), ["augment.brightness", "1.5"]),
        (lambda: AugmentConfig(colour_temperature=2.0), ["augment.colour_temperature", "2.0"]),
        (lambda: AugmentConfig(pca_noise=float("nan")), ["augment.pca_noise", "nan", "0.1 as in the paper"]),
        (lambda: AugmentConfig(crop_padding=-1), ["augment.crop_padding", "-1"]),
        (lambda: AugmentConfig(scale=0.0), ["augment.scale", "0.0", "from 0.01 to 1 (off)"]),
        (lambda: AugmentConfig(scale=1.5), ["augment.scale", "1.5"]),
        (lambda: AugmentConfig(scale=float("nan")), ["augment.scale", "nan"]),
        (lambda: AugmentConfig(cutout=-3), ["augment.cutout", "-3"]),
        (lambda: augmented(DIGITS, 8, AugmentConfig(cutout=9)), ["augment.cutout", "9", "8 px"]),
        (lambda: augmented(DIGITS, 8, AugmentConfig(crop_padding=8)), ["augment.crop_padding", "8", "at most 7"]),
        (lambda: augmented(DIGITS, 9, AugmentConfig()), ["image_size = 9", "8x8", "1 to 8"]),
        (lambda: centre_crop(DIGITS, 0), ["image_size = 0"]),
    ],
)
def test_impossible_settings_are_refused_with_field_value_and_remedy(make: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(BadRecipe) as refused:
        make()
    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_accelerator_changes_images_alike() -> None:
    images = photographs(64, 30)
    pca = colour_pca(images)
    geometry = AugmentConfig(cutout=5, crop_padding=2, scale=0.7)
    assert torch.equal(augmented(images.cuda(), 48, geometry, pca=pca).cpu(), augmented(images, 48, geometry, pca=pca))
    there, here = augmented(images.cuda(), 48, EVERYTHING, pca=pca).cpu(), augmented(images, 48, EVERYTHING, pca=pca)
    assert (there.int() - here.int()).abs().max() <= 1  # a product and a sum may be rounded once or twice
