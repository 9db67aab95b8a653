"""Averaged mini-batch SGD on all columns at once, which stops early on purpose (Polyak, Juditsky 1992; Bottou 2010).

When features have more dimensions than there are images, the optimum of the squared hinge overfits. A few passes with momentum, at a rate
that falls to 0, stop before that, and averaging the last steps reduces their noise. The duality gap is measured once, at the end: it is
exact, and may be large. Independent of classes and validation.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.training.svm.problem import Certificate, Problem, certify
from alexnet.training.svm.rows import mixed_order

MOMENTUM = 0.9
FIRST_RATE = 2.0  # over the mean squared norm of a row
BIAS_RATE = 0.1  # all rows pull the bias the same way: at the weights' rate, momentum would carry it far past its optimum
STABLE = 0.5  # of the rate at which steps along the steepest direction of a batch would diverge
TAIL = 0.5  # share of the steps, at the end, whose weights are averaged


def average(problem: Problem, *, passes: int, batch_size: int, seed: int) -> tuple[Tensor, Certificate, int]:
    """Weights (D + 1, K) averaged over the last half of the steps of `passes` passes; with their certificate and the number of passes.

    A column's weights do not depend on the other columns.
    """
    descent = AveragedSGD(problem, batch_size, np.random.default_rng(seed))
    steps = passes * descent.batches
    for number, which in enumerate(which for _ in range(passes) for which in descent.order()):
        problem.raise_if_stopped()
        descent.step(which, left=1 - number / steps)
        descent.average_in(number - int((1 - TAIL) * steps))
    weights = descent.mean.t()  # a view: products with weights stored column by column are faster
    return weights, certify(problem, weights), passes


class AveragedSGD:
    """Weights (K, D + 1) that minimise |w|^2 / (2 C n) + the mean squared hinge, weighed by the costs, the objective divided by C n.

    The weights are stored column by column: products of few rows with many values are twice as fast that way.
    """

    def __init__(self, problem: Problem, batch_size: int, generator: np.random.Generator) -> None:
        self.problem, self.generator = problem, generator
        self.batches = -(-len(problem.rows) // batch_size)
        self.weights = torch.zeros(problem.columns, problem.rows.inputs + 1, device=problem.rows.device)
        self.velocity, self.mean = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.decay = (1 / (problem.strengths * len(problem.rows)))[:, None]
        which = next(self.order())
        costs = None if problem.costs is None else problem.costs[which]
        self.rates = first_rates(problem, problem.rows.read(which), costs)[:, None]

    def order(self) -> Iterator[NDArray[np.int64]]:
        """The rows of each batch of one pass, as equal in size as possible: a small last batch would be a noisy step."""
        order = mixed_order(len(self.problem.rows), self.problem.rows.vectors[:1].nbytes, self.generator)
        return iter(np.array_split(order, self.batches))

    def step(self, which: NDArray[np.int64], *, left: float) -> None:
        """One step on these rows, at the share `left` of the first rate; heavy-ball momentum (Polyak 1964)."""
        rows, signs = self.problem.rows.read(which), self.problem.signs(which)
        residuals = (1 - signs * (rows @ self.weights.t())).clamp_min_(0).mul_(signs).mul_(2 / len(which))
        residuals = self.problem.weighed(residuals, which)
        self.velocity.mul_(MOMENTUM).addmm_(residuals.t(), rows).addcmul_(self.weights, self.decay, value=-1)
        self.weights[:, :-1].addcmul_(self.velocity[:, :-1], self.rates, value=left)
        self.weights[:, -1:].addcmul_(self.velocity[:, -1:], self.rates, value=BIAS_RATE * left)

    def average_in(self, number: int) -> None:
        """Add the weights to the mean as its sample `number`, counted from 0; below 0: averaging has not started."""
        if number >= 0:
            self.mean.lerp_(self.weights, 1 / (number + 1))


def first_rates(problem: Problem, rows: Tensor, costs: NDArray[np.float32] | None = None) -> Tensor:
    """(K,): FIRST_RATE over the mean squared norm of the rows (B, D + 1), or less if one direction holds most of that norm.

    costs: what the rows' losses count, (B,).
    Heavy-ball steps diverge along a direction whose curvature is above 2 (1 + momentum) / rate; the squared hinge's is at most twice the
    second moment.
    """
    values = rows[:, :-1]
    norm = values.square().sum() / len(rows)
    products = values @ values.t()
    if costs is not None:  # sqrt(c_i c_j) x_i.x_j
        roots = torch.from_numpy(np.sqrt(costs)).to(products.device)
        products = products * roots[:, None] * roots
    steepest = torch.linalg.eigvalsh(products)[-1] / len(rows)
    curvature = 2 * steepest + 1 / (problem.strengths * len(problem.rows))
    return torch.minimum(FIRST_RATE / norm.clamp_min(1e-12), STABLE * 2 * (1 + MOMENTUM) / curvature)
