"""Looking at a study after each seed without more false verdicts: alpha spent over the looks (Lan and DeMets 1983).

A study that adds seeds until its interval excludes 0 looks several times, and each look is another chance to be wrong. So each look has a
level of its own, so small that all of them together are wrong in at most `alpha` of studies without an effect.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

FIRST_LOOK = 3  # seeds at the first look; then one look per seed
PLANNED = 16  # seeds up to which most of alpha is spent
POWER = 1.5  # alpha is spent in proportion to this power of the seeds: 1 is much at the start (Pocock), 3 is late (O'Brien and Fleming)
RESERVE = 0.05  # of alpha is kept for seeds beyond PLANNED, which may be added by hand without an end
NODES, WEIGHTS = leggauss(64)
SMALLEST, LARGEST = 1e-12, 0.5  # levels between which a p value is searched
ALPHAS = tuple(sorted({*np.geomspace(SMALLEST, LARGEST, 60).tolist(), 0.05, 0.01}))  # and interpolated


def spent(alpha: float, seeds: int) -> float:
    """The share of alpha that has been spent when the study has that many seeds."""
    if seeds <= PLANNED:
        return float(alpha * (1 - RESERVE) * (seeds / PLANNED) ** POWER)
    return alpha * (1 - RESERVE * PLANNED / seeds)


class Stage(NamedTuple):
    """A look at one alpha: the sum of differences beyond which it shows an effect, and the density of the sums that stay within."""

    edge: float
    points: NDArray[np.float64]
    density: NDArray[np.float64]


def level_at(seeds: int, alpha: float = 0.05) -> float:
    """The two-sided level at which the look with that many seeds is judged; its intervals cover 1 - level each, and 1 - alpha together.

    A t quantile of this level serves where the variance is estimated.
    """
    for look in range(FIRST_LOOK, seeds):
        _stage(look, alpha)  # each rests on the one before, which is remembered
    return float(2 * ndtr(-_stage(seeds, alpha).edge / np.sqrt(seeds)))


@lru_cache(maxsize=20_000)
def _stage(look: int, alpha: float) -> Stage:
    """The look with that many seeds (Armitage, McPherson and Rowe 1969).

    Between looks, the sum of the differences makes a normal step. Its density within the boundaries of the looks before is integrated by
    Gauss and Legendre's rule.
    """
    first = look == FIRST_LOOK
    before = Stage(0.0, np.zeros(1), np.ones(1)) if first else _stage(look - 1, alpha)
    step = float(np.sqrt(FIRST_LOOK if first else 1))
    edge = _boundary(before, step, spent(alpha, look) - (0.0 if first else spent(alpha, look - 1)), look)
    points = edge * NODES
    kernel = np.exp(-0.5 * ((points[:, None] - before.points[None]) / step) ** 2) / (step * np.sqrt(2 * np.pi))
    return Stage(edge, points, (kernel @ before.density) * edge * WEIGHTS)


def _boundary(before: Stage, step: float, due: float, look: int) -> float:
    """The sum beyond which, on either side, a look without effect ends with probability `due`."""

    def beyond(edge: float) -> float:
        return float((before.density * (ndtr((before.points - edge) / step) + ndtr((-before.points - edge) / step))).sum())

    highest = float(-ndtri(SMALLEST * 1e-6) * np.sqrt(look))
    return float(brentq(lambda edge: beyond(edge) - due, 0.0, highest, xtol=1e-10)) if beyond(0.0) > due > beyond(highest) else highest


def sequential_p(p: float, seeds: int) -> float:
    """The smallest alpha at which the look with that many seeds, whose own p value is `p`, still shows the effect; 1.0 above LARGEST."""
    levels = [level_at(seeds, alpha) for alpha in ALPHAS]
    if p > levels[-1]:
        return 1.0
    return float(np.exp(np.interp(np.log(max(p, levels[0])), np.log(levels), np.log(ALPHAS))))
