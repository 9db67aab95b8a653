"""Where two learning curves cross, and how certain that is. Pure functions: numbers in, a number and a sentence out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alexnet.comparison.crossing_interval import Interval, crossing_interval
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import percent


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """The errors of two systems trained on the same number of images, and whether a paired test shows a difference.

    standard_error: of the difference of the errors; None if it is unknown.
    """

    images_per_class: float
    first_error: float
    second_error: float
    shown: bool = False
    standard_error: float | None = None

    @property
    def difference(self) -> float:
        """First error minus second; negative if the first system is better."""
        return self.first_error - self.second_error


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    """Where the learning curves of a hand-crafted system and a network cross.

    images_per_class: the last crossing, None if there is none. below, above: the better system on either side of it.
    between: the nearest amounts on either side at which a paired test shows that lead, None unless both sides have one.
    interval: 95%, of images_per_class; an end that lies beyond the amounts measured is None. None if nothing is known about it.
    """

    hand_crafted: str
    network: str
    images_per_class: float | None
    below: str | None
    above: str | None
    between: tuple[float, float] | None
    sentence: str
    interval: Interval | None = None


def crossing_point(first: Mapping[float, float], second: Mapping[float, float]) -> float | None:
    """The images per class at which two curves {images per class: error} cross; the last crossing if there are several.

    Between the amounts that both curves have, the difference of the errors is interpolated linearly in the logarithm of the amount. None
    if neither curve overtakes the other; curves that only touch do not cross.
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


def find_crossing(hand_crafted: str, network: str, amounts: Sequence[Amount], words: PageWords = ENGLISH) -> Crossing:
    """The crossing of a hand-crafted system (first) and a network (second), measured at one amount or more, with a sentence about it."""
    ordered = sorted(amounts, key=lambda amount: amount.images_per_class)
    first = {amount.images_per_class: amount.first_error for amount in ordered}
    second = {amount.images_per_class: amount.second_error for amount in ordered}
    point = crossing_point(first, second)
    below = above = None
    between, interval, sentence = None, None, _uncrossed(hand_crafted, network, ordered, words)
    if point is not None:
        last = next(amount.difference for amount in reversed(ordered) if amount.difference)
        below, above = (hand_crafted, network) if last > 0 else (network, hand_crafted)
        sides = _nearest_shown(ordered, point, math.copysign(1.0, last))
        between = (sides[0], sides[1]) if sides[0] is not None and sides[1] is not None else None
        interval = _interval(ordered, point)
        sentence = _with_interval(_crossed(below, above, point, sides, words), interval, words)
    return Crossing(
        hand_crafted=hand_crafted,
        network=network,
        images_per_class=point,
        below=below,
        above=above,
        between=between,
        sentence=sentence,
        interval=interval,
    )


def about(images: float, words: PageWords = ENGLISH) -> str:
    """An amount rounded to two digits, for prose: 117 -> "120"."""
    return words.number(float(f"{images:.2g}"))


def _nearest_shown(ordered: Sequence[Amount], point: float, last: float) -> tuple[float | None, float | None]:
    """The largest amount below and the smallest above the crossing at which a test shows the lead on that side."""
    shown = [amount for amount in ordered if amount.shown]
    below = [one.images_per_class for one in shown if one.images_per_class <= point and one.difference * last < 0]
    above = [one.images_per_class for one in shown if one.images_per_class >= point and one.difference * last > 0]
    return max(below, default=None), min(above, default=None)


def _interval(ordered: Sequence[Amount], point: float) -> Interval | None:
    errors = [amount.standard_error for amount in ordered if amount.standard_error is not None]
    if len(errors) < len(ordered):
        return None
    return crossing_interval([amount.images_per_class for amount in ordered], [amount.difference for amount in ordered], errors, point)


def _with_interval(sentence: str, interval: Interval | None, words: PageWords) -> str:
    """The sentence with a second one about the interval, if it is known."""
    if interval is None:
        return sentence
    low, high = (None if end is None else about(end, words) for end in interval)
    if low is None and high is None:
        more = words.plain("compare.crossing_anywhere")
    elif high is None:
        more = words.plain("compare.crossing_above", low=str(low))
    elif low is None:
        more = words.plain("compare.crossing_below", high=high)
    else:
        more = words.plain("compare.crossing_between", low=low, high=high)
    return words.plain("compare.between_sentences", first=sentence, second=more)


def _crossed(below: str, above: str, point: float, sides: tuple[float | None, float | None], words: PageWords) -> str:
    lead = {"below": below, "above": above, "point": about(point, words)}
    match sides:
        case (None, None):
            return words.plain("compare.curves_noise", **lead)
        case (float() | int() as low, float() | int() as high):
            return words.plain("compare.curves_shown", low=words.number(low), high=words.number(high), **lead)
        case (None, _):
            return words.plain("compare.curves_above", **lead)
    return words.plain("compare.curves_below", **lead)


def _uncrossed(first: str, second: str, ordered: Sequence[Amount], words: PageWords) -> str:
    """The sentence for curves that do not cross: one amount only, or one system ahead at all amounts."""
    if len(ordered) == 1:
        return _one_amount(first, second, ordered[0], words)
    unsure = [words.number(amount.images_per_class) for amount in ordered if not amount.shown]
    span = {"least": words.number(ordered[0].images_per_class), "most": words.number(ordered[-1].images_per_class)}
    if len(unsure) == len(ordered):
        return words.plain("compare.never_shown", first=first, second=second, **span)
    ahead, behind = (first, second) if sum(amount.difference for amount in ordered) < 0 else (second, first)
    if unsure:
        listed = words.plain("compare.and").join(unsure)
        return words.plain("compare.always_perhaps", ahead=ahead, behind=behind, unsure=listed, **span)
    return words.plain("compare.always_ahead", ahead=ahead, behind=behind, **span)


def _one_amount(first: str, second: str, amount: Amount, words: PageWords) -> str:
    n = words.number(amount.images_per_class)
    if not amount.shown:
        return words.plain("compare.amount_unsure", n=n, first=first, second=second)
    ahead, behind = (first, second) if amount.difference < 0 else (second, first)
    errors = [percent(error) for error in sorted((amount.first_error, amount.second_error))]
    return words.plain("compare.amount_ahead", n=n, ahead=ahead, behind=behind, error=errors[0], behind_error=errors[1])
