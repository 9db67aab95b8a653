"""The outcomes of an arm's runs as one ArmFound: means, intervals, curves. Independent of other arms and of verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.evaluation.seed_ratio import Passes
from alexnet.evaluation.seed_statistics import Judging, mean_error
from alexnet.studies.claim import TARGET_ERROR, Arm, Measure
from alexnet.studies.findings import ArmFound, Effect
from alexnet.studies.outcome import Outcome, epochs_to


def has_result(outcome: Outcome) -> bool:
    """Whether the run ended with an error on judged images."""
    return outcome.failure is None and len(outcome.wrong) > 0


def wrong_of(outcomes: Iterable[Outcome]) -> list[NDArray[np.bool_]]:
    """Whether each judged image was missed, for each run."""
    return [np.array(one.wrong, dtype=np.bool_) for one in outcomes]


def moved_of(outcomes: Iterable[Outcome]) -> list[NDArray[np.bool_]]:
    """Whether the prediction changed when the image moved, for each run; empty for a run that did not measure it."""
    return [np.array(one.moved, dtype=np.bool_) for one in outcomes]


def probed_of(outcomes: Iterable[Outcome]) -> list[NDArray[np.bool_]]:
    """Whether the linear machine on the last hidden layer missed each judged image, for each run; empty for one without."""
    return [np.array(one.probed, dtype=np.bool_) for one in outcomes]


def gradient_of(outcome: Outcome, measure: Measure = "gradients") -> float:
    """The geometric mean of the layers' gradient norms, when the measure says; 0 if one vanished, or none was measured."""
    norms = np.array(list(gradients_of(outcome, measure).values()))
    return float(np.exp(np.log(norms).mean())) if len(norms) and norms.min() > 0 else 0.0


def gradients_of(of: Outcome | ArmFound, measure: Measure) -> Mapping[str, float]:
    """The layers' gradient norms before training, after the first epoch, or at the end."""
    found: Mapping[str, float] = getattr(of, measure.replace("-", "_"))
    return found


def step_time_of(outcome: Outcome) -> float:
    """The time of a training step in multiples of the same network with ReLU; 0 if it was not measured."""
    return outcome.step_times.get("step", 0.0)


def passes_of(outcome: Outcome) -> Passes:
    """The epochs that the run needed to reach the target, or all of them if it did not."""
    epochs = epochs_to(outcome.history, TARGET_ERROR)
    return Passes(epochs=outcome.epochs, reached=False) if epochs is None else Passes(epochs=epochs)


def summary_of(
    arm: Arm, outcomes: Sequence[Outcome], judging: Judging, *, changes: Mapping[str, Any], model: str, against: Effect | None
) -> ArmFound:
    """What the runs of an arm have shown. changes, model: resolved. against: its effect against the first arm."""
    ended = [one for one in outcomes if has_result(one)]
    wrong = wrong_of(ended)
    mean, interval = mean_error(wrong, judging) if wrong else (None, None)
    return ArmFound(
        name=arm.name,
        fair=arm.fair,
        model=model,
        changes=changes,
        errors=[float(np.mean(one.wrong)) if has_result(one) else None for one in outcomes],
        mean=mean,
        interval=interval,
        training_error=_mean(one.training_error for one in ended),
        training_errors=[one.training_error if has_result(one) else None for one in outcomes],
        epochs_to_target=[epochs_to(one.history, TARGET_ERROR) if has_result(one) else None for one in outcomes],
        seconds=_mean(one.seconds for one in ended),
        seconds_to_target=_seconds_to_target(ended),
        memory_bytes=_mean(one.memory_bytes for one in ended),
        parameters=ended[0].parameters if ended else 0,
        macs=ended[0].macs if ended else 0,
        n_train=ended[0].n_train if ended else 0,
        against=against,
        curves=[one.history for one in ended if one.history],
        gradients=_means([one.gradients for one in ended]),
        outputs=_means([one.outputs for one in ended]),
        per_class=_means([one.per_class for one in ended]),
        moved=_mean(float(np.mean(one.moved)) for one in ended if one.moved),
        gradients_epoch=_means([one.gradients_epoch for one in ended]),
        gradients_end=_means([one.gradients_end for one in ended]),
        step_times=_means([one.step_times for one in ended]),
        probes=_means([one.probes for one in ended]),
        failures=list(dict.fromkeys(one.failure for one in outcomes if one.failure is not None)),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each name over the rows that have it, in order of first occurrence."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def _seconds_to_target(ended: Sequence[Outcome]) -> float | None:
    """Mean over the seeds of the training time in proportion to the epochs; None unless all reach the target, to avoid a biased mean."""
    reached = [(one, passes_of(one)) for one in ended]
    if not all(passes.reached and one.epochs for one, passes in reached):
        return None
    return _mean(one.seconds * passes.epochs / one.epochs for one, passes in reached)


def cost_ratios(better: ArmFound, worse: ArmFound) -> dict[str, float | None]:
    """What `better` costs in multiples of `worse`; None where it is unknown."""
    return {
        "seconds": _ratio(better.seconds, worse.seconds),
        "memory": _ratio(better.memory_bytes, worse.memory_bytes),
        "parameters": _ratio(better.parameters, worse.parameters),
        "macs": _ratio(better.macs, worse.macs),
    }


def _ratio(better: float | None, worse: float | None) -> float | None:
    return better / worse if better and worse else None
