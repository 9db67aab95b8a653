"""Shapes of pixels: which are one image, which are several, which axis counts channels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image

from alexnet.errors import UnreadableImage
from alexnet.inference.arrays import each_of, rgb_pixels


def photo(height: int, width: int) -> NDArray[np.uint8]:
    """A cut of a photo, (height, width, 3): no two rows or columns are equal."""
    cut: NDArray[np.uint8] = load_sample_image("flower.jpg")[100 : 100 + height, 200 : 200 + width]
    return cut


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        ((8, 9), [(8, 9)]),
        ((8, 9, 1), [(8, 9, 1)]),
        ((1, 8, 9), [(1, 8, 9)]),
        ((8, 9, 3), [(8, 9, 3)]),
        ((3, 8, 9), [(3, 8, 9)]),
        ((8, 9, 4), [(8, 9, 4)]),
        ((4, 8, 9), [(4, 8, 9)]),
        ((5, 8, 9), [(8, 9)] * 5),
        ((0, 8, 9), []),
        ((2, 8, 9, 1), [(8, 9, 1)] * 2),
        ((2, 8, 9, 3), [(8, 9, 3)] * 2),
        ((3, 8, 9, 1), [(8, 9, 1)] * 3),
        ((2, 3, 8, 9), [(3, 8, 9)] * 2),
        ((2, 4, 8, 9), [(4, 8, 9)] * 2),
    ],
)
def test_one_image_or_several(shape: tuple[int, ...], images: list[tuple[int, ...]]) -> None:
    assert [image.shape for image in each_of(np.zeros(shape, np.uint8))] == images
    assert [tuple(image.shape) for image in each_of(torch.zeros(shape, dtype=torch.uint8))] == images


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3, 8, 3), 0), ((3, 8, 1), 0), ((3, 8, 4), 0), ((1, 8, 3), 2), ((4, 8, 3), 2), ((1, 8, 1), 0), ((1, 8, 4), 0), ((4, 8, 1), 2)],
)
def test_a_shape_that_can_be_read_in_several_ways(shape: tuple[int, ...], axis: int) -> None:
    """RGB before gray before RGBA; channels first before channels last."""
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image = np.moveaxis(pixels, axis, 0)
    expected = np.broadcast_to(image, (3, *image.shape[1:])) if image.shape[0] == 1 else image
    np.testing.assert_array_equal(rgb_pixels(pixels, "x"), expected)


def test_every_form_of_the_same_image_gives_the_same_pixels() -> None:
    rgb = photo(20, 31)
    gray = rgb[..., 0]
    opaque = np.dstack([rgb, np.full((20, 31), 255, np.uint8)])
    for of_colour in (rgb, rgb.transpose(2, 0, 1), opaque, opaque.transpose(2, 0, 1), np.asfortranarray(rgb), rgb[::-1][::-1]):
        np.testing.assert_array_equal(rgb_pixels(of_colour, "x"), rgb.transpose(2, 0, 1))
    for of_gray in (gray, gray[..., None], gray[None], np.stack([gray] * 3), np.dstack([gray] * 3)):
        found = rgb_pixels(of_gray, "x")
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, np.stack([gray] * 3))


@given(st.binary(min_size=60, max_size=60))
def test_transparency_is_laid_on_white_as_pillow_does(content: bytes) -> None:
    rgba = np.frombuffer(content, np.uint8).reshape(3, 5, 4)
    rgba = np.concatenate([rgba, rgba])  # 6 rows: not RGB with channels first
    layer = Image.fromarray(rgba)
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    np.testing.assert_array_equal(rgb_pixels(rgba, "x").transpose(1, 2, 0), np.asarray(white))


def test_the_pixels_are_a_copy() -> None:
    pixels = photo(8, 9).copy()
    found = rgb_pixels(pixels, "x")
    before = found.copy()
    pixels[:] = 0
    np.testing.assert_array_equal(found, before)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((8, 9, 3)), "is float64; pictures are uint8, 0 to 255"),
        (np.zeros((8, 9, 3), ">u2"), "is >u2; pictures are uint8"),
        (torch.zeros(8, 9, 3), "is float32; pictures are uint8"),
        (np.zeros((8, 9), bool), "is bool; pictures are uint8"),
        (np.zeros((8, 9, 5), np.uint8), "has shape (8, 9, 5); a picture is (H, W), (H, W, C) or (C, H, W)"),
        (np.zeros((2, 8, 9, 3), np.uint8), "has shape (2, 8, 9, 3)"),
        (np.zeros((0, 9, 3), np.uint8), "has shape (0, 9, 3)"),
        (np.zeros((8, 0), np.uint8), "has shape (8, 0)"),
        (np.zeros(8, np.uint8), "has shape (8,)"),
        (np.zeros((), np.uint8), "has shape ()"),
    ],
)
def test_what_is_no_image(pixels: NDArray[np.uint8], reason: str) -> None:
    with pytest.raises(UnreadableImage) as refused:
        rgb_pixels(pixels, "picture 1")
    assert refused.value.reason.startswith(reason)
