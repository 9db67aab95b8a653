"""Changes of a recipe that depend on the recipe itself: a multiple of a number, a number in spite of the width, equal totals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.recipes.networks import layers_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import value_of

LARGEST_MATCH = 1 << 17  # the most hidden units in the search for equal totals
WIDTH = "network.width"
WIDEST_MATCH = 8
WIDTH_STEPS = 256  # parts of 1 in the search for a width


@dataclass(frozen=True, slots=True)
class Times:
    """A change that multiplies the common recipe's number."""

    factor: float


@dataclass(frozen=True, slots=True)
class InSpiteOfWidth:
    """A change to a number of channels or units that the network has at any width."""

    number: int


@dataclass(frozen=True, slots=True)
class Matching:
    """A change to the number at which the network has as many parameters (or macs) as before the arm's other changes.

    For `network.width` it is the next lower 1/WIDTH_STEPS, for other fields a whole number.
    """

    total: str  # "parameters" or "macs"


def numbers(changes: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """The changes with values that depend on the recipe worked out, except for Matching; whole numbers stay whole."""
    return {name: _number(value, name, recipe) for name, value in changes.items()}


def _number(value: Any, dotted: str, recipe: Recipe) -> Any:
    if isinstance(value, InSpiteOfWidth):
        return max(1, round(value.number / (recipe.network.width or 1.0)))
    return _times(recipe, dotted, value.factor) if isinstance(value, Times) else value


def _times(recipe: Recipe, dotted: str, factor: float) -> float:
    value = value_of(recipe, dotted)
    if value is None:  # the default width of a network is 1
        return factor
    return round(factor * value) if isinstance(value, int) else float(f"{factor * value:.6g}")


def matched(start: Recipe, shared: Recipe, changes: Mapping[str, Any], classes: int) -> Recipe:
    """The recipe `start` with the changes, of which those that are Matching make its totals equal to those of `shared`."""
    plain = {name: value for name, value in changes.items() if not isinstance(value, Matching)}
    recipe = with_overrides(start, numbers(plain, shared))
    for name, value in changes.items():
        if isinstance(value, Matching):
            wanted = total(shared, classes, value.total)
            recipe = with_overrides(recipe, {name: _matching(recipe, name, value.total, wanted, classes)})
    return recipe


def total(recipe: Recipe, classes: int, what: str) -> int:
    """The parameters or macs of the recipe's network."""
    return int(sum(getattr(layer, what) for layer in layers_of(recipe, classes)))


def _matching(recipe: Recipe, field: str, what: str, wanted: int, classes: int) -> float:
    """The largest value of `field` at which the network has at most `wanted` parameters or macs (`what`)."""
    step = 1 / WIDTH_STEPS if field == WIDTH else 1

    def fits(count: int) -> bool:
        return total(with_overrides(recipe, {field: count * step}), classes, what) <= wanted

    most = WIDEST_MATCH * WIDTH_STEPS if field == WIDTH else LARGEST_MATCH
    return _largest(fits, most) * step


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest whole number from 1 to `most` for which `fits` holds, by bisection; 1 if it holds for none."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
