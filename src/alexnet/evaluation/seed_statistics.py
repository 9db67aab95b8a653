"""The statistics of a study: differences of paired runs with their intervals. Independent of run folders and pages.

There are two sources of chance: the judged images, and the seed (initial weights, order, crops; and the split, if we draw it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.moderation import Moderated, SeedPrior, moderated
from alexnet.evaluation.paired_test import agresti_min_interval
from alexnet.evaluation.variance_components import Components, crossed, own_splits

LEVEL = 0.05  # two-sided: the intervals cover 95%

Wrong = NDArray[np.bool_] | Sequence[NDArray[np.bool_]]  # (seeds, images), or one array per seed if their numbers of images differ


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """On which images the seeds are judged. same_images: the same for all, as in a data set with its own test images.

    test_share: n_test / n_train of the splits, if each seed has its own.
    """

    same_images: bool
    test_share: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How far apart two arms are: of errors, worse minus better; of epochs, worse over better (its variances are of the logarithm).

    p: two-sided, of no difference. seed_variance: of the difference from seed to seed, moderated, with `degrees` of freedom. alone: the
    part of it that the choice of images causes. shared: what more seeds would not lower. correlation: as in Components. at_least, at_most:
    the ratio is only a lower, or an upper, bound, because some runs did not reach the target.
    """

    difference: float
    interval: tuple[float, float]
    seeds: int
    images: int
    p: float = 1.0
    seed_variance: float = 0.0
    degrees: float = 0.0
    alone: float = 0.0
    shared: float = 0.0
    correlation: float = 0.0
    at_least: bool = False
    at_most: bool = False


def difference_components(better: Wrong, worse: Wrong, judging: Judging) -> Components | None:
    """The variance components of the error of `worse` minus that of `better`, over the seeds that both have; None for fewer than two."""
    differences = _differences(better, worse)
    return _components(differences, judging) if len(differences) > 1 else None


def error_effect(
    better: Wrong, worse: Wrong, judging: Judging, *, prior: SeedPrior | None = None, level: float = LEVEL
) -> Difference | None:
    """Error of `worse` minus error of `better`, each given as whether an image was missed with a seed; None without pairs of runs.

    The same images for all seeds make a crossed design of seeds and images, both random; different images for each seed, a paired t with
    the correction of Nadeau and Bengio (`variance_components`). The variance between seeds is moderated by the study's other pairs
    (`prior`), and never below the part that the images alone cause, which is known from thousands of them: only the excess is estimated
    from few seeds. The interval is a t interval with Satterthwaite's degrees of freedom, never narrower than the normal one of the images
    alone.

    With one seed the interval covers the images only and is Agresti and Min's (2005): the variation between trainings is not included, and
    p is 1. level: two-sided, of this look (`sequential.level_at` if the study looks after each seed).
    """
    differences = _differences(better, worse)
    if not differences:
        return None
    if len(differences) == 1:
        only = differences[0]
        return Difference(difference=float(only.mean()), interval=agresti_min_interval(only), seeds=1, images=len(only))
    parts = _components(differences, judging)
    between = moderated(parts, prior)
    between = Moderated(variance=max(between.variance, parts.alone), degrees=between.degrees)
    half = half_width(parts, between, level)
    return Difference(
        difference=parts.mean,
        interval=(max(-1.0, parts.mean - half), min(1.0, parts.mean + half)),
        seeds=parts.seeds,
        images=parts.images,
        p=_p_value(parts, between),
        seed_variance=between.variance,
        degrees=between.degrees,
        alone=parts.alone,
        shared=parts.shared,
        correlation=parts.correlation,
    )


def mean_error(wrong: Wrong, judging: Judging) -> tuple[float, tuple[float, float]]:
    """Mean error of an arm with a 95% interval over seeds and images, by the designs of `error_effect`; one seed: Wilson's interval."""
    values = [np.asarray(one, dtype=np.float64) for one in wrong]
    if len(values) == 1:
        return float(values[0].mean()), error_interval(round(values[0].sum()), len(values[0]))
    parts = _components(values, judging)
    half = half_width(parts, moderated(parts, None), LEVEL)
    return parts.mean, (max(0.0, parts.mean - half), min(1.0, parts.mean + half))


def _differences(better: Wrong, worse: Wrong) -> list[NDArray[np.float64]]:
    return [np.asarray(w, dtype=np.float64) - np.asarray(b, dtype=np.float64) for b, w in zip(better, worse, strict=True)]


def _components(values: Sequence[NDArray[np.float64]], judging: Judging) -> Components:
    return crossed(np.stack(values)) if judging.same_images else own_splits(values, judging.test_share)


def half_width(parts: Components, between: Moderated, level: float) -> float:
    """Half the interval of the mean: by t with both kinds of chance, and at least by the normal distribution of the images alone."""
    variance, freedom = _variance(parts, between)
    by_t = float(stdtrit(freedom, 1 - level / 2)) * np.sqrt(variance)
    return max(float(by_t), float(-ndtri(level / 2) * np.sqrt(_least(parts))))


def _p_value(parts: Components, between: Moderated) -> float:
    """The largest two-sided level at which the interval of `half_width` excludes 0; `between` is at least the images' part."""
    variance, freedom = _variance(parts, between)
    return float(2 * stdtr(freedom, -abs(parts.mean) / np.sqrt(variance)))


def _variance(parts: Components, between: Moderated) -> tuple[float, float]:
    """The variance of the mean, and Satterthwaite's degrees of freedom."""
    of_seeds = between.variance * parts.factor
    variance = of_seeds + parts.shared
    if variance == 0:
        return _least(parts), 1.0
    return variance, variance**2 / (of_seeds**2 / between.degrees + parts.shared**2 / max(1, parts.images - 1))


def _least(parts: Components) -> float:
    """The variance of the mean if the seed made no difference."""
    return parts.alone * parts.factor + parts.shared
