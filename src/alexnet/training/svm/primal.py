"""Accelerated gradient steps on all columns at once, preconditioned by the second moments of the features.

The squared hinge's curvature is never above I + 2 C X'X, with the rows weighed by their costs. A gradient divided by that matrix is the
Newton step for the case that every image violates its margin; Nesterov's extrapolation makes up for those that do not. This takes about ten
passes, whatever the scale of the features. The matrix is factored once for each C, so features should have a few thousand values at most.
Independent of classes and validation.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.training.svm.problem import Certificate, Objective, Problem, evaluate_objective

ROWS_PER_VALUE = 4  # rows in the sample that second moments are estimated from, per feature dimension


@dataclass(slots=True)
class _Metric:
    """The curvature I + 2 C n M of each group of columns that share a C, as Cholesky factors of (D + 1, D + 1)."""

    moments: Tensor  # X'X of all rows, estimated from the sample
    groups: list[tuple[Tensor, float, Tensor]]  # columns, C, factor

    def solve(self, gradients: Tensor) -> Tensor:
        """The gradients (D + 1, K), each divided by its column's curvature."""
        result = torch.empty_like(gradients)
        for columns, _, factor in self.groups:
            result[:, columns] = torch.cholesky_solve(gradients[:, columns], factor)
        return result

    def squared_norm(self, steps: Tensor, strengths: Tensor) -> Tensor:
        """s' (I + 2 C n M) s of each column, (K,)."""
        plain: Tensor = steps.square().sum(0) + 2 * strengths * (steps * (self.moments @ steps)).sum(0)
        return plain


def descend(problem: Problem, *, passes: int, tolerance: float, seed: int) -> tuple[Tensor, Certificate, int]:
    """Weights (D + 1, K) with a relative gap below `tolerance`, or after `passes` passes; with their certificate and the passes made.

    A column that is done keeps its weights, so that the machine for one value of C does not depend on the other values.
    """
    descent = _Descent(problem, _metric(problem, seed))
    made = 0
    while made < passes and not descent.done(tolerance):
        descent.step()
        made += 1
    return descent.best, Certificate(descent.primal.cpu().numpy(), descent.dual.cpu().numpy()), made


def _metric(problem: Problem, seed: int) -> _Metric:
    rows, columns = problem.rows, torch.arange(problem.columns, device=problem.rows.device)
    count = min(len(rows), ROWS_PER_VALUE * (rows.inputs + 1))
    sample = np.sort(np.random.default_rng(seed).choice(len(rows), count, replace=False))
    moments = torch.zeros(rows.inputs + 1, rows.inputs + 1, device=rows.device)
    for start in range(0, count, rows.chunk):
        chosen = sample[start : start + rows.chunk]
        part = rows.read(chosen)
        moments.addmm_(problem.weighed(part.clone(), chosen).t() if problem.costs is not None else part.t(), part)
    moments *= len(rows) / count
    groups = []
    for strength in np.unique(problem.column_strengths):
        curvature = (2 * strength) * moments
        curvature.diagonal().add_(1 + 1e-6 * curvature.diagonal().mean())  # rounding must not make it singular
        group = columns[torch.from_numpy(problem.column_strengths == strength).to(rows.device)]
        groups.append((group, float(strength), torch.linalg.cholesky(curvature)))
    return _Metric(moments, groups)


class _Descent:
    """Nesterov's method with restarts (O'Donoghue, Candes 2015), with a step length and a momentum for each column."""

    def __init__(self, problem: Problem, metric: _Metric) -> None:
        self.problem, self.metric, self.strengths = problem, metric, problem.strengths
        device, columns = problem.rows.device, problem.columns
        self.weights = torch.zeros(problem.rows.inputs + 1, columns, device=device)
        self.point, self.best = self.weights.clone(), self.weights.clone()
        self.primal = torch.full((columns,), torch.inf, dtype=torch.float64, device=device)
        self.dual = torch.zeros_like(self.primal)
        self.finished = torch.zeros(columns, dtype=torch.bool, device=device)
        self.length, self.inertia = torch.ones(columns, device=device), torch.ones(columns, device=device)
        self.last: tuple[Tensor, Tensor] | None = None

    def step(self) -> None:
        """One pass: evaluate the objective at the point, keep the better weights, and step."""
        objective = evaluate_objective(self.problem, self.point)
        self._keep_better(objective)
        gradient = self.point - objective.pull
        self._shorten(gradient)
        self.last = self.point, gradient
        weights = self.point - self.length * self.metric.solve(gradient)
        forward = weights - self.weights
        uphill = (gradient * forward).sum(0) > 0
        inertia = torch.where(uphill, 1.0, self.inertia)
        following = (1 + (1 + 4 * inertia.square()).sqrt()) / 2
        momentum = torch.where(uphill, 0.0, (inertia - 1) / following)
        self.point, self.weights, self.inertia = weights + momentum * forward, weights, following

    def done(self, tolerance: float) -> bool:
        """Whether all columns are done; a column that is done no longer changes."""
        self.finished |= self.primal.isfinite() & (self.primal - self.dual <= tolerance * self.primal)
        return bool(self.finished.all())

    def _keep_better(self, objective: Objective) -> None:
        active = ~self.finished
        better = active & (objective.primal < self.primal)
        self.best[:, better] = self.point[:, better]
        self.primal = torch.where(better, objective.primal, self.primal)
        self.dual = torch.where(active, torch.maximum(objective.dual, self.dual), self.dual)

    def _shorten(self, gradient: Tensor) -> None:
        """Shorten the steps where the curvature just met exceeds the sample's, whose moments may be too small in some directions."""
        if self.last is None:
            return
        moved, turned = self.point - self.last[0], gradient - self.last[1]
        expected = self.metric.squared_norm(moved, self.strengths).clamp_min(1e-30)
        met = (moved * turned).sum(0) / expected
        self.length = torch.minimum(self.length, 1 / met.clamp_min(1e-3))
