"""Two systems on the same images: which one errs where the other does not, and whether chance explains the difference.

Works on the predictions that runs record; independent of models and run folders. Several seeds are pooled by image: an image that is hard
for a system is hard with every seed, and counts once.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binomtest

from alexnet.evaluation.metrics import error_interval

CHANCE = 0.05  # significance level: a difference whose p value is not below it counts as not shown
Z95 = float(ndtri(0.975))  # standard deviations on either side that hold 95% of a normal distribution

Wrong = Mapping[str, bool]  # an image's name -> whether its class was missed
Judged = Mapping[int, Wrong]  # one mapping per seed


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """How the errors of a first and a second system differ on the images that both classified.

    n: images. first_only, second_only: images that only this system gets wrong (with several seeds: gets wrong more often).
    difference: error of the first minus error of the second, with its 95% interval. p: McNemar's test, exact.
    """

    n: int
    first_only: int
    second_only: int
    difference: float
    interval: tuple[float, float]
    p: float

    @property
    def shown(self) -> bool:
        """Whether chance alone would cause such a difference in fewer than 5 of 100 cases."""
        return self.p < CHANCE

    def reversed(self) -> "Paired":
        """The same comparison with the systems exchanged."""
        low, high = self.interval
        return Paired(
            n=self.n,
            first_only=self.second_only,
            second_only=self.first_only,
            difference=-self.difference,
            interval=(-high, -low),
            p=self.p,
        )


def paired_test(first: Judged, second: Judged) -> Paired | None:
    """McNemar's exact test on the images that both systems classified with the same seed; None if there are none.

    With one seed it is the exact form of McNemar's test (1947): by chance alone, each system would account for half of the images that only
    one of the two gets wrong. With several seeds, an image counts against the system that gets it wrong more often (a sign test over
    images): further seeds on the same images are not further images. The variation between trainings is not included.
    """
    net: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for seed in first.keys() & second.keys():
        for name in first[seed].keys() & second[seed].keys():
            net[name] += first[seed][name] - second[seed][name]
            times[name] += 1
    if not times:
        return None
    differences = np.array([net[name] for name in times], dtype=np.float64)
    judged = np.array(list(times.values()), dtype=np.float64)
    first_only, second_only = int((differences > 0).sum()), int((differences < 0).sum())
    return Paired(
        n=len(judged),
        first_only=first_only,
        second_only=second_only,
        difference=float(differences.sum() / judged.sum()),
        interval=agresti_min_interval(differences, judged),
        p=float(binomtest(first_only, first_only + second_only).pvalue) if first_only + second_only else 1.0,
    )


def agresti_min_interval(differences: NDArray[np.float64], judged: NDArray[np.float64] | float = 1.0) -> tuple[float, float]:
    """95% interval of the difference of paired errors: Wald's, after adding half an image to each cell of the 2 x 2 table.

    differences: (n,), how often the first system missed each image minus how often the second did. judged: how often each image was
    classified, (n,) or one number for all; an image that several seeds classified is one cluster of a ratio estimate. The half images
    (Agresti and Min, Statistics in Medicine 2005) give the interval a width even if the two never disagree. Within [-1, 1].
    """
    times = np.broadcast_to(judged, differences.shape)
    total = times.sum() + 2
    centre = differences.sum() / total
    spread = ((differences - centre * times) ** 2).sum() + 1 + 2 * centre**2
    half = Z95 * np.sqrt(spread) / total
    return float(max(-1.0, centre - half)), float(min(1.0, centre + half))


def pooled_error(judged: Judged) -> tuple[float, tuple[float, float], int]:
    """The error over all seeds, its 95% interval (Wilson), and the number of different images, of which there must be at least one.

    The interval's width is that for this number of images, however many seeds classified them.
    """
    misses = [wrong for of_seed in judged.values() for wrong in of_seed.values()]
    images = len({name for of_seed in judged.values() for name in of_seed})
    error = sum(misses) / len(misses)
    return error, error_interval(round(error * images), images), images
