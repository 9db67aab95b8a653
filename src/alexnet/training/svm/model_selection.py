"""Fits a machine for every C, and chooses by the validation images alone. Knows nothing of images and descriptors."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from torch import Tensor

from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine
from alexnet.training.svm.candidates import Candidate, Task, Trial, candidates
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.fit_kernel_maps import kernel_width
from alexnet.training.svm.kernel import check_kernel_size
from alexnet.training.svm.rows import FeatureSet

LARGEST_LOG_SCALE = 10.0  # where the validation images are told apart without an error, no scale is large enough
GAMMA_FACTORS = (0.5, 2.0)  # of the usual gamma, tried besides at the best C


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The machine with the lowest validation error, its scores scaled so that their softmax is calibrated; primal and dual before that.

    gamma: None where the kernel has none. method, passes: of the linear machine; "" and 0 for an exact kernel. refitted: whether the
    machine, with its objectives, is that of training and validation images together; errors and the scale are of the fit before.
    """

    machine: LinearMachine | KernelMachine
    kernel: str
    exact: bool
    method: str
    strength: float
    gamma: float | None
    validation_error: float
    primal: float
    dual: float
    relative_gap: float
    trials: tuple[Trial, ...]
    seconds: float
    passes: float
    refitted: bool


def choose(  # noqa: PLR0913  # whatever decides the machine
    training: FeatureSet,
    validation: FeatureSet,
    *,
    classes: int,
    kernel: str,
    config: SolverConfig,
    seed: int,
    device: torch.device,
    together: FeatureSet | None = None,
    tell: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Choice:
    """The best machine of all values of C by validation error; of equals the smallest C, which has the widest margin.

    kernel: the system's; `config.kernel` goes before it. together: training and validation images, on which the machine is fitted again
    if `config.refit` says so. Raises Interrupted when `should_stop` answers true, BadDataset where an exact kernel machine does not fit.
    """
    started, kernel = time.monotonic(), config.kernel or kernel
    exact = is_exact(kernel, len(training), config)
    whole = together if config.refit and together is not None else None
    if exact:
        check_kernel_size(len(whole or training), config, classes=classes, inputs=training.vectors.shape[1])
    task = Task(
        training=training,
        validation=validation,
        classes=classes,
        kernel=kernel,
        gamma=kernel_width(kernel, training.vectors, config, seed),
        exact=exact,
        config=config,
        seed=seed,
        device=device,
        should_stop=should_stop,
    )
    trials, best = _best(task, tell)
    scale = calibrate(best.machine, best.scores, validation.labels)
    final = _again(task, best, scale, whole, tell) if whole is not None else best
    return Choice(
        machine=final.machine,
        kernel=kernel,
        exact=exact,
        method=final.method,
        strength=best.trial.strength,
        gamma=best.trial.gamma,
        validation_error=best.trial.validation_error,
        primal=final.primal,
        dual=final.dual,
        relative_gap=final.trial.relative_gap,
        trials=trials,
        seconds=time.monotonic() - started,
        passes=final.passes,
        refitted=final is not best,
    )


def is_exact(kernel: str, n: int, config: SolverConfig) -> bool:
    """Whether n training images are fitted with their kernel matrix; a linear kernel never needs it."""
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
    _multiply(machine, scale)
    return scale


def _multiply(machine: LinearMachine | KernelMachine, scale: float) -> None:
    if isinstance(machine, LinearMachine):
        machine.weights.mul_(scale)
        machine.bias.mul_(scale)
    else:
        machine.scale.mul_(scale)


def _best(task: Task, tell: Callable[[str], None]) -> tuple[tuple[Trial, ...], Candidate]:
    """What was tried, and the best of it. Only the best machine is kept meanwhile: each may hold as much as the features."""
    trials: list[Trial] = []
    best: Candidate | None = None
    for one in candidates(task):
        tell(_line(one.trial))
        trials.append(one.trial)
        best = _better(best, one)
    assert best is not None, "a list of strengths is never empty"
    for one in _other_gammas(task, best):
        tell(_line(one.trial))
        trials.append(one.trial)
        best = _better(best, one)
    return tuple(trials), best


def _better(best: Candidate | None, one: Candidate) -> Candidate:
    """The lower validation error; of equals the smaller C, and of those the one that was there before."""
    if best is None:
        return one
    return min(best, one, key=lambda it: (it.trial.validation_error, it.trial.strength))


def _other_gammas(task: Task, best: Candidate) -> Iterator[Candidate]:
    """Half and twice the usual gamma at the best C, of an exact machine whose gamma was not said."""
    if task.exact and best.trial.gamma is not None and not task.config.gamma:
        for factor in GAMMA_FACTORS:
            yield from candidates(task.narrowed(task.training, best.trial.strength, factor * task.gamma))


def _again(task: Task, best: Candidate, scale: float, together: FeatureSet, tell: Callable[[str], None]) -> Candidate:
    """The same machine fitted on training and validation images together, with the scale of the one before."""
    tell(f"Fitting C {best.trial.strength:g} again on all {len(together):,} training and validation pictures ...")
    (found,) = candidates(task.narrowed(together, best.trial.strength, best.trial.gamma))
    _multiply(found.machine, scale)
    return found


def _line(trial: Trial) -> str:
    gamma = "" if trial.gamma is None else f", gamma {trial.gamma:.3g}"
    errors = f"validation error {trial.validation_error:.2%}, training error {trial.training_error:.2%}"
    return f"C {trial.strength:g}{gamma}: {errors}, relative gap {trial.relative_gap:.1e}"
