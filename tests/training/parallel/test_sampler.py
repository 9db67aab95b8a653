"""The workers' shares of an epoch are together exactly the batches of one process: no image twice, none lost, the same changes."""

from collections.abc import Callable, Iterator

import pytest
import torch
from tests.training.parallel.cases import HELD_OUT, IMAGES, batches, validation
from torch import Tensor

from alexnet.runtime.distributed import ALONE, Workers
from alexnet.training.parallel.layout import Layout

Batches = list[tuple[Tensor, Tensor]]


def training(batch_size: int) -> Callable[[Callable[[int], range]], Iterator[tuple[Tensor, Tensor]]]:
    return lambda rows: batches(batch_size, rows).epoch(2, first_step=1)


def held_out(batch_size: int) -> Callable[[Callable[[int], range]], Iterator[tuple[Tensor, Tensor]]]:
    return lambda rows: validation(batch_size, rows)


@pytest.mark.parametrize("workers", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("make", "count"),
    [
        (training(7), IMAGES - 7),
        (training(8), IMAGES - 8),
        (training(2), IMAGES - 2),
        (held_out(4), HELD_OUT),
        (held_out(9), HELD_OUT),
    ],
    ids=["7", "8", "2", "validation-4", "validation-9"],
)
def test_shares_are_the_batches_of_one_process(
    workers: int, make: Callable[[Callable[[int], range]], Iterator[tuple[Tensor, Tensor]]], count: int
) -> None:
    one = list(make(Layout(torch.nn.Module(), ALONE).rows))
    shares = [list(make(Layout(torch.nn.Module(), Workers(rank=rank, size=workers)).rows)) for rank in range(workers)]
    assert sum(len(labels) for _, labels in one) == count
    for step, (images, labels) in enumerate(one):
        mine = [share[step] for share in shares]
        assert len({len(part) for part, _ in mine}) == 1, "all workers' shapes agree"
        assert all(len(its) <= len(part) for part, its in mine)
        assert torch.equal(torch.cat([part[: len(its)] for part, its in mine]), images)
        assert torch.equal(torch.cat([its for _, its in mine]), labels)
        for part, its in mine:
            assert all(torch.equal(filling, images[-1]) for filling in part[len(its) :]), "the last picture fills up a share"
    assert all(len(share) == len(one) for share in shares)


def test_a_layout_of_whole_batches_takes_whole_batches() -> None:
    layout = Layout(torch.nn.Module(), Workers(rank=1, size=2))
    layout.shares_images = False
    assert layout.rows(7) == range(7)
