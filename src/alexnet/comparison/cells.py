"""What a comparison is made of: systems, amounts of images and seeds as the user's words, and the cells that follow from them.

All mistakes in the words are found here, before anything runs. Trains nothing and reads no images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.models.kinds import FROZEN, FROZEN_NETWORK, NETWORK, kind_of

LEAST_SECONDS = 10.0  # of a network's training
FROZEN_SHARE = 0.15  # of a network's time: features of all images once, and one convex problem


def network_of(model: str) -> str:
    """The network that a frozen model's features come from; any other model itself."""
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
    def words(self) -> str:
        """As a line of progress says it."""
        return f"{self.model}, {100 * self.fraction:g}% of the pictures, seed {self.seed}"


def seconds_for(cell: Cell, left: float, remaining: Sequence[Cell]) -> float:
    """The time of a network's cell, `left` seconds being there for it and the `remaining` cells after it.

    Shares are in proportion to the fraction of the images, at least LEAST_SECONDS each; a frozen cell counts as FROZEN_SHARE of its
    network. Where the least is more than what is left, it is given all the same.
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
