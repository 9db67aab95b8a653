"""A part of a dropout is that part of torch's own dropout over the whole batch."""

import pytest
import torch
from torch.nn import functional

from alexnet.models.networks.layers import Dropout, Window
from alexnet.runtime.distributed import Workers
from alexnet.training.parallel.layout import Layout

IMAGES, UNITS = 7, 12
FORMATS = {
    "units": torch.contiguous_format,
    "maps": torch.contiguous_format,
    "maps, channels last": torch.channels_last,
}  # the order of draws


def part(whole: torch.Tensor, window: Window) -> torch.Tensor:
    """The rows and units of a window; rows past the end repeat the last."""
    rows = torch.arange(window.rows.start, window.rows.stop).clamp(max=len(whole) - 1)
    mine = whole.chunk(window.sharers, dim=1)[window.place][rows]
    memory = torch.channels_last if whole.dim() == 4 and whole.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return mine.contiguous(memory_format=memory)


@pytest.mark.parametrize("shape", FORMATS)
@pytest.mark.parametrize("sharers", [1, 2, 3])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_windows_together_are_the_whole_dropout(shape: str, sharers: int, workers: int) -> None:
    sides = () if shape == "units" else (3, 5)
    whole = torch.rand(IMAGES, UNITS, *sides, dtype=torch.float64).add(1.0)
    whole = whole.contiguous(memory_format=FORMATS[shape])
    torch.manual_seed(9)
    expected = functional.dropout(whole, 0.3)
    assert (expected == 0).any()
    dropout, pieces = Dropout(0.3), []
    for place in range(sharers):
        shares = []
        for rank in range(workers):
            rows = Layout(torch.nn.Module(), Workers(rank=rank, size=workers)).rows(IMAGES)
            dropout.window = Window(IMAGES, rows, place, sharers)
            torch.manual_seed(9)
            units = part(whole, dropout.window)
            dropped = dropout(units)
            real = len(range(rows.start, min(rows.stop, IMAGES)))
            assert torch.equal(dropped[real:], units[real:]), "what only fills up a share is left as it is"
            shares.append(dropped[:real])
        pieces.append(torch.cat(shares))
    assert torch.allclose(torch.cat(pieces, dim=1), expected, rtol=1e-15, atol=0)


def test_a_window_means_nothing_outside_training_or_without_dropout() -> None:
    units = torch.rand(3, 4)
    for dropout in (Dropout(0.5).eval(), Dropout(0.0)):
        dropout.window = Window(30, range(6, 9))
        assert torch.equal(dropout(units), units)


def test_a_window_of_rows_has_all_units_of_them() -> None:
    dropout, whole = Dropout(0.5), torch.ones(4, 6)
    torch.manual_seed(0)
    expected = functional.dropout(whole, 0.5)
    dropout.window = Window(4, range(1, 3))
    torch.manual_seed(0)
    assert torch.equal(dropout(whole[1:3]), expected[1:3])
