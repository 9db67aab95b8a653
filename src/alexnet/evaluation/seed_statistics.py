"""The statistics of a study: differences of paired runs with their intervals. Independent of run folders and pages.

There are two sources of chance: the test images, and the seed (initial weights, order, crops; and the split, if we draw it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri, ndtri, stdtrit

from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.paired_test import agresti_min_interval

TAIL = 0.975  # quantile of a two-sided 95% interval
UNLIKE = 0.8  # an arm whose spread lies beyond this quantile of the others' is not pooled with them
BORROWED = 1  # most degrees of freedom that the other arms' spread adds
LARGEST_RATIO = 1000.0  # represents an open end of a ratio's interval

Wrong = NDArray[np.bool_] | Sequence[NDArray[np.bool_]]  # (seeds, images), or one array per seed if their numbers of images differ


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How far apart two arms are: of errors, worse minus better; of epochs, worse over better. See `findings.Effect` for the fields.

    at_least, at_most: the ratio is only a lower, or an upper, bound, because some runs did not reach the target.
    """

    difference: float
    interval: tuple[float, float]
    repeat_noise: float
    seeds: int
    images: int
    at_least: bool = False
    at_most: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedNoise:
    """The noise between seeds, estimated from the arms of a study together.

    variance: of the difference of two arms' errors between seeds. degrees: of freedom. alike: for each arm, whether it was pooled; the
    variance must not be used for the others.
    """

    variance: float
    degrees: int
    alike: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """The passes that one run needed to reach the target, or all that it trained for if it did not reach it."""

    epochs: float
    reached: bool = True


def error_effect(better: Wrong, worse: Wrong, *, same_images: bool, pooled: tuple[float, int] | None = None) -> Difference | None:
    """Error of `worse` minus error of `better`, each given as whether an image was missed with a seed; None without pairs of runs.

    With the same images for all seeds the design is crossed, seeds x images, both random, like readers x cases in studies of
    radiologists (Obuchowski and Rockette 1995; Hillis 2007): the variance of the mean is (MS_seeds + MS_images - MS_rest) / (n N), where
    MS_images - MS_rest counts as 0 if it is negative; a t interval with Satterthwaite's degrees of freedom. With different images for
    each seed, their differences contain both kinds of chance: a paired t interval. Neither is ever narrower than the normal interval of
    the images alone, as if the seed made no difference (MS_rest in place of MS_seeds): a few seeds may agree by luck. That floor applies to
    the interval, not to the variance, because the images' part is well estimated and needs no t for few degrees of freedom. One image is
    added to the images' sum of squares, as in Agresti and Min's interval: arms that never disagree are not certainly equal.

    With one seed the interval covers the images only and is Agresti and Min's (2005); the variation between trainings is not included.

    pooled: variance and degrees of freedom of `pooled_noise`. The variance between seeds is then the larger of it and the pair's own, with
    one more degree of freedom. Simulated with three seeds and normal noise, this covers 94% to 99%, whether all arms are alike or one of
    them has 2 to 30 times the others' spread. The plain pooled variance with all its degrees covers 78% to 92% for the arm with more
    spread. The pair's own alone covers 95%, but detects an effect of four times an arm's noise in 71% of cases; this rule, in 81%.
    """
    differences = [np.asarray(w, dtype=np.float64) - np.asarray(b, dtype=np.float64) for b, w in zip(better, worse, strict=True)]
    if not differences:
        return None
    seeds, images = len(differences), len(differences[0])
    if seeds == 1:
        only = differences[0]
        return Difference(difference=float(only.mean()), interval=agresti_min_interval(only), repeat_noise=0.0, seeds=1, images=images)
    layout = _crossed(np.stack(differences)) if same_images else _nested(differences)
    mean, low, high, noise = _t_interval(layout, pooled)
    interval = (max(-1.0, low), min(1.0, high))
    total = images if same_images else sum(map(len, differences))
    return Difference(difference=mean, interval=interval, repeat_noise=noise, seeds=seeds, images=total)


def mean_error(wrong: Wrong, *, same_images: bool) -> tuple[float, tuple[float, float]]:
    """Mean error of an arm with a 95% interval over seeds and images, by the designs of `error_effect`; one seed: Wilson's interval."""
    values = [np.asarray(one, dtype=np.float64) for one in wrong]
    if len(values) == 1:
        return float(values[0].mean()), error_interval(round(values[0].sum()), len(values[0]))
    mean, low, high, _ = _t_interval(_crossed(np.stack(values)) if same_images else _nested(values), None)
    return mean, (max(0.0, low), min(1.0, high))


@dataclass(frozen=True, slots=True)
class _Layout:
    """The variance components of a mean over n seeds and N images."""

    mean: float
    seeds: int
    images: int
    between_seeds: float  # variance of a seed's mean
    least: float  # the part of it that the images alone account for
    shared: float  # variance of the mean that all seeds share, so that more seeds would not lower it


def _crossed(values: NDArray[np.float64]) -> _Layout:
    """The components of values (seeds, images), with the same images for all seeds."""
    n, images = values.shape
    mean, of_seed, of_image = values.mean(), values.mean(1), values.mean(0)
    image_squares = ((of_image - mean) ** 2).sum()
    seed_squares = ((of_seed - mean) ** 2).sum()
    rest_squares = ((values - mean) ** 2).sum() - n * image_squares - images * seed_squares
    freedom = max(1, images - 1)
    rest = max(0.0, rest_squares) / ((n - 1) * freedom)
    shared = max(0.0, n * (image_squares + 1) / freedom - rest) / (n * images)
    return _Layout(float(mean), n, images, float(seed_squares / (n - 1)), float(rest / images), float(shared))


