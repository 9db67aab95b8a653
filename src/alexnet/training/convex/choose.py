"""Fits a machine for every C, and chooses by the validation pictures alone. Knows nothing of pictures and descriptors."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from torch import Tensor

from alexnet.data.pictures import available_bytes
from alexnet.models.handcrafted.machines import KernelMachine, LinearMachine
from alexnet.training.convex.config import KERNEL_STRENGTHS, LINEAR_STRENGTHS, LONG, LONG_STRENGTHS, LONG_STRENGTHS_FEW, MANY, SolverConfig
from alexnet.training.convex.features import FeatureSet, Rows
from alexnet.training.convex.kernel import KernelProblem, check_kernel_size
from alexnet.training.convex.linear import fit_linear
from alexnet.training.convex.maps import explicit_map, kernel_width
from alexnet.training.loop import Interrupted

MAPPED_SHARE = 0.4  # of the free memory, for features that are mapped once instead of in each pass
ROWS_AT_A_TIME = 1_024
LARGEST_LOG_SCALE = 10.0  # where the validation pictures are told apart without an error, no scale is large enough


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One value of C: errors from 0 to 1, and how far from the optimum the fit is at most."""

    strength: float
    gamma: float | None
    validation_error: float
    training_error: float
    relative_gap: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The machine with the lowest validation error, its scores scaled so that their softmax is calibrated; primal and dual before that.

    gamma: None where the kernel has none. passes: over the features, by the linear machine; 0 for an exact kernel.
    """

    machine: LinearMachine | KernelMachine
    kernel: str
    exact: bool
    strength: float
    gamma: float | None
    validation_error: float
    primal: float
    dual: float
    relative_gap: float
    trials: tuple[Trial, ...]
    seconds: float
    passes: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    training: FeatureSet
    validation: FeatureSet
    classes: int
    kernel: str
    gamma: float
    config: SolverConfig
    seed: int
    device: torch.device
    should_stop: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Candidate:
    trial: Trial
    machine: LinearMachine | KernelMachine
    scores: Tensor  # of the validation pictures
    primal: float
    dual: float
    passes: int


def choose(  # noqa: PLR0913  # whatever decides the machine
    training: FeatureSet,
    validation: FeatureSet,
    *,
    classes: int,
    kernel: str,
    config: SolverConfig,
    seed: int,
    device: torch.device,
    tell: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Choice:
    """The best machine of all values of C by validation error; of equals the smallest C, which has the widest margin.

    kernel: the system's; `config.kernel` goes before it. Raises Interrupted when `should_stop` answers true, and BadDataset where an exact
    kernel machine does not fit.
    """
    started, kernel = time.monotonic(), config.kernel or kernel
    exact = is_exact(kernel, len(training), config)
    if exact:
        check_kernel_size(len(training), config)
    task = _Task(
        training=training,
        validation=validation,
        classes=classes,
        kernel=kernel,
        gamma=kernel_width(kernel, training.vectors, config, seed),
        config=config,
        seed=seed,
        device=device,
        should_stop=should_stop,
    )
    tried = []
    for one in _kernels(task) if exact else _linears(task):
        tell(_line(one.trial))
        tried.append(one)
    best = min(tried, key=lambda one: (one.trial.validation_error, one.trial.strength))
    calibrate(best.machine, best.scores, validation.labels)
    return Choice(
        machine=best.machine,
        kernel=kernel,
        exact=exact,
        strength=best.trial.strength,
        gamma=best.trial.gamma,
        validation_error=best.trial.validation_error,
        primal=best.primal,
        dual=best.dual,
        relative_gap=best.trial.relative_gap,
        trials=tuple(one.trial for one in tried),
        seconds=time.monotonic() - started,
        passes=best.passes,
    )


def is_exact(kernel: str, n: int, config: SolverConfig) -> bool:
    """Whether n training pictures are fitted with their kernel matrix; a linear kernel never needs it."""
    kernel = config.kernel or kernel
    return kernel != "linear" and (config.map == "exact" or (config.map == "auto" and n <= config.exact_limit))


def calibrate(machine: LinearMachine | KernelMachine, scores: Tensor, labels: NDArray[np.int64]) -> float:
    """Multiply the machine's scores by the one number that gives the lowest log loss on these; gives the number (Guo et al. 2017).

    The order of the classes stays, so no error changes.
    """
    values, rows = scores.double().cpu().numpy(), np.arange(len(labels))
    own = values[rows, labels]

    def log_loss(log_scale: float) -> float:
        scale = np.exp(log_scale)
        return float(np.mean(logsumexp(scale * values, axis=1) - scale * own))

    found = minimize_scalar(log_loss, bounds=(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE), method="bounded")
    scale = float(np.exp(found.x))
    if isinstance(machine, LinearMachine):
        machine.weights.mul_(scale)
        machine.bias.mul_(scale)
    else:
        machine.scale.mul_(scale)
    return scale


def _kernels(task: _Task) -> Iterator[_Candidate]:
    problem = KernelProblem(task.training, classes=task.classes, kernel=task.kernel, gamma=task.gamma, device=task.device)
    for strength in task.config.strength_values or KERNEL_STRENGTHS:
        if task.should_stop():
            raise Interrupted("Stopped while the machine was being fitted; the features are kept where they were.")
        fit = problem.solve(strength)
        scores = _machine_scores(fit.machine, task.validation, task.device)
        trial = Trial(
            strength=strength,
            gamma=task.gamma if task.kernel in ("rbf", "chi2") else None,
            validation_error=_error(scores, task.validation.labels),
            training_error=_error(fit.training_scores, task.training.labels),
            relative_gap=fit.relative_gap,
        )
        yield _Candidate(trial, fit.machine, scores, fit.primal, fit.dual, 0)


def _linears(task: _Task) -> Iterator[_Candidate]:
    labels, config = task.training.labels, task.config
    feature_map = explicit_map(task.kernel, task.training.vectors, task.gamma, config, task.seed, task.device)
    plain = _mapped_once(Rows(task.training, task.device, feature_map))
    strengths = config.strength_values or _usual_strengths(plain)
    fits = fit_linear(
        _centred(plain, labels),
        labels,
        classes=task.classes,
        strengths=strengths,
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
        yield _Candidate(trial, machine, scores, float(fit.primal.sum()), float(fit.dual.sum()), fit.passes)


def _usual_strengths(rows: Rows) -> tuple[float, ...]:
    if rows.inputs <= LONG:
        return LINEAR_STRENGTHS
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
    stacked = torch.cat([torch.cat([machine.weights, machine.bias[None]]) for machine in machines], dim=1)
    scores = torch.empty(len(rows), stacked.shape[1], device=rows.device)  # at once: small results between large chunks split up the heap
    for which, part in rows.chunks():
        scores[which] = part @ stacked
    return list(scores.chunk(len(machines), dim=1))


def _machine_scores(machine: KernelMachine, features: FeatureSet, device: torch.device) -> Tensor:
    parts = []
    for start in range(0, len(features), ROWS_AT_A_TIME):
        part = np.array(features.vectors[start : start + ROWS_AT_A_TIME], dtype=np.float32)
        parts.append(machine(torch.from_numpy(part).to(device)))
    return torch.cat(parts)


def _error(scores: Tensor, labels: NDArray[np.int64]) -> float:
    return float((scores.argmax(1).cpu().numpy() != labels).mean())


def _line(trial: Trial) -> str:
    gamma = "" if trial.gamma is None else f", gamma {trial.gamma:.3g}"
    errors = f"validation error {trial.validation_error:.2%}, training error {trial.training_error:.2%}"
    return f"C {trial.strength:g}{gamma}: {errors}, relative gap {trial.relative_gap:.1e}"
