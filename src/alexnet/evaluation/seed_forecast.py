"""How wide an interval will be with more seeds or more images: before a study, and after one that could not decide."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import stdtrit

from alexnet.evaluation.seed_statistics import LEVEL, Difference

MOST_SEEDS = 100  # beyond this, and
MOST_IMAGES = 1_000_000  # beyond this, more of them is no advice


@dataclass(frozen=True, kw_only=True, slots=True)
class More:
    """How many more seeds, or judged images of each seed, would decide; None: no number of them alone would."""

    seeds: int | None
    images: int | None


def more_needed(found: Difference, *, margin: float, level: Callable[[int], float] = lambda seeds: LEVEL) -> More:
    """How many more seeds, or else images, would probably show the difference or that it is within the margin, if it stays as it is.

    Either 0 leaves the interval, or the whole interval falls within the margin: whichever is wider is aimed at. level: two-sided, of the
    look with that many seeds.
    """
    aim = max(abs(found.difference), margin - abs(found.difference))
    further = range(found.seeds + 1, MOST_SEEDS + 1)
    seeds = next((n for n in further if expected_half(found, seeds=n, level=level(n)) <= aim), None)
    return More(seeds=None if seeds is None else seeds - found.seeds, images=_images(found, aim, level(found.seeds)))


def _images(found: Difference, aim: float, level: float) -> int | None:
    """By doubling, then bisection: the half width falls as images are added. Seeds with splits of their own need so many each."""
    if not found.images:  # a ratio of epochs: images have no part in it
        return None
    low, high = found.images, found.images
    while expected_half(found, images=high, level=level) > aim:
        low, high = high, 2 * high
        if high > MOST_IMAGES:
            return None
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if expected_half(found, images=middle, level=level) <= aim else (middle, high)
    more = high - found.images
    return max(1, math.ceil(more / found.seeds) if found.correlation else more)


def expected_half(found: Difference, *, seeds: int | None = None, images: int | None = None, level: float = LEVEL) -> float:
    """The half width to expect with that many seeds or images in place of those that there are."""
    n, fewer = seeds or found.seeds, found.images / images if images else 1.0
    excess = max(0.0, found.seed_variance - found.alone)
    between = excess + found.alone * fewer
    variance = between * (1 / n + found.correlation) + found.shared * fewer
    degrees = found.degrees * max(1, n - 1) / max(1, found.seeds - 1)
    return float(stdtrit(max(1.0, degrees), 1 - level / 2)) * math.sqrt(variance)


DISCORDANT = 0.25  # images that only one of two arms gets wrong
SHARED = 0.04  # of the images' variance, what all seeds share: 0.1 of 0.5 points (converged runs on CIFAR-10)
EXCESS = 0.005  # standard deviation of a difference from seed to seed, beyond the images' part


def expected_half_width(judged: int, seeds: int, *, pairs: int = 1, test_share: float = 0.0, level: float = LEVEL) -> float:
    """The expected half width of the interval of a difference of errors, as a share, before anything has been measured.

    pairs: of arms in the study, which share what their seeds teach about the noise. test_share: n_test / n_train, if each seed has its own
    split. By t with the degrees of freedom that these seeds and pairs will have, at the two-sided `level`.
    """
    images = DISCORDANT / judged
    shared = 0.0 if test_share else SHARED * images
    variance = (images - shared + EXCESS**2) * (1 / seeds + test_share) + shared
    return float(stdtrit(max(1, (seeds - 1) * pairs), 1 - level / 2)) * math.sqrt(variance)


def seeds_within(
    aim: float, judged: int, seeds: range, *, test_share: float = 0.0, level: Callable[[int], float] = lambda seeds: LEVEL
) -> int:
    """The fewest of these seeds with which an interval of two arms is expected within `aim` to either side; else the most of them.

    judged, test_share, level: as in `expected_half_width` and `more_needed`.
    """
    halves = ((n, expected_half_width(judged, n, test_share=test_share, level=level(n))) for n in seeds)
    return next((n for n, half in halves if half <= aim), seeds[-1])
