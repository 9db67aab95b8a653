"""A machine fitted to the training images for each value of C, with its errors and its duality gap; `model_selection` chooses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.balance import balanced_error
from alexnet.errors import Interrupted
from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine
from alexnet.runtime.machine import available_bytes
from alexnet.training.svm.config import (
    DESCENT_STRENGTHS,
    KERNEL_STRENGTHS,
    LINEAR_STRENGTHS,
    LONG_STRENGTHS,
    LONG_STRENGTHS_FEW,
    MANY,
    SolverConfig,
)
from alexnet.training.svm.fit_kernel_maps import explicit_map
from alexnet.training.svm.kernel import KernelProblem
from alexnet.training.svm.linear import fit_linear
from alexnet.training.svm.rows import FeatureSet, Rows

MAPPED_SHARE = 0.4  # of the free memory, for features that are mapped once instead of in every pass
ROWS_AT_A_TIME = 1_024


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The result for one value of C: errors (0 to 1), and a bound on the distance from the optimum.

    balanced_error: the mean of the classes' validation errors; balanced: whether every class weighed the same.
    """

    strength: float
    gamma: float | None
    validation_error: float
    training_error: float
    relative_gap: float
    balanced_error: float
    balanced: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """The data and settings that all candidates share."""

    training: FeatureSet
    validation: FeatureSet
    classes: int
    kernel: str
    gamma: float
    exact: bool
    config: SolverConfig
    seed: int
    device: torch.device
    should_stop: Callable[[], bool]

    @property
    def is_balanced(self) -> bool:
        """Whether every class weighs the same."""
        return self.config.balance == "loss"

    def balanced(self, balanced: bool) -> "Task":
        """The same task with every class weighing the same, or every image."""
        return replace(self, config=replace(self.config, balance="loss" if balanced else "none"))

    def narrowed(self, training: FeatureSet, strength: float, gamma: float | None) -> "Task":
        """The same task on other training images, with one value of C and one gamma."""
        config = replace(self.config, strengths=repr(strength))
        return replace(self, training=training, config=config, gamma=self.gamma if gamma is None else gamma)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A machine with its scores of the validation images. passes: over the features, 0 for an exact kernel; method: "" for one."""

    trial: Trial
    machine: LinearMachine | KernelMachine
    scores: Tensor
    primal: float
    dual: float
    passes: int
    method: str


def candidates(task: Task) -> Iterator[Candidate]:
    """A machine for each C, all with the task's gamma. Raises Interrupted when the task's `should_stop` returns true."""
    return _kernels(task, task.config.strength_values or KERNEL_STRENGTHS) if task.exact else _linears(task)


def _kernels(task: Task, strengths: Sequence[float]) -> Iterator[Candidate]:
    _raise_if_stopped(task)
    problem = KernelProblem(
        task.training, classes=task.classes, kernel=task.kernel, gamma=task.gamma, device=task.device, balanced=task.is_balanced
    )
    for strength in strengths:
        _raise_if_stopped(task)
        fit = problem.solve(strength)
        scores = _machine_scores(fit.machine, task.validation, task.device)
        trial = Trial(
            strength=strength,
            gamma=task.gamma if task.kernel in ("rbf", "chi2") else None,
            validation_error=error_of(scores, task.validation.labels),
            training_error=error_of(fit.training_scores, task.training.labels),
            relative_gap=fit.relative_gap,
            balanced_error=balanced_error_of(scores, task.validation.labels),
            balanced=task.is_balanced,
        )
        yield Candidate(trial, fit.machine, scores, fit.primal, fit.dual, 0, "")


def _linears(task: Task) -> Iterator[Candidate]:
    labels, config = task.training.labels, task.config
    feature_map = explicit_map(task.kernel, task.training.vectors, task.gamma, config, task.seed, task.device)
    plain = _mapped_once(Rows(task.training, task.device, feature_map))
    fits = fit_linear(
        _centred(plain, labels),
        labels,
        classes=task.classes,
        strengths=config.strength_values or usual_strengths(plain, config),
        config=config,
        seed=task.seed,
        should_stop=task.should_stop,
        balanced=task.is_balanced,
    )
    machines = [LinearMachine(fit.weights, fit.bias, feature_map) for fit in fits]
    unseen = Rows(task.validation, task.device, feature_map)
    scored = zip(_linear_scores(machines, plain), _linear_scores(machines, unseen), strict=True)
    for fit, machine, (training_scores, scores) in zip(fits, machines, scored, strict=True):
        trial = Trial(
            strength=fit.strength,
            gamma=task.gamma if task.kernel == "rbf" else None,
            validation_error=error_of(scores, task.validation.labels),
            training_error=error_of(training_scores, labels),
            relative_gap=fit.relative_gap,
            balanced_error=balanced_error_of(scores, task.validation.labels),
            balanced=task.is_balanced,
        )
        objectives = float(fit.primal.sum()), float(fit.dual.sum())
        yield Candidate(trial, machine, scores, *objectives, fit.passes, config.method_for(plain.inputs))


def usual_strengths(rows: Rows, config: SolverConfig) -> tuple[float, ...]:
    """The values of C to try by default."""
    method = config.method_for(rows.inputs)
    if method == "primal":
        return LINEAR_STRENGTHS
    if method == "descent":
        return DESCENT_STRENGTHS
    return LONG_STRENGTHS if len(rows) >= MANY else LONG_STRENGTHS_FEW


def _centred(plain: Rows, labels: NDArray[np.int64]) -> Rows:
    """The same rows, centred and scaled for the solver, whose result is in the features' own coordinates again."""
    rows = Rows(FeatureSet(plain.vectors, labels), plain.device, plain.feature_map)
    rows.centre()
    return rows


