"""Machines on training images for one value of C after another, each with its errors and its gap. Chooses nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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

MAPPED_SHARE = 0.4  # of the free memory, for features that are mapped once instead of in each pass
ROWS_AT_A_TIME = 1_024


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One value of C: errors from 0 to 1, and how far from the optimum the fit is at most."""

    strength: float
    gamma: float | None
    validation_error: float
    training_error: float
    relative_gap: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What all candidates have in common."""

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

    def narrowed(self, training: FeatureSet, strength: float, gamma: float | None) -> "Task":
        """The same on other training images, with one value of C and one gamma."""
        config = replace(self.config, strengths=repr(strength))
        return replace(self, training=training, config=config, gamma=self.gamma if gamma is None else gamma)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A machine, and its scores of the validation images; passes: over the features, 0 for an exact kernel; method: of a linear one."""

    trial: Trial
    machine: LinearMachine | KernelMachine
    scores: Tensor
    primal: float
    dual: float
    passes: int
    method: str


def candidates(task: Task) -> Iterator[Candidate]:
    """A machine for each C, all at the task's gamma. Raises Interrupted where the fit is asked to stop."""
    return _kernels(task, task.config.strength_values or KERNEL_STRENGTHS) if task.exact else _linears(task)


def _kernels(task: Task, strengths: Sequence[float]) -> Iterator[Candidate]:
    _stop_if_asked(task)
    problem = KernelProblem(task.training, classes=task.classes, kernel=task.kernel, gamma=task.gamma, device=task.device)
    for strength in strengths:
        _stop_if_asked(task)
        fit = problem.solve(strength)
        scores = _machine_scores(fit.machine, task.validation, task.device)
        trial = Trial(
            strength=strength,
            gamma=task.gamma if task.kernel in ("rbf", "chi2") else None,
            validation_error=_error(scores, task.validation.labels),
            training_error=_error(fit.training_scores, task.training.labels),
            relative_gap=fit.relative_gap,
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
    )
    machines = [LinearMachine(fit.weights, fit.bias, feature_map) for fit in fits]
    unseen = Rows(task.validation, task.device, feature_map)
    heard = zip(_linear_scores(machines, plain), _linear_scores(machines, unseen), strict=True)
    for fit, machine, (inside, scores) in zip(fits, machines, heard, strict=True):
        trial = Trial(
            strength=fit.strength,
            gamma=task.gamma if task.kernel == "rbf" else None,
            validation_error=_error(scores, task.validation.labels),
            training_error=_error(inside, labels),
            relative_gap=fit.relative_gap,
        )
        objectives = float(fit.primal.sum()), float(fit.dual.sum())
        yield Candidate(trial, machine, scores, *objectives, fit.passes, config.method_for(plain.inputs))


def usual_strengths(rows: Rows, config: SolverConfig) -> tuple[float, ...]:
    """The values of C that are tried where none are said."""
    method = config.method_for(rows.inputs)
    if method == "primal":
        return LINEAR_STRENGTHS
    if method == "descent":
        return DESCENT_STRENGTHS
    return LONG_STRENGTHS if len(rows) >= MANY else LONG_STRENGTHS_FEW


def _centred(plain: Rows, labels: NDArray[np.int64]) -> Rows:
    """The same rows, moved and scaled for the solver; its machine is given back in the features' own coordinates."""
    rows = Rows(FeatureSet(plain.vectors, labels), plain.device, plain.feature_map)
    rows.centre()
    return rows


def _mapped_once(rows: Rows) -> Rows:
    """The same rows with their map applied and kept in half precision, where that fits; else they are mapped in every pass."""
    if rows.feature_map is None or 2 * len(rows) * rows.inputs > MAPPED_SHARE * available_bytes():
        return rows
    vectors = np.empty((len(rows), rows.inputs), dtype=np.float16)
    for which, part in rows.chunks():
        vectors[which] = part[:, :-1].cpu().numpy()
    return Rows(FeatureSet(vectors, np.zeros(len(rows), dtype=np.int64)), rows.device)


def _linear_scores(machines: list[LinearMachine], rows: Rows) -> list[Tensor]:
    """Scores (n, classes) of each machine, by one pass over rows that are mapped but not centred."""
    stacked = torch.cat([torch.cat([machine.weights, machine.bias[None]]).t() for machine in machines])  # column by column: fast products
    scores = torch.empty(len(rows), len(stacked), device=rows.device)  # at once: small results between large chunks split up the heap
    for which, part in rows.chunks():
        scores[which] = part @ stacked.t()
    return list(scores.chunk(len(machines), dim=1))


def _machine_scores(machine: KernelMachine, features: FeatureSet, device: torch.device) -> Tensor:
    parts = []
    for start in range(0, len(features), ROWS_AT_A_TIME):
        part = np.array(features.vectors[start : start + ROWS_AT_A_TIME], dtype=np.float32)
        parts.append(machine(torch.from_numpy(part).to(device)))
    return torch.cat(parts)


def _error(scores: Tensor, labels: NDArray[np.int64]) -> float:
    return float((scores.argmax(1).cpu().numpy() != labels).mean())


def _stop_if_asked(task: Task) -> None:
    if task.should_stop():
        raise Interrupted("Stopped while the machine was being fitted; the features are kept where they were.")
