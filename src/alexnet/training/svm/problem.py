"""Many linear machines as the columns of one weight matrix: their objective, its dual, and the gap between them.

A column is one class against the rest with one value of C. With y = +1 or -1 and the bias as the weight of a feature that is always 1,

    primal(w)    = |w|^2 / 2 + C sum_i c_i max(0, 1 - y_i w.x_i)^2
    dual(alpha)  = sum_i alpha_i - |sum_i alpha_i y_i x_i|^2 / 2 - sum_i alpha_i^2 / (4 C c_i),  alpha >= 0

the problem of LIBLINEAR's L2-regularised squared hinge (Fan et al. 2008); the costs c_i are 1 unless classes are balanced. Every dual value
lies below every primal value, so the gap bounds how far a machine is from its optimum, however it was found. Independent of the solvers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.balance import class_weights
from alexnet.errors import Interrupted
from alexnet.training.svm.rows import Rows


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows with labels, and for each of K columns its class (K,) and its C (K,).

    costs: float32 (n,), what each row's loss counts; None: 1.
    """

    rows: Rows
    labels: NDArray[np.int64]
    column_classes: NDArray[np.int64]
    column_strengths: NDArray[np.float64]
    should_stop: Callable[[], bool] = lambda: False
    costs: NDArray[np.float32] | None = None

    @property
    def columns(self) -> int:
        """K, the number of machines."""
        return len(self.column_classes)

    @property
    def strengths(self) -> Tensor:
        """C of each column, float32 (K,) on the rows' device."""
        return torch.from_numpy(self.column_strengths).float().to(self.rows.device)

    def signs(self, which: slice | NDArray[np.int64]) -> Tensor:
        """float32 (rows, K) of +1 where a row is of a column's class, else -1."""
        own = self.labels[which][:, None] == self.column_classes
        return torch.from_numpy(np.where(own, np.float32(1), np.float32(-1))).to(self.rows.device)

    def weighed(self, losses: Tensor, which: slice | NDArray[np.int64]) -> Tensor:
        """Losses of the rows `which` (rows, K), in place times the rows' costs."""
        if self.costs is None:
            return losses
        return losses.mul_(torch.from_numpy(self.costs[which]).to(losses.device)[:, None])

    def some(self, columns: NDArray[np.int64]) -> "Problem":
        """The same problem with only these columns."""
        return replace(self, column_classes=self.column_classes[columns], column_strengths=self.column_strengths[columns])

    def raise_if_stopped(self) -> None:
        """Raise Interrupted if `should_stop` returns true."""
        if self.should_stop():
            raise Interrupted("Stopped while the machine was being fitted; its features are saved.")


def one_against_rest(
    rows: Rows,
    labels: NDArray[np.int64],
    classes: int,
    strengths: Sequence[float],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    balanced: bool = False,
) -> Problem:
    """All classes with all values of C: columns of the first C, then of the second. balanced: every class weighs the same."""
    column_classes = np.tile(np.arange(classes, dtype=np.int64), len(strengths))
    costs = class_weights(labels, classes)[labels].astype(np.float32) if balanced else None
    return Problem(rows, labels, column_classes, np.repeat(np.asarray(strengths, dtype=np.float64), classes), should_stop, costs)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The objective of each column (float64, (K,)) at some weights, and the best known lower bound."""

    primal: NDArray[np.float64]
    dual: NDArray[np.float64]

    @property
    def gap(self) -> NDArray[np.float64]:
        """(primal - dual) / primal of each column: 0 at the optimum, never below."""
        return np.maximum(0.0, self.primal - self.dual) / self.primal


@dataclass(frozen=True, slots=True)
class Objective:
    """The objective at some weights: its primal and dual values (K,), float64, and the losses' part of the gradient (D + 1, K)."""

    primal: Tensor
    dual: Tensor
    pull: Tensor  # sum_i alpha_i y_i x_i with alpha_i = 2 C c_i max(0, 1 - y_i w.x_i); the gradient is w - pull


def evaluate_objective(problem: Problem, weights: Tensor) -> Objective:
    """The objective at weights (D + 1, K), in one pass over the rows; sums over slices in double precision.

    The dual value is that of t alpha with the best t >= 0: near the optimum t is 1; far from it, scaling by t keeps the bound useful.
    """
    strengths = problem.strengths
    pull = torch.zeros_like(weights)
    loss = torch.zeros(problem.columns, dtype=torch.float64, device=weights.device)
    alphas = loss.clone()
    for which, rows in problem.rows.chunks():
        problem.raise_if_stopped()
        signs = problem.signs(which)
        hinge = (1 - signs * (rows @ weights)).clamp_min_(0)
        loss += problem.weighed(hinge.square(), which).sum(0, dtype=torch.float64)
        alpha = problem.weighed(hinge.mul_(2 * strengths), which)
        alphas += alpha.sum(0, dtype=torch.float64)
        pull.addmm_(rows.t(), alpha.mul_(signs))
    exact = strengths.double()
    primal = weights.square().sum(0, dtype=torch.float64) / 2 + exact * loss
    curvature = pull.square().sum(0, dtype=torch.float64) + 2 * exact * loss  # sum alpha^2 / (2 C c) = 2 C sum c hinge^2
    return Objective(primal, alphas.square() / (2 * curvature).clamp_min(1e-300), pull)


def certify(problem: Problem, weights: Tensor) -> Certificate:
    """Objective and bound at weights (D + 1, K), in one pass."""
    objective = evaluate_objective(problem, weights)
    return Certificate(objective.primal.cpu().numpy(), objective.dual.cpu().numpy())
