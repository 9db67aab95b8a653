"""The variances of few seeds, moderated by those of a study's other pairs of arms (Smyth 2004, the moderated t of limma).

A variance over three seeds is hardly known, but the pairs of a study vary alike. Their variances are taken to be drawn from one
distribution, an inverse chi square around `centre` with `degrees`; both are estimated from the pairs themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, fdtri, polygamma

from alexnet.evaluation.variance_components import Components

UNLIKE = 0.95  # a pair whose variance lies beyond this quantile of the others' keeps its own degrees of freedom
MOST_DEGREES = 1e6  # stands for a prior that is known exactly


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedPrior:
    """What the other pairs say about the variance between seeds, in multiples of the images' own part (`Components.excess`).

    centre: its typical value, at least 1. degrees: of freedom that this is worth. most: the degrees of freedom of all pairs together,
    which no moderated variance can exceed.
    """

    centre: float
    degrees: float
    most: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Moderated:
    """The variance between seeds of a pair, and its degrees of freedom."""

    variance: float
    degrees: float


def seed_prior(pairs: Sequence[Components]) -> SeedPrior | None:
    """The prior from the pairs of a study that have two seeds or more; None if fewer than two of them vary.

    Smyth's estimate: the logarithms of the variances scatter by trigamma(d / 2) because each has few degrees of freedom d; what they
    scatter beyond that is trigamma(degrees / 2).
    """
    varying = [pair for pair in pairs if pair.seeds > 1 and pair.between > 0]
    if len(varying) < 2:
        return None
    freedom = np.array([pair.seeds - 1.0 for pair in varying])
    logs = np.log([pair.excess for pair in varying]) - digamma(freedom / 2) + np.log(freedom / 2)
    centre, beyond = float(logs.mean()), _beyond(logs, freedom)
    degrees = 2 * _inverse_trigamma(beyond) if beyond > 0 else MOST_DEGREES
    if degrees < MOST_DEGREES:
        centre += float(digamma(degrees / 2) - np.log(degrees / 2))
    return SeedPrior(centre=max(1.0, float(np.exp(centre))), degrees=degrees, most=float(freedom.sum()))


def _beyond(logs: NDArray[np.float64], freedom: NDArray[np.float64]) -> float:
    """The scatter of the logarithms beyond what their degrees of freedom explain."""
    return float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean())


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value, for value > 0."""
    if value < 2 / MOST_DEGREES:
        return MOST_DEGREES / 2
    return float(brentq(lambda x: float(polygamma(1, x)) - value, 1e-4, MOST_DEGREES))


def moderated(pair: Components, prior: SeedPrior | None) -> Moderated:
    """The pair's variance between seeds, drawn up to the prior: (d0 s0 + d s) / (d0 + d), with d0 + d degrees of freedom.

    It is not drawn down: a pair whose large variance is its own would be narrowed by its neighbours, and be shown to differ in 7 of 100
    made-up studies without an effect instead of 5. One that varies far more than the others (an F test at 5%) has none of their degrees.
    """
    own = pair.seeds - 1.0
    if prior is None or pair.excess > prior.centre * fdtri(own, max(1.0, min(prior.degrees, prior.most)), UNLIKE):
        return Moderated(variance=pair.between, degrees=own)
    weight = min(prior.degrees, MOST_DEGREES)
    excess = max(pair.excess, (weight * prior.centre + own * pair.excess) / (weight + own))
    return Moderated(variance=excess * pair.alone, degrees=max(own, min(weight + own, prior.most)))
