"""Batches of equal shapes: nothing lost, nothing twice, and only so many images waiting."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from alexnet.evaluation.batches import WAITING, batches_by_shape, images_at_once


@given(st.lists(st.integers(1, 6), max_size=80), st.integers(1, 5))
def test_every_image_is_in_one_batch_of_its_shape(widths: list[int], batch_size: int) -> None:
    images = [(number, torch.full((3, 2, width), number, dtype=torch.uint8)) for number, width in enumerate(widths)]
    seen: list[int] = []
    for numbers, batch in batches_by_shape(images, batch_size):
        assert 1 <= len(numbers) == len(batch) <= batch_size
        assert numbers == sorted(numbers)
        assert all(torch.equal(image, images[number][1]) for number, image in zip(numbers, batch, strict=True))
        seen += numbers
    assert sorted(seen) == list(range(len(widths)))


def test_images_of_one_shape_fill_their_batches() -> None:
    sizes = [len(numbers) for numbers, _ in batches_by_shape(((n, torch.zeros(3, 2, 2)) for n in range(10)), 4)]
    assert sizes == [4, 4, 2]


def test_only_a_few_batches_wait_whatever_the_shapes() -> None:
    taken = 0

    def images() -> Iterator[tuple[int, Tensor]]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number, torch.zeros(3, 1, number + 1)

    done = 0
    for numbers, _ in batches_by_shape(images(), 5):
        done += len(numbers)
        assert taken - done < WAITING * 5
    assert done == 100


def test_a_batch_of_long_images_has_no_more_pixels_than_one_of_squares() -> None:
    images = [(number, torch.zeros(3, 2, 2 if number % 2 else 16)) for number in range(32)]
    sizes = {tuple(batch.shape) for _, batch in batches_by_shape(images, 16)}
    assert sizes == {(2, 3, 2, 16), (16, 3, 2, 2)}


@pytest.mark.parametrize(("size", "images"), [(28, 256), (96, 256), (128, 144), (224, 47), (4096, 16)])
def test_memory_does_not_grow_with_the_image(size: int, images: int) -> None:
    assert images_at_once(size, torch.device("cpu")) == images
    assert images_at_once(size, torch.device("meta")) == 256
