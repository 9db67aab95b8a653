"""Pooling on a grid against loops that spell its formula out, and where descriptors lie."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from alexnet.errors import ImageSizeTooSmall
from alexnet.models.handcrafted.grid import Grid, Window, smoothing_kernel

WINDOWS: tuple[Window, ...] = ("triangle", "gaussian", "box")


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def share(pixel: int, centre: float, middle: float, bin_size: int, window: Window) -> float:
    """How much one pixel of a row counts in one bin, before the weights of bins."""
    if window == "box":
        left, right = max(pixel - 0.5, middle - bin_size / 2), min(pixel + 0.5, middle + bin_size / 2)
        return max(0.0, right - left) / bin_size
    away = abs(pixel - middle) / bin_size
    bell = math.exp(-(((pixel - centre) / bin_size) ** 2) / 8) if window == "gaussian" else 1.0
    return max(0.0, 1 - away) * bell


def looped(channels: Tensor, bin_size: int, step: int, window: Window) -> Tensor:
    """The definition: every pixel of the image, for every bin of every descriptor, in float64."""
    size = channels.shape[-1]
    across = (size - 4 * bin_size) // step + 1
    centres = [(size - 1) / 2 + step * (i - (across - 1) / 2) for i in range(across)]
    found = torch.zeros(len(channels), across**2, 16, channels.shape[1], dtype=torch.float64)
    for row, cy in enumerate(centres):
        for column, cx in enumerate(centres):
            for number in range(16):
                down, right = number // 4 - 1.5, number % 4 - 1.5
                tall = torch.tensor([share(y, cy, cy + down * bin_size, bin_size, window) for y in range(size)], dtype=torch.float64)
                wide = torch.tensor([share(x, cx, cx + right * bin_size, bin_size, window) for x in range(size)], dtype=torch.float64)
                bell = math.exp(-(down**2 + right**2) / 8) if window == "triangle" else 1.0
                found[:, row * across + column, number] = bell * (channels * (tall[:, None] * wide)).sum((2, 3))
    return found


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("size", "bin_size", "step"), [(20, 4, 2), (17, 3, 2), (19, 4, 4), (15, 2, 3), (16, 4, 1), (9, 1, 1)])
def test_pooling_equals_loops(size: int, bin_size: int, step: int, window: Window) -> None:
    channels = noise(2, 3, size, size)
    grid = Grid(size, bin_size=bin_size, step=step, window=window)
    expected = looped(channels, bin_size, step, window)
    assert expected.shape == (2, grid.positions, 16, 3)
    torch.testing.assert_close(grid.double()(channels), expected, rtol=1e-6, atol=1e-6)  # windows are made in float32
    torch.testing.assert_close(grid.float()(channels.float()), expected.float(), rtol=1e-4, atol=1e-4)


@given(size=st.integers(4, 70), bin_size=st.integers(1, 17), step=st.integers(1, 9))
def test_a_box_is_a_mean(size: int, bin_size: int, step: int) -> None:
    if size < 4 * bin_size:
        return
    pooled = Grid(size, bin_size=bin_size, step=step, window="box")(torch.full((1, 1, size, size), 3.0))
    torch.testing.assert_close(pooled, torch.full_like(pooled, 3.0))


@given(size=st.integers(4, 90), bin_size=st.integers(1, 20), step=st.integers(1, 9))
def test_descriptors_lie_inside_centred_and_no_further_one_fits(size: int, bin_size: int, step: int) -> None:
    if size < 4 * bin_size:
        return
    grid = Grid(size, bin_size=bin_size, step=step)
    assert grid.centres.shape == (grid.positions, 2)
    places = grid.centres.double() * size  # px from the image's edge
    reach = 2 * bin_size - 1e-3
    assert (places >= reach).all()
    assert (places <= size - reach).all()
    torch.testing.assert_close(grid.centres.flip(0), 1 - grid.centres)  # as far from the right as from the left
    assert 4 * bin_size + step * grid.across > size
    first_row = grid.centres[: grid.across]
    torch.testing.assert_close(first_row[:, 1], first_row[:1, 1].expand(grid.across))
    assert (first_row[1:, 0] > first_row[:-1, 0]).all()


@settings(max_examples=30)
@given(multiple=st.integers(1, 4), step=st.integers(1, 5), more=st.integers(0, 30))
def test_windows_are_shared_when_a_bin_is_a_multiple_of_the_step(multiple: int, step: int, more: int) -> None:
    grid = Grid(4 * multiple * step + more, bin_size=multiple * step, step=step)
    assert grid.windows.shape[1] <= grid.across + 3 * multiple < 4 * grid.across + 3 * multiple
    if multiple <= grid.across:
        assert grid.windows.shape[1] == grid.across + 3 * multiple


def test_the_gaussian_at_each_pixel_shares_nothing() -> None:
    grid = Grid(64, bin_size=4, step=4, window="gaussian")
    assert grid.windows.shape[1] == 4 * grid.across


def test_only_what_lies_in_a_descriptor_counts() -> None:
    grid, spot = Grid(40, bin_size=4, step=4, window="triangle"), torch.zeros(1, 1, 40, 40)
    spot[..., 3, 30] = 1
    touched = grid(spot).sum((2, 3))[0] > 0
    far = ((grid.centres * 40 - torch.tensor([30.5, 3.5])).abs() >= 10).any(1)  # half a descriptor and the half bin it leans out
    assert touched.any()
    assert not (touched & far).any()


def test_pooling_costs_what_its_windows_see() -> None:
    assert Grid(16, bin_size=4, step=4).macs(8) == 8 * (16 * 16 * 4 + 4 * 16 * 4)  # one descriptor: all pixels for four windows
    assert Grid(200, bin_size=4, step=4).macs(8) < 8 * (200 * 200 * 50 + 50 * 200 * 50) / 2  # many: not the pixels far from them


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("size", "bin_size", "step"), [(200, 4, 4), (200, 6, 4), (75, 3, 1)])
def test_no_pixel_that_a_window_sees_is_left_out(size: int, bin_size: int, step: int, window: Window) -> None:
    grid, channels = Grid(size, bin_size=bin_size, step=step, window=window).double(), noise(1, 2, size, size)
    whole = (grid.windows.T @ channels @ grid.windows).flatten(2).transpose(1, 2)[:, grid.bins].view(1, -1, 16, 2)
    torch.testing.assert_close(grid(channels), whole * grid.weights if window == "triangle" else whole)


@pytest.mark.parametrize(
    ("size", "bin_size", "advice"),
    [(32, 12, "use --features.bins of at most 8, or an --image-size of at least 48."), (3, 1, "use an --image-size of at least 4.")],
)
def test_a_image_smaller_than_a_descriptor_is_refused(size: int, bin_size: int, advice: str) -> None:
    with pytest.raises(ImageSizeTooSmall) as caught:
        Grid(size, bin_size=bin_size, step=4)
    assert str(caught.value) == (
        f"A descriptor of 4x4 bins of {bin_size} px is {4 * bin_size} px wide, but the picture {size} px: {advice}"
    )


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 3.3])
def test_a_smoothing_kernel_has_the_spread_it_says(sigma: float) -> None:
    line = smoothing_kernel(sigma).double()
    places = torch.arange(len(line)) - len(line) // 2
    assert line.sum().item() == pytest.approx(1)
    torch.testing.assert_close(line, line.flip(0))
    if sigma >= 0.8:  # sampled finely enough
        assert (line * places.square()).sum().sqrt().item() == pytest.approx(sigma, rel=0.06)