def _mapped_once(rows: Rows) -> Rows:
    """The same rows with their map applied and stored in half precision, if that fits into memory; otherwise every pass maps them."""
    if rows.feature_map is None or 2 * len(rows) * rows.inputs > MAPPED_SHARE * available_bytes():
        return rows
    vectors = np.empty((len(rows), rows.inputs), dtype=np.float16)
    for which, part in rows.chunks():
        vectors[which] = part[:, :-1].cpu().numpy()
    return Rows(FeatureSet(vectors, np.zeros(len(rows), dtype=np.int64)), rows.device)


def _linear_scores(machines: list[LinearMachine], rows: Rows) -> list[Tensor]:
    """Scores (n, classes) of each machine, in one pass over rows that are mapped but not centred."""
    stacked = torch.cat([torch.cat([machine.weights, machine.bias[None]]).t() for machine in machines])  # column by column: fast products
    scores = torch.empty(len(rows), len(stacked), device=rows.device)  # in one piece: small results between large chunks fragment the heap
    for which, part in rows.chunks():
        scores[which] = part @ stacked.t()
    return list(scores.chunk(len(machines), dim=1))


def _machine_scores(machine: KernelMachine, features: FeatureSet, device: torch.device) -> Tensor:
    parts = []
    for start in range(0, len(features), ROWS_AT_A_TIME):
        part = np.array(features.vectors[start : start + ROWS_AT_A_TIME], dtype=np.float32)
        parts.append(machine(torch.from_numpy(part).to(device)))
    return torch.cat(parts)


def error_of(scores: Tensor, labels: NDArray[np.int64]) -> float:
    """The share of images whose highest score is not that of their class."""
    return float((scores.argmax(1).cpu().numpy() != labels).mean())


def balanced_error_of(scores: Tensor, labels: NDArray[np.int64]) -> float:
    """The mean of the classes' shares of images whose highest score is not that of their class."""
    return balanced_error(scores.argmax(1).cpu().numpy() != labels, labels, scores.shape[1])


def _raise_if_stopped(task: Task) -> None:
    if task.should_stop():
        raise Interrupted("Stopped while the machine was being fitted; its features are saved.")
