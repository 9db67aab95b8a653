"""Dual coordinate ascent on all columns at once, in batches of rows (Hsieh et al. 2008; Shalev-Shwartz and Zhang 2013).

Each dual variable is solved exactly with the others fixed. Within a batch, its effect on the others comes from the scalar products of the
batch's rows, so features are read by matrix products although coordinates are updated one by one. Batches keep their rows, which are
shuffled again in each pass, so those products are computed once. There is no step length, and the dual objective never falls. Meant for
features with more dimensions than there are images. Independent of classes and validation.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.training.svm.problem import Certificate, Problem
from alexnet.training.svm.rows import mixed_order

DUAL_SHARE = 0.1  # of the features' bytes, for the dual variables of the columns that are solved together
DUAL_BYTES = 64_000_000  # always allowed
CHECK_EVERY = 2  # passes; checking whether columns are done costs another half of a pass

Floats = NDArray[np.float32]


def ascend(problem: Problem, *, passes: int, tolerance: float, batch_size: int, seed: int) -> tuple[Tensor, Certificate, int]:
    """Weights (D + 1, K) with a relative gap below `tolerance`, or after `passes` passes; with their certificate and the passes made.

    Columns are solved in groups, so that the dual variables take little memory; the group with the most passes is counted.
    """
    weights = torch.zeros(problem.rows.inputs + 1, problem.columns, device=problem.rows.device)
    primal, dual, made = np.zeros(problem.columns), np.zeros(problem.columns), 0
    for columns in _groups(problem):
        ascent = _Ascent(problem.some(columns), seed, batch_size)
        while ascent.passes < passes and len(ascent.active):
            ascent.step(tolerance)
        group = ascent.certificate()
        weights[:, torch.from_numpy(columns)] = ascent.weights.t()
        primal[columns], dual[columns], made = group.primal, group.dual, max(made, ascent.passes)
    return weights, Certificate(primal, dual), made


def _groups(problem: Problem) -> Iterator[NDArray[np.int64]]:
    limit = max(DUAL_BYTES, int(DUAL_SHARE * problem.rows.vectors.nbytes))
    size = max(1, limit // (4 * len(problem.rows)))
    return (np.arange(start, min(start + size, problem.columns)) for start in range(0, problem.columns, size))


class _Ascent:
    """Signed dual variables alpha_i y_i (n, K) and the weights (K, D + 1) that follow from them.

    The weights are stored column by column: products of few rows with many values are twice as fast that way.
    """

    def __init__(self, problem: Problem, seed: int, batch_size: int) -> None:
        self.problem, self.passes = problem, 0
        self.generator = np.random.default_rng(seed)
        self.duals = np.zeros((len(problem.rows), problem.columns), dtype=np.float32)
        self.weights = torch.zeros(problem.columns, problem.rows.inputs + 1, device=problem.rows.device)
        self.active = np.arange(problem.columns)
        order = mixed_order(len(problem.rows), problem.rows.vectors[:1].nbytes, self.generator)
        self.batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        self.products = np.empty((len(self.batches), batch_size, batch_size), dtype=np.float32)  # of the rows of each batch
        self.computed = np.zeros(len(self.batches), dtype=bool)

    def step(self, tolerance: float) -> None:
        """One pass over the columns that are not done.

        Whether a column may be done is estimated from the losses during the pass; they overestimate, as later steps lower them.
        """
        part = self.problem.some(self.active)
        device_columns = torch.from_numpy(self.active).to(part.rows.device)
        weights, loss = self.weights[device_columns], np.zeros(len(self.active))
        for number in self.generator.permutation(len(self.batches)).tolist():
            part.raise_if_stopped()
            mix = self.generator.permutation(len(self.batches[number]))
            which = self.batches[number][mix]
            batch = part.rows.read(which)
            scores, products = (batch @ weights.t()).cpu().numpy(), self._products(number, batch, mix)
            signs, before = part.signs(which).cpu().numpy(), self.duals[np.ix_(which, self.active)]
            costs = self._costs(which)
            loss += (costs * np.square(np.maximum(0, 1 - signs * scores))).sum(0, dtype=np.float64)
            change = solve_batch(scores, products, signs, before, (0.5 / (part.column_strengths * costs)).astype(np.float32))
            self.duals[np.ix_(which, self.active)] = before + change
            weights.addmm_(torch.from_numpy(change).to(batch.device).t(), batch)
        self.weights[device_columns] = weights
        self.passes += 1
        if self.passes % CHECK_EVERY == 0:
            self._retire(loss, tolerance)

    def _costs(self, which: slice | NDArray[np.int64]) -> Floats:
        """What the losses of the rows `which` count, (rows, 1)."""
        count = len(range(*which.indices(len(self.duals)))) if isinstance(which, slice) else len(which)
        costs = self.problem.costs
        return np.ones((count, 1), dtype=np.float32) if costs is None else costs[which][:, None]

    def _products(self, number: int, batch: Tensor, mix: NDArray[np.int64]) -> Floats:
        """The scalar products of a batch's rows, in the order `mix`."""
        if not self.computed[number]:
            self.products[number][np.ix_(mix, mix)] = (batch @ batch.t()).cpu().numpy()
            self.computed[number] = True
        products: Floats = self.products[number][np.ix_(mix, mix)]
        return products

    def certificate(self) -> Certificate:
        """The primal objective at the weights, and the dual at the dual variables, whose weighted sum of rows is recomputed; one pass."""
        problem, pull = self.problem, torch.zeros_like(self.weights)
        for which, rows in problem.rows.chunks():
            pull.addmm_(torch.from_numpy(self.duals[which]).to(pull.device).t(), rows)
        everything = np.arange(problem.columns)
        return Certificate(self._primal(everything), self._dual(pull, everything))

    def _retire(self, loss: NDArray[np.float64], tolerance: float) -> None:
        """Drop the columns that are done; the losses of the pass only select which ones to check."""
        weights = self.weights[torch.from_numpy(self.active).to(self.weights.device)]
        dual, strengths = self._dual(weights, self.active), self.problem.column_strengths[self.active]
        guess = weights.square().sum(1, dtype=torch.float64).cpu().numpy() / 2 + strengths * loss
        near = Certificate(guess, dual).gap < tolerance
        if near.any():
            near[near] = Certificate(self._primal(self.active[near]), dual[near]).gap <= tolerance
        self.active = self.active[~near]

    def _primal(self, columns: NDArray[np.int64]) -> NDArray[np.float64]:
        part, weights = self.problem.some(columns), self.weights[torch.from_numpy(columns).to(self.weights.device)]
        loss = torch.zeros(len(columns), dtype=torch.float64, device=weights.device)
        for which, rows in part.rows.chunks():
            part.raise_if_stopped()
            hinge = (1 - part.signs(which) * (rows @ weights.t())).clamp_min_(0)
            loss += part.weighed(hinge.square(), which).sum(0, dtype=torch.float64)
        energy = weights.square().sum(1, dtype=torch.float64)
        result: NDArray[np.float64] = (energy / 2).cpu().numpy() + part.column_strengths * loss.cpu().numpy()
        return result

    def _dual(self, pull: Tensor, columns: NDArray[np.int64]) -> NDArray[np.float64]:
        energy = pull.square().sum(1, dtype=torch.float64).cpu().numpy()
        total, squares = np.zeros(len(columns)), np.zeros(len(columns))
        for start in range(0, len(self.duals), 4_096):
            duals = np.abs(self.duals[start : start + 4_096, columns], dtype=np.float64)
            total += duals.sum(0)
            squares += (np.square(duals) / self._costs(slice(start, start + 4_096))).sum(0)
        result: NDArray[np.float64] = total - energy / 2 - squares / (4 * self.problem.column_strengths[columns])
        return result


def solve_batch(scores: Floats, products: Floats, signs: Floats, duals: Floats, damping: Floats) -> Floats:
    """The change of the signed dual variables (B, K) when each row's are solved exactly, one row after another.

    scores: (B, K), at the weights before; products: (B, B), the rows' scalar products; signs, duals: (B, K); damping: (B, K)
    or (K,), 1 / (2 C c).
    """
    change, damping = np.zeros_like(duals), np.broadcast_to(damping, duals.shape)
    rates = 1 / (products.diagonal()[:, None] + damping)
    for row in range(len(duals)):
        score = scores[row] + products[row, :row] @ change[:row]
        wanted = duals[row] + (signs[row] - score - damping[row] * duals[row]) * rates[row]
        change[row] = np.maximum(0, wanted * signs[row]) * signs[row] - duals[row]
    return change
