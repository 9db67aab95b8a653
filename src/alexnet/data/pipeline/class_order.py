"""An epoch in which every class appears equally often, as a pure function of seed and epoch: nothing depends on where it was resumed.

Places are given to the classes in turn, and a class shows its images in turn, in an order that is new in each of its own rounds. So
all images of a class are seen equally often, over however many epochs.
"""

import torch
from torch import Tensor

from alexnet.data.pipeline.counter_rng import permutation, permutation_of


def balanced_order(labels: Tensor, seed: int, epoch: int) -> tuple[Tensor, Tensor]:
    """Places among the N images, int64 (N,), every class equally often up to one; and how often each was seen before in this epoch.

    labels: int64 (N,). An image of a small class comes several times; the second number lets each time be another augmentation.
    """
    members = [torch.nonzero(labels == label)[:, 0] for label in labels.unique().tolist()]
    count, classes = len(labels), len(members)
    places, repeats = torch.empty(count, dtype=torch.int64), torch.empty(count, dtype=torch.int64)
    for number, own in enumerate(members):
        first, last = (-(-(turn * count - number) // classes) for turn in (epoch, epoch + 1))  # the class's turns, over all epochs
        mine = torch.arange(first, last) * classes + number - epoch * count
        places[mine], repeats[mine] = _in_rounds(own, first, last, seed, f"class {number}")
    order = permutation(count, seed, epoch)
    return places[order], repeats[order]


def _in_rounds(own: Tensor, first: int, last: int, seed: int, stream: str) -> tuple[Tensor, Tensor]:
    """The images of a class's turns from `first` to `last`, without it, and for each how many of its rounds began since the first turn."""
    size = len(own)
    rounds = range(first // size, -(-last // size))
    images = torch.cat([own[:0], *(own[permutation_of(size, seed, one, stream)] for one in rounds)])
    turns = torch.arange(first, last)
    return images[turns - rounds.start * size], turns // size - rounds.start
