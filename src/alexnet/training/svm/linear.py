"""Linear machines for all classes and all values of C at once, on features that stay in half precision. Independent of validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alexnet.errors import BadRecipe
from alexnet.i18n.units import data_size
from alexnet.training.svm.averaged_sgd import average
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.dual import ascend
from alexnet.training.svm.primal import descend
from alexnet.training.svm.problem import one_against_rest
from alexnet.training.svm.rows import Rows

LONGEST_PRIMAL = 10_000  # feature dimensions: 0.4 GB for each C


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
        """(primal - dual) / primal of all classes together: a bound on how far the fit is from the optimum."""
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
    balanced: bool = False,
) -> list[LinearFit]:
    """One-against-rest machines with the squared hinge, for each C; raises Interrupted when `should_stop` returns true.

    balanced: all classes weigh the same.
    Short features are solved in the primal, because with more images than dimensions the dual variables are many and strongly coupled; long
    ones by descent, which stops early, or in the dual. Raises BadRecipe if the primal's matrix would be too large.
    """
    problem, method = one_against_rest(rows, labels, classes, strengths, should_stop, balanced=balanced), config.method_for(rows.inputs)
    passes = config.passes_for(method, len(rows))
    if method == "primal":
        _check_length(rows.inputs)
        weights, certificate, made = descend(problem, passes=passes, tolerance=config.tolerance, seed=seed)
    elif method == "descent":
        weights, certificate, made = average(problem, passes=passes, batch_size=config.batch_size, seed=seed)
    else:
        size = config.batch_size
        weights, certificate, made = ascend(problem, passes=passes, tolerance=config.tolerance, batch_size=size, seed=seed)
    fits = []
    for index, strength in enumerate(strengths):
        columns = slice(index * classes, (index + 1) * classes)
        own, bias = _unfold(rows, weights[:, columns])
        fits.append(LinearFit(float(strength), own, bias, certificate.primal[columns], certificate.dual[columns], made))
    return fits


def _check_length(inputs: int) -> None:
    if inputs > LONGEST_PRIMAL:
        raise BadRecipe(
            f"solver.method is 'primal', and features of {inputs:,} numbers need a matrix of "
            f"{data_size(4 * inputs**2, tenths=True)} for each C; the limit is {LONGEST_PRIMAL:,} numbers. Set it to 'descent' or 'dual'."
        )


def _unfold(rows: Rows, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weights for (x - mean) * scale, rewritten as weights and bias for x, in double precision."""
    own = weights[:-1].double() * rows.scale
    bias = weights[-1].double() - rows.mean.double() @ own
    return own.float().contiguous(), bias.float()
