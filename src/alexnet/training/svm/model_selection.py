"""Fits a machine for every C, and chooses one by the validation images alone. Independent of how features are computed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from alexnet.models.handcrafted.svm import KernelMachine, LinearMachine
from alexnet.training.svm.calibration import calibrate, graded, multiply
from alexnet.training.svm.candidates import Candidate, Task, Trial, balanced_error_of, candidates, error_of
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.fit_kernel_maps import kernel_width
from alexnet.training.svm.kernel import check_kernel_size
from alexnet.training.svm.rows import FeatureSet

GAMMA_FACTORS = (0.5, 2.0)  # of the default gamma, also tried at the best C


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The machine with the lowest validation error, its scores scaled so that their softmax is calibrated; primal and dual: unscaled.

    gamma: None if the kernel has none. method, passes: of the linear machine; "" and 0 for an exact kernel. refitted: whether the machine
    and its objectives are of training and validation images together; errors and scale always come from the first fit. balanced: every
    class weighed the same.
    """

    machine: LinearMachine | KernelMachine
    kernel: str
    exact: bool
    method: str
    strength: float
    gamma: float | None
    validation_error: float
    validation_balanced_error: float
    balanced: bool
    primal: float
    dual: float
    relative_gap: float
    trials: tuple[Trial, ...]
    seconds: float
    passes: float
    refitted: bool


def choose(  # noqa: PLR0913  # everything that determines the machine
    training: FeatureSet,
    validation: FeatureSet,
    *,
    classes: int,
    kernel: str,
    config: SolverConfig,
    seed: int,
    device: torch.device,
    together: FeatureSet | None = None,
    report: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Choice:
    """The machine with the lowest validation error over all values of C; in a tie the smallest C, which has the widest margin.

    kernel: the system's, which `config.kernel` overrides. together: training and validation images, on which the machine is fitted again
    if `config.refit` is set. report: called with a line of progress. Raises Interrupted when `should_stop` returns true, and BadDataset if
    an exact kernel machine does not fit into memory.
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
    trials, best = _best(task, report)
    scores = graded(best.machine, validation, device) if isinstance(best.machine, KernelMachine) else best.scores
    scale = calibrate(best.machine, scores, validation.labels)
    final = _refit(task, best, scale, whole, report) if whole is not None else best
    return Choice(
        machine=final.machine,
        kernel=kernel,
        exact=exact,
        method=final.method,
        strength=best.trial.strength,
        gamma=best.trial.gamma,
        validation_error=error_of(scores, validation.labels),
        validation_balanced_error=balanced_error_of(scores, validation.labels),
        balanced=best.trial.balanced,
        primal=final.primal,
        dual=final.dual,
        relative_gap=final.trial.relative_gap,
        trials=trials,
        seconds=time.monotonic() - started,
        passes=final.passes,
        refitted=final is not best,
    )


def is_exact(kernel: str, n: int, config: SolverConfig) -> bool:
    """Whether a machine on n training images uses their kernel matrix; a linear kernel never needs it."""
    kernel = config.kernel or kernel
    return kernel != "linear" and (config.map == "exact" or (config.map == "auto" and n <= config.exact_limit))


def _best(task: Task, report: Callable[[str], None]) -> tuple[tuple[Trial, ...], Candidate]:
    """All trials, and the best candidate. Only the best machine is held in memory: each may be as large as the features."""
    trials: list[Trial] = []
    best: Candidate | None = None
    for one in _all_candidates(task):
        report(_line(one.trial))
        trials.append(one.trial)
        best = _better(best, one, task)
    assert best is not None, "a list of strengths is never empty"
    for one in _other_gammas(task, best):
        report(_line(one.trial))
        trials.append(one.trial)
        best = _better(best, one, task)
    return tuple(trials), best


def _all_candidates(task: Task) -> Iterator[Candidate]:
    """A machine for each C; where validation chooses whether classes are balanced, both kinds."""
    if task.config.balance != "validation":
        return candidates(task)
    return (one for balanced in (False, True) for one in candidates(task.balanced(balanced)))


def _better(best: Candidate | None, one: Candidate, task: Task) -> Candidate:
    """The candidate with the lower validation error; in a tie the smaller C, and then the earlier one.

    Where classes are to count the same, it is the mean of the classes' errors.
    """
    if best is None:
        return one
    if task.config.balance == "none":
        return min(best, one, key=lambda it: (it.trial.validation_error, it.trial.strength))
    return min(best, one, key=lambda it: (it.trial.balanced_error, it.trial.strength))


def _other_gammas(task: Task, best: Candidate) -> Iterator[Candidate]:
    """Exact machines with half and twice the default gamma at the best C, unless gamma was set."""
    if task.exact and best.trial.gamma is not None and not task.config.gamma:
        task = task.balanced(best.trial.balanced)
        for factor in GAMMA_FACTORS:
            yield from candidates(task.narrowed(task.training, best.trial.strength, factor * task.gamma))


def _refit(task: Task, best: Candidate, scale: float, together: FeatureSet, report: Callable[[str], None]) -> Candidate:
    """The same machine fitted to training and validation images together, with the scale of the first fit."""
    report(f"Fitting C {best.trial.strength:g} again on all {len(together):,} training and validation pictures ...")
    (found,) = candidates(task.balanced(best.trial.balanced).narrowed(together, best.trial.strength, best.trial.gamma))
    multiply(found.machine, scale)
    if isinstance(found.machine, KernelMachine) and isinstance(best.machine, KernelMachine):
        found.machine.sharpness = best.machine.sharpness
    return found


def _line(trial: Trial) -> str:
    gamma = "" if trial.gamma is None else f", gamma {trial.gamma:.3g}"
    of_classes = f" ({trial.balanced_error:.2%} of an average class, balanced)" if trial.balanced else ""
    errors = f"validation error {trial.validation_error:.2%}{of_classes}, training error {trial.training_error:.2%}"
    return f"C {trial.strength:g}{gamma}: {errors}, relative gap {trial.relative_gap:.1e}"
