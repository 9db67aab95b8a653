"""A cell of a comparison: one system, one share of the training images, one seed; and how a time budget is divided over cells."""

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.models.kinds import FROZEN, FROZEN_NETWORK, NETWORK, kind_of

LEAST_SECONDS = 10.0  # to train a network in
FROZEN_SHARE = 0.15  # of its network's time: extract the features of all images once, then solve one convex problem


def network_of(model: str) -> str:
    """The network that a frozen model takes its features from; for any other model, the model itself."""
    return model.removesuffix(FROZEN) if kind_of(model) is FROZEN_NETWORK else model


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a comparison: a system, a share of the training images, a seed."""

    model: str
    fraction: float
    seed: int

    @property
    def folder(self) -> str:
        """The name of its run folder."""
        return f"{self.model}-{self.fraction:g}-{self.seed}"

    @property
    def network(self) -> "Cell":
        """The cell whose network a frozen cell takes its features from."""
        return Cell(network_of(self.model), self.fraction, self.seed)

    @property
    def label(self) -> str:
        """The cell in a line of progress."""
        return f"{self.model}, {100 * self.fraction:g}% of the pictures, seed {self.seed}"


def seconds_for(cell: Cell, left: float, remaining: Sequence[Cell]) -> float:
    """Seconds for a network's cell, when `left` seconds remain for it and for the `remaining` cells after it.

    Time is divided in proportion to the fraction of the images, at least LEAST_SECONDS each; a frozen cell counts as FROZEN_SHARE of its
    network. A cell has LEAST_SECONDS even if less than that is left.
    """
    networks = [one for one in (cell, *remaining) if kind_of(one.model) is NETWORK]
    weights = {one: one.fraction * (1 + FROZEN_SHARE * _has_frozen(one, remaining)) for one in networks}
    while weights:
        seconds = {one: left * one.fraction / sum(weights.values()) for one in weights}
        small = [one for one in weights if seconds[one] <= LEAST_SECONDS]
        if not small:
            return seconds[cell]
        if cell in small:
            return LEAST_SECONDS
        left -= LEAST_SECONDS * len(small)
        weights = {one: weight for one, weight in weights.items() if one not in small}
    return LEAST_SECONDS


def _has_frozen(cell: Cell, remaining: Sequence[Cell]) -> bool:
    return any(kind_of(one.model) is FROZEN_NETWORK and one.network == cell for one in remaining)
