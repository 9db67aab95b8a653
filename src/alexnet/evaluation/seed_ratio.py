"""How many times as many epochs one arm needs as another, with its interval over paired seeds. Independent of run folders and pages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from alexnet.evaluation.seed_statistics import LEVEL, Difference

LARGEST_RATIO = 1000.0  # represents an open end of a ratio's interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """The passes that one run needed to reach the target, or all that it trained for if it did not reach it."""

    epochs: float
    reached: bool = True


def ratio_effect(better: Sequence[Passes], worse: Sequence[Passes], *, level: float = LEVEL) -> Difference | None:
    """Epochs of `worse` over epochs of `better`: the geometric mean of the pairs with a t interval on the logarithms; None without pairs.

    A run that did not reach the target would have needed more passes than it trained for, so those are used as a lower bound. If it is of
    `worse`, the ratio is a lower bound (`at_least`) and its interval is open above; if of `better`, the ratio is an upper bound
    (`at_most`). A pair in which neither run reached the target is left out. The interval of a single pair is open on both sides.
    """
    pairs = [(b, w) for b, w in zip(better, worse, strict=False) if (b.reached or w.reached) and min(b.epochs, w.epochs) > 0]
    if not pairs:
        return None
    logs = np.log([w.epochs / b.epochs for b, w in pairs])
    at_least, at_most = not all(w.reached for _, w in pairs), not all(b.reached for b, _ in pairs)
    mean, freedom = float(logs.mean()), len(logs) - 1
    noise = float(logs.std(ddof=1)) if freedom else 0.0
    half = float(stdtrit(freedom, 1 - level / 2)) * noise / np.sqrt(len(logs)) if freedom else np.inf
    low, high = (-np.inf if at_most else mean - half), (np.inf if at_least else mean + half)
    ends = np.exp(np.clip([low, high], -np.log(LARGEST_RATIO), np.log(LARGEST_RATIO)))
    bounded_away = (at_most and mean > 0) or (at_least and mean < 0)  # the bound lies on the wrong side: nothing is shown
    return Difference(
        difference=float(np.exp(mean)),
        interval=(float(ends[0]), float(ends[1])),
        seeds=len(pairs),
        images=0,
        p=1.0 if bounded_away or not freedom else _p(mean, noise / float(np.sqrt(len(logs))), freedom),
        seed_variance=noise**2,
        degrees=float(freedom),
        at_least=at_least,
        at_most=at_most,
    )


def times_effect(better: Sequence[float], worse: Sequence[float], *, level: float = LEVEL) -> Difference | None:
    """How many times as large the numbers of `better` are as those of `worse`, as in `ratio_effect`; None without positive pairs."""
    return ratio_effect([Passes(epochs=value) for value in worse], [Passes(epochs=value) for value in better], level=level)


def _p(mean: float, error: float, freedom: int) -> float:
    """The two-sided p value of a mean with its standard error."""
    if error == 0:
        return float(mean == 0)
    return float(2 * stdtr(freedom, -abs(mean) / error))
