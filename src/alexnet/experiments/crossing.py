"""Where two learning curves cross, and how sure that is. Pure: numbers in, a number and a sentence out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alexnet.experiments.words import number, percent


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """Two systems after the same amount of pictures: their errors, and whether a paired test shows a difference."""

    pictures_per_class: float
    first_error: float
    second_error: float
    shown: bool = False

    @property
    def difference(self) -> float:
        """Below zero, the first is ahead."""
        return self.first_error - self.second_error


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    """What the curves of a hand-crafted system and a network say about each other.

    pictures_per_class: where they cross for the last time, None if they do not. below, above: who is ahead on either side of it.
    between: the nearest amounts on either side at which that lead is shown by a paired test, None where it is not on both sides.
    """

    hand_crafted: str
    network: str
    pictures_per_class: float | None
    below: str | None
    above: str | None
    between: tuple[float, float] | None
    sentence: str


def crossing_point(first: Mapping[float, float], second: Mapping[float, float]) -> float | None:
    """The pictures per class at which two curves {pictures per class: error} cross, for the last time if they do so several times.

    The difference of the errors is taken as linear over the logarithm of the amount, between the amounts that both curves have. None if
    one is nowhere behind the other. Curves that touch without crossing do not cross.
    """
    signed = [(n, first[n] - second[n]) for n in sorted(first.keys() & second.keys())]
    places = [place for place, (_, difference) in enumerate(signed) if difference != 0]
    turns = [(i, j) for i, j in pairwise(places) if signed[i][1] * signed[j][1] < 0]
    if not turns:
        return None
    i, j = turns[-1]
    ties = [math.log(n) for n, _ in signed[i + 1 : j]]
    if ties:
        return math.exp(sum(ties) / len(ties))
    (low, before), (high, after) = signed[i], signed[j]
    return math.exp(math.log(low) + (math.log(high) - math.log(low)) * before / (before - after))


def find_crossing(hand_crafted: str, network: str, amounts: Sequence[Amount]) -> Crossing:
    """Where a hand-crafted system (first) and a network (second) cross over at least one amount, with the sentence that says it."""
    ordered = sorted(amounts, key=lambda amount: amount.pictures_per_class)
    first = {amount.pictures_per_class: amount.first_error for amount in ordered}
    second = {amount.pictures_per_class: amount.second_error for amount in ordered}
    point = crossing_point(first, second)
    below = above = None
    between, sentence = None, _uncrossed(hand_crafted, network, ordered)
    if point is not None:
        last = next(amount.difference for amount in reversed(ordered) if amount.difference)
        below, above = (hand_crafted, network) if last > 0 else (network, hand_crafted)
        sides = _nearest_shown(ordered, point, math.copysign(1.0, last))
        between = (sides[0], sides[1]) if sides[0] is not None and sides[1] is not None else None
        sentence = _crossed(below, above, point, sides)
    return Crossing(
        hand_crafted=hand_crafted,
        network=network,
        pictures_per_class=point,
        below=below,
        above=above,
        between=between,
        sentence=sentence,
    )


def about(pictures: float) -> str:
    """An amount as one says it: two digits, 117 -> "120"."""
    return number(float(f"{pictures:.2g}"))


def _nearest_shown(ordered: Sequence[Amount], point: float, last: float) -> tuple[float | None, float | None]:
    """The largest amount below and the smallest above the crossing at which the lead of that side is shown."""
    shown = [amount for amount in ordered if amount.shown]
    below = [one.pictures_per_class for one in shown if one.pictures_per_class <= point and one.difference * last < 0]
    above = [one.pictures_per_class for one in shown if one.pictures_per_class >= point and one.difference * last > 0]
    return max(below, default=None), min(above, default=None)


def _crossed(below: str, above: str, point: float, sides: tuple[float | None, float | None]) -> str:
    lead = f"Below about {about(point)} pictures per class {below} is ahead, above it {above}"
    match sides:
        case (None, None):
            met = f"The curves of {below} and {above} meet at about {about(point)} pictures per class, but that is within the noise"
            return f"{met}: no difference between the two is shown on either side."
        case (float() | int() as low, float() | int() as high):
            return f"{lead}. Both leads are shown by paired tests, at {number(low)} and at {number(high)} pictures per class."
        case (None, _):
            return f"{lead}. Only the lead of {above} is shown by a paired test; below, it may be chance."
    return f"{lead}. Only the lead of {below} is shown by a paired test; above, it may be chance."


def _uncrossed(first: str, second: str, ordered: Sequence[Amount]) -> str:
    """One amount, or one system ahead at all amounts."""
    most, total = ordered[-1], sum(amount.difference for amount in ordered)
    ahead, behind = (first, second) if total < 0 else (second, first)
    unsure = [number(amount.pictures_per_class) for amount in ordered if not amount.shown]
    if len(ordered) == 1:
        at = f"With {number(most.pictures_per_class)} pictures per class"
        if unsure:
            return f"{at} no difference between {first} and {second} is shown; one amount makes no curve that could cross."
        errors = sorted((most.first_error, most.second_error))
        lead = f"{at} {ahead} is ahead of {behind} ({percent(errors[0])} against {percent(errors[1])} error)"
        return f"{lead}; one amount makes no curve that could cross."
    span = f"from {number(ordered[0].pictures_per_class)} to {number(most.pictures_per_class)} pictures per class"
    if len(unsure) == len(ordered):
        return f"Between {first} and {second} no difference is shown at any amount {span}, and their curves do not cross."
    caution = f"; at {' and '.join(unsure)} it may be chance" if unsure else ""
    return f"{ahead} is ahead of {behind} at every amount {span}{caution}. Their curves do not cross."
