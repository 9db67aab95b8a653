"""Values between pixels against the formula in exact arithmetic."""

import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

from alexnet.data.pipeline.resample import resampled


def photographs(side: int, count: int) -> Tensor:
    photo = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
    return torch.stack([photo[:, 9 * i : 9 * i + side, 15 * i : 15 * i + side] for i in range(count)])


def at_random_places(count: int, size: int, side: int) -> Tensor:
    """(N, size) in pixels, multiples of 1/128, the first and last pixel among them."""
    places = torch.randint(0, (side - 1) * 128 + 1, (count, size), generator=torch.Generator().manual_seed(0)).double() / 128
    places[0, :2] = torch.tensor([0.0, side - 1.0])
    return places


def test_values_are_exact_in_any_order_of_the_sums() -> None:
    images = photographs(73, 20)
    rows, columns = at_random_places(20, 64, 73), at_random_places(20, 64, 73).flip(0)
    shares = [(1 - (places[:, :, None] - torch.arange(73)).abs()).clamp(min=0) for places in (rows, columns)]
    exact = torch.einsum("nih,nchw,njw->ncij", shares[0], images.double(), shares[1])
    assert torch.equal(resampled(images, rows, columns), (exact + 0.5).floor().to(torch.uint8))


def test_whole_places_are_the_pixels_themselves() -> None:
    images = photographs(30, 40)
    rows = torch.arange(5, 17).double().expand(40, -1)
    assert torch.equal(resampled(images, rows, rows + 3), images[:, :, 5:17, 8:20])


def test_halves_are_rounded_up() -> None:
    image = torch.tensor([[[[10, 11]]]], dtype=torch.uint8)
    assert resampled(image, torch.zeros(1, 1), torch.tensor([[0.5]])).item() == 11


def test_a_batch_larger_than_a_piece_of_the_cache_is_resampled_alike() -> None:
    images = photographs(128, 30)
    places = at_random_places(30, 100, 128)
    assert torch.equal(resampled(images, places, places)[25:], resampled(images[25:], places[25:], places[25:]))


def test_nothing_is_resampled_to_nothing() -> None:
    assert resampled(torch.empty((0, 3, 8, 8), dtype=torch.uint8), torch.empty(0, 4), torch.empty(0, 4)).shape == (0, 3, 4, 4)