def _nested(values: Sequence[NDArray[np.float64]]) -> _Layout:
    """The components of the values of each seed on its own images."""
    of_seed = np.array([one.mean() for one in values])
    least = np.mean([(((one - one.mean()) ** 2).sum() + 1) / len(one) ** 2 for one in values])
    return _Layout(float(of_seed.mean()), len(values), sum(map(len, values)), float(of_seed.var(ddof=1)), float(least), 0.0)


def _t_interval(layout: _Layout, pooled: tuple[float, int] | None) -> tuple[float, float, float, float]:
    """Mean, 95% interval (low, high), and standard deviation between seeds."""
    noise, freedom = layout.between_seeds, layout.seeds - 1
    if pooled is not None:
        noise, freedom = max(noise, pooled[0]), freedom + max(0, min(BORROWED, pooled[1] - freedom))
    of_seeds, shared = noise / layout.seeds, layout.shared
    variance = of_seeds + shared
    parts = of_seeds**2 / freedom + shared**2 / max(1, layout.images - 1)
    half = stdtrit(variance**2 / parts, TAIL) * np.sqrt(variance) if parts else 0.0
    half = max(float(half), float(ndtri(TAIL) * np.sqrt(layout.least / layout.seeds + shared)))
    return layout.mean, layout.mean - half, layout.mean + half, float(np.sqrt(noise))


def pooled_noise(errors: NDArray[np.float64]) -> SeedNoise | None:
    """The noise between seeds over all arms that are alike; None if fewer than three are, or there is only one seed.

    errors: (arms, seeds). Arms x seeds is a randomised block design: its residual mean square, with (arms - 1)(seeds - 1) degrees of
    freedom, is half the variance of a difference; equivalently, that variance is the mean over all pairs of arms. Two kinds of arms are
    excluded: those with the same error for every seed (at chance, or deterministic), which would make the noise too small for the rest; and
    those whose differences to all others vary more than the differences among the others, by an F test at 20%, because one diverged run
    would hide all effects. The test is that lenient because a wrong exclusion costs little, while the interval of an arm with much spread
    must not be narrowed.
    """
    seeds = errors.shape[1]
    alike = (errors != errors[:, :1]).any(axis=1)
    varies = np.flatnonzero(alike)
    if seeds < 2 or len(varies) < 3:
        return None
    spread = _difference_variances(errors[varies])
    alike[varies] = ~_unlike(spread, seeds)
    kept = alike[varies]
    if kept.sum() < 3:
        return None
    return SeedNoise(
        variance=_mean_of_pairs(spread[np.ix_(kept, kept)]),
        degrees=int((kept.sum() - 1) * (seeds - 1)),
        alike=tuple(bool(one) for one in alike),
    )


def _difference_variances(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The variance over seeds of the difference of two arms' errors, for each pair: (arms, arms)."""
    variances: NDArray[np.float64] = (errors[:, None] - errors[None]).var(axis=-1, ddof=1)
    return variances


def _mean_of_pairs(spread: NDArray[np.float64]) -> float:
    arms = len(spread)
    return float(spread.sum() / (arms * (arms - 1)))


def _unlike(spread: NDArray[np.float64], seeds: int) -> NDArray[np.bool_]:
    arms = len(spread)
    limit = fdtri(seeds - 1, (arms - 2) * (seeds - 1), UNLIKE)
    others = [np.delete(np.arange(arms), arm) for arm in range(arms)]
    return np.array([spread[arm, rest].min() > limit * _mean_of_pairs(spread[np.ix_(rest, rest)]) for arm, rest in enumerate(others)])


def ratio_effect(better: Sequence[Passes], worse: Sequence[Passes]) -> Difference | None:
    """Epochs of `worse` over epochs of `better`: the geometric mean of the pairs with a t interval on the logarithms; None without pairs.

    A run that did not reach the target would have needed more passes than it trained for, so those are used as a lower bound. If it is of
    `worse`, the ratio is a lower bound (`at_least`) and its interval is open above; if of `better`, the ratio is an upper bound
    (`at_most`). A pair in which neither run reached the target is left out. The interval of a single pair is open on both sides.
    """
    pairs = [(b, w) for b, w in zip(better, worse, strict=True) if (b.reached or w.reached) and min(b.epochs, w.epochs) > 0]
    if not pairs:
        return None
    logs = np.log([w.epochs / b.epochs for b, w in pairs])
    at_least, at_most = not all(w.reached for _, w in pairs), not all(b.reached for b, _ in pairs)
    noise = float(logs.std(ddof=1)) if len(logs) > 1 else 0.0
    half = float(stdtrit(len(logs) - 1, TAIL)) * noise / np.sqrt(len(logs)) if len(logs) > 1 else np.inf
    low, high = (-np.inf if at_most else logs.mean() - half), (np.inf if at_least else logs.mean() + half)
    ends = np.exp(np.clip([low, high], -np.log(LARGEST_RATIO), np.log(LARGEST_RATIO)))
    return Difference(
        difference=float(np.exp(logs.mean())),
        interval=(float(ends[0]), float(ends[1])),
        repeat_noise=noise,
        seeds=len(pairs),
        images=0,
        at_least=at_least,
        at_most=at_most,
    )
