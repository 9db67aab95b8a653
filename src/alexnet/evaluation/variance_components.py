"""The variance components of a mean over seeds and judged images. Independent of arms, verdicts and run folders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Components:
    """The variance components of a mean over n seeds and N images.

    between: variance of a seed's mean, with n - 1 degrees of freedom. alone: the part of it that the choice of images accounts for, known
    from thousands of them; what `between` has beyond it is the excess, the seeds' own. shared: variance of the mean that all seeds share,
    so that more seeds would not lower it. correlation: n_test / n_train of splits drawn from one data set, 0 if all seeds judge the same
    images.
    """

    mean: float
    seeds: int
    images: int
    between: float
    alone: float
    shared: float = 0.0
    correlation: float = 0.0

    @property
    def factor(self) -> float:
        """What a variance between seeds counts in the variance of their mean: 1 / n + n_test / n_train (Nadeau and Bengio 2003).

        Splits of one data set share most of their images, so their results do not vary independently and more of them help less.
        """
        return 1 / self.seeds + self.correlation

    @property
    def excess(self) -> float:
        """The variance between seeds, in multiples of what the images alone cause; 1 if the seeds add nothing."""
        return self.between / self.alone


def crossed(values: NDArray[np.float64]) -> Components:
    """The components of values (seeds, images) with the same images for all seeds: both random, like readers x cases.

    The variance of the mean is (MS_seeds + MS_images - MS_rest) / (n N) (Obuchowski and Rockette 1995; Hillis 2007), where
    MS_images - MS_rest counts as 0 if it is negative. One image is added to the sums of squares, as in Agresti and Min's interval: arms
    that never disagree are not certainly equal.
    """
    n, images = values.shape
    mean, of_seed, of_image = values.mean(), values.mean(1), values.mean(0)
    image_squares = ((of_image - mean) ** 2).sum()
    seed_squares = ((of_seed - mean) ** 2).sum()
    rest_squares = max(0.0, ((values - mean) ** 2).sum() - n * image_squares - images * seed_squares)
    freedom = max(1, images - 1)
    rest = rest_squares / ((n - 1) * freedom)
    return Components(
        mean=float(mean),
        seeds=n,
        images=images,
        between=float(seed_squares / (n - 1)),
        alone=float(max(rest, 1 / freedom) / images),
        shared=float(max(0.0, n * (image_squares + 1) / freedom - rest) / (n * images)),
    )


def own_splits(values: Sequence[NDArray[np.float64]], test_share: float) -> Components:
    """The components of the values of each seed on its own images; test_share: n_test / n_train of the splits."""
    of_seed = np.array([one.mean() for one in values])
    alone = np.mean([(((one - one.mean()) ** 2).sum() + 1) / len(one) ** 2 for one in values])
    return Components(
        mean=float(of_seed.mean()),
        seeds=len(values),
        images=sum(map(len, values)),
        between=float(of_seed.var(ddof=1)),
        alone=float(alone),
        correlation=test_share,
    )
