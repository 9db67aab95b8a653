"""Linear machines for all classes and all values of C in one go, from features that stay in half precision. Knows no validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alexnet.training.convex.config import LONG, LONG_PASSES, LONG_VISITS, SHORT_PASSES, SolverConfig
from alexnet.training.convex.dual import ascend
from alexnet.training.convex.features import Rows
from alexnet.training.convex.primal import descend
from alexnet.training.convex.problem import one_against_rest


@dataclass(frozen=True, slots=True)
class LinearFit:
    """The machines of all classes for one C, in the features' own coordinates: scores = features @ weights + bias.

    weights: float32 (D, classes); bias: float32 (classes,); primal and dual: float64 (classes,), of the centred and scaled problem.
    """

    strength: float
    weights: Tensor
    bias: Tensor
    primal: NDArray[np.float64]
    dual: NDArray[np.float64]
    passes: int

    @property
    def relative_gap(self) -> float:
        """(primal - dual) / primal of all classes together: how far from the optimum the fit is at most."""
        return float(max(0.0, self.primal.sum() - self.dual.sum()) / self.primal.sum())


def fit_linear(
    rows: Rows,
    labels: NDArray[np.int64],
    *,
    classes: int,
    strengths: Sequence[float],
    config: SolverConfig,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[LinearFit]:
    """One against the rest with the squared hinge, for each C; raises Interrupted when `should_stop` answers true.

    Short features are solved in the primal, long ones in the dual: where pictures outnumber values, dual variables are many and entangled.
    """
    problem = one_against_rest(rows, labels, classes, strengths, should_stop)
    if rows.inputs <= LONG:
        most = config.epochs or SHORT_PASSES
        weights, certificate, passes = descend(problem, passes=most, tolerance=config.tolerance, seed=seed)
    else:
        weights, certificate, passes = ascend(
            problem,
            passes=config.epochs or max(LONG_PASSES, LONG_VISITS // len(rows)),
            tolerance=config.tolerance,
            batch_size=config.batch_size,
            seed=seed,
        )
    fits = []
    for index, strength in enumerate(strengths):
        columns = slice(index * classes, (index + 1) * classes)
        own, bias = _unfold(rows, weights[:, columns])
        fits.append(LinearFit(float(strength), own, bias, certificate.primal[columns], certificate.dual[columns], passes))
    return fits


def _unfold(rows: Rows, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weights for (x - mean) * scale as weights and bias for x: exact algebra, in double precision."""
    own = weights[:-1].double() * rows.scale
    bias = weights[-1].double() - rows.mean.double() @ own
    return own.float().contiguous(), bias.float()
