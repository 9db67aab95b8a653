"""The arithmetic of a study: differences of paired runs with their intervals, and what may be concluded. Knows no runs and no pages.

Two things are left to chance: which images are judged, and the seed (first weights, order, crops; and the split, where it is ours).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri, ndtri, stdtrit

from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.paired_test import agresti_min_interval

TAIL = 0.975  # of the two-sided 95%
UNLIKE = 0.8  # an arm whose spread lies beyond this quantile of the others' is not pooled with them
BORROWED = 1  # degrees of freedom that the other arms' spread adds, at most
LARGEST_RATIO = 1000.0  # stands for an open end of a ratio's interval

Wrong = NDArray[np.bool_] | Sequence[NDArray[np.bool_]]  # (seeds, images); one array a seed where these judge unequally many


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How far apart two arms are: as error, worse minus better; as epochs, worse over better. See `findings.Effect` for the fields.

    at_least, at_most: a ratio is only known to be so large, or so small, since runs have not reached the target.
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
    """What the arms of a study together say of the seeds' noise.

    variance: of the difference of two arms' errors from one seed to the next. degrees: of freedom. alike: of each arm, whether it was
    pooled; others are not to use the variance.
    """

    variance: float
    degrees: int
    alike: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """One run: passes until the target, or, where it was not reached, passes trained."""

    epochs: float
    reached: bool = True


def error_effect(better: Wrong, worse: Wrong, *, same_images: bool, pooled: tuple[float, int] | None = None) -> Difference | None:
    """Error of `worse` minus error of `better`, whether they missed each image with each seed; None without pairs of runs.

    With the same images under all seeds the layout is crossed, seeds x images, both random, as readers x cases in studies of
    radiologists (Obuchowski and Rockette 1995; Hillis 2007): the variance of the mean is (MS_seeds + MS_pictures - MS_rest) / (n N), where
    MS_pictures - MS_rest counts as 0 when it is negative; a t interval with Satterthwaite's degrees of freedom. With other images under
    each seed their differences hold both kinds of chance: a paired t interval. Neither is ever narrower than the normal interval of the
    images alone, as if the seed made no difference (MS_rest in the place of MS_seeds): few seeds may agree by luck. That floor is on the
    interval and not on the variance, since the images' part is well known and needs no t for few degrees of freedom. To the images'
    squares one image is added, as in Agresti and Min's interval: arms that never disagree are not certainly equal.

    With one seed only the images are in the interval, which is Agresti and Min's (2005); what another training would change is not.

    pooled: variance and degrees of freedom of `pooled_noise`. The seeds' variance is then the larger of it and the pair's own, with one
    degree of freedom more. Simulated with three seeds and normal noise, this covers 94% to 99%, whether all arms are alike or one of them
    has 2 to 30 times the others' spread. The plain pooled variance with all its degrees covers 78% to 92% for the arm with more spread. The
    pair's own alone covers 95%, but finds an effect of four times an arm's noise in 71% of the cases where this rule finds it in 81%.
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
    """Mean error of an arm with a 95% interval over seeds and images, by the layouts of `error_effect`; one seed: Wilson's interval."""
    values = [np.asarray(one, dtype=np.float64) for one in wrong]
    if len(values) == 1:
        return float(values[0].mean()), error_interval(round(values[0].sum()), len(values[0]))
    mean, low, high, _ = _t_interval(_crossed(np.stack(values)) if same_images else _nested(values), None)
    return mean, (max(0.0, low), min(1.0, high))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Of a mean over n seeds and N images: variance over seeds; the least that images make of that; the part that all seeds share."""

    mean: float
    seeds: int
    images: int
    between_seeds: float  # variance of a seed's mean
    least: float
    shared: float  # variance of the mean that more seeds would not lower


def _crossed(values: NDArray[np.float64]) -> _Layout:
    """Values (seeds, images), the same images under all seeds."""
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
    """Values of each seed on images of its own."""
    of_seed = np.array([one.mean() for one in values])
    least = np.mean([(((one - one.mean()) ** 2).sum() + 1) / len(one) ** 2 for one in values])
    return _Layout(float(of_seed.mean()), len(values), sum(map(len, values)), float(of_seed.var(ddof=1)), float(least), 0.0)


def _t_interval(layout: _Layout, pooled: tuple[float, int] | None) -> tuple[float, float, float, float]:
    """Mean, 95% interval, standard deviation from one seed to the next."""
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
    """The seeds' noise over all arms that are alike; None where fewer than three are, or there is one seed.

    errors: (arms, seeds). Arms x seeds is a randomised block design: its residual mean square, with (arms - 1)(seeds - 1) degrees of
    freedom, is half the variance of a difference; equally, that variance is the mean over all pairs of arms. Left out are arms that have
    the same error with every seed (at chance, or without a random number), which would make the noise too small for the rest, and arms
    whose difference to every other varies more than those among the others, by an F test at 20%: a diverged run would hide all effects.
    The test is that loose since a wrong exclusion costs little, and an arm with much spread must not be narrowed.
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
    """Of each pair of arms, the variance over seeds of the difference of their errors: (arms, arms)."""
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
    """Epochs of `worse` over epochs of `better`, the geometric mean of the pairs with a t interval on the logarithms; None without pairs.

    A run that has not reached the target would have needed more passes than it was given, so what it was given stands for it. Where that
    is a run of `worse` the ratio is a lower bound (`at_least`) and its interval open above; a run of `better` makes it an upper one. A pair
    that has not reached it on either side says nothing and is left out. One pair has no spread: its interval is open on both sides.
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
