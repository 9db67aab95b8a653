"""How certain the crossing of two learning curves is: the amounts at which neither system is surely ahead. Numbers in, numbers out."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexnet.evaluation.paired_test import Z95

STEPS = 2_000  # amounts that are tried between the least and the most

Interval = tuple[float | None, float | None]  # None: the end lies beyond the amounts that were measured


def crossing_interval(images: Sequence[float], differences: Sequence[float], errors: Sequence[float], point: float) -> Interval:
    """The 95% interval of a crossing at `point` images per class, by Fieller's argument.

    differences: of the two systems' errors at each amount in `images` (ascending), with their standard errors. An amount belongs to the
    interval if the interpolated difference there is not significantly different from 0; what is connected to the crossing counts.
    The same test images judge all amounts, so that their differences err together: between two amounts the standard error is interpolated
    too, which it never exceeds, however much they do.
    """
    logs = np.log(np.asarray(images, dtype=np.float64))
    places = np.unique(np.concatenate([np.linspace(logs[0], logs[-1], STEPS), [math.log(point)]]))
    unsure = np.abs(np.interp(places, logs, differences)) <= Z95 * np.interp(places, logs, errors)
    middle = int(np.searchsorted(places, math.log(point)).clip(0, len(places) - 1))
    low = _last_unsure(unsure[middle::-1])
    high = _last_unsure(unsure[middle:])
    return (
        None if low is None else float(np.exp(places[middle - low])),
        None if high is None else float(np.exp(places[middle + high])),
    )


def _last_unsure(unsure: NDArray[np.bool_]) -> int | None:
    """How many steps from the first place the unsure ones reach; None if they reach the end."""
    sure = np.flatnonzero(~unsure)
    return max(0, int(sure[0]) - 1) if len(sure) else None
