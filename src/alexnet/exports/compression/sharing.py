"""Weight sharing: the surviving weights of a layer become a few values, found by k-means and tuned further together."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alexnet.exports.compression.pruning import Loss, Pruning, last_within
from alexnet.storage.shared_weights import SharedWeights

COUNTS = (256, 128, 64, 48, 32, 24, 16, 12, 8, 6, 4)  # of values, the cheapest last
ROUNDS = 100  # of k-means at most


@dataclass(slots=True)
class SharedLayer:
    """One layer. weight: the parameter; positions, numbers, values: as `SharedWeights` has them."""

    weight: nn.Parameter
    positions: NDArray[np.int64]
    numbers: NDArray[np.uint8]
    values: NDArray[np.float32]

    @torch.no_grad()
    def write(self) -> None:
        """Set the parameter to the shared values."""
        self.weight.copy_(torch.from_numpy(self.packable().dense()))

    @torch.no_grad()
    def project(self) -> None:
        """Move the values to the means of their weights after a step, which is that step within the weights that share values."""
        survivors = self.weight.detach().float().cpu().flatten().numpy()[self.positions]
        sums = np.bincount(self.numbers, weights=survivors, minlength=len(self.values))
        self.values = (sums / np.bincount(self.numbers, minlength=len(self.values))).astype(np.float32)
        self.write()

    def packable(self) -> SharedWeights:
        """The layer as it is stored."""
        return SharedWeights(shape=tuple(self.weight.shape), positions=self.positions, numbers=self.numbers, values=self.values)


def shared(weight: nn.Parameter, mask: torch.Tensor, count: int) -> SharedLayer:
    """A layer whose survivors share at most `count` values; the parameter is not changed."""
    flat = weight.detach().float().cpu().flatten().numpy()
    positions = np.flatnonzero(mask.cpu().flatten().numpy())
    numbers, values = k_means(flat[positions], count)
    return SharedLayer(weight=weight, positions=positions, numbers=numbers, values=values)


def k_means(weights: NDArray[np.float32], count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Lloyd's algorithm in one dimension: the number of each weight's value, and the values, ascending; none is without weights.

    The first values lie evenly between the smallest and the largest weight: of the paper's three ways the one that keeps large weights.
    """
    order = np.argsort(weights, kind="stable")
    ascending = weights[order].astype(np.float64)
    sums, centres = np.concatenate([[0.0], np.cumsum(ascending)]), np.linspace(ascending[0], ascending[-1], count)
    for _ in range(ROUNDS):
        ends = _ends(ascending, centres)
        starts = np.concatenate([[0], ends[:-1]])
        used = ends > starts
        found = (sums[ends[used]] - sums[starts[used]]) / (ends[used] - starts[used])
        if len(found) == len(centres) and np.array_equal(found, centres):
            break
        centres = found
    ends = _ends(ascending, centres)
    nearest = np.empty(len(weights), np.int64)
    nearest[order] = np.searchsorted(ends, np.arange(len(weights)), side="right")
    kept, numbers = np.unique(nearest, return_inverse=True)
    return numbers.astype(np.uint8), centres[kept].astype(np.float32)


def _ends(ascending: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where the weights that are nearest to each centre end."""
    borders = np.searchsorted(ascending, (centres[1:] + centres[:-1]) / 2, side="right")
    return np.append(borders, len(ascending)).astype(np.int64)


@torch.no_grad()
def shareable_counts(pruning: Pruning, loss: Loss, tolerance: float) -> dict[str, int]:
    """For each layer the fewest values while the loss rises by no more than the tolerance if the weights of that layer alone share them."""
    before, counts = loss(), {}
    for name, weight in pruning.weights.items():
        original = weight.detach().clone()

        def rise(place: int, weight: nn.Parameter = weight, original: torch.Tensor = original, name: str = name) -> float:
            weight.copy_(original)
            shared(weight, pruning.masks[name], COUNTS[place]).write()
            return loss() - before

        counts[name] = COUNTS[last_within(len(COUNTS), rise, tolerance)]
        weight.copy_(original)
    return counts
