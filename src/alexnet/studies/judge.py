"""From the outcomes of a study's runs to its finding: each arm, each difference, the verdict.

Independent of how runs are executed and shown; the statistics are in evaluation.seed_statistics.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.evaluation.seed_statistics import Difference, Passes, SeedNoise, error_effect, mean_error, pooled_noise, ratio_effect
from alexnet.studies.claim import TARGET_ERROR, Arm, Study
from alexnet.studies.findings import ArmFound, Effect, Finding, Verdict
from alexnet.studies.outcome import Outcome, epochs_to

Outcomes = Mapping[str, Sequence[Outcome]]  # an arm's name -> one outcome per seed, in the same order of seeds
Compare = Callable[[str, str], Effect | None]  # names of better and worse


def judge(
    study: Study, outcomes: Outcomes, changes: Mapping[str, Mapping[str, Any]], models: Mapping[str, str], *, same_images: bool
) -> Finding:
    """The finding on a claim.

    outcomes: of each arm, one per seed, including failed ones; two arms are compared over the seeds for which both have a result. changes:
    of each arm, dotted fields with their resolved values. models: of each arm. same_images: whether all seeds judge the same images, as for
    a data set with its own test images; splits made here differ from seed to seed.
    """
    compare = _comparing(study, outcomes, same_images)
    first = study.arms[0].name
    arms = [
        _arm_found(
            arm,
            outcomes[arm.name],
            changes=changes[arm.name],
            model=models[arm.name],
            against=None if arm.name == first else compare(arm.name, first),
            same_images=same_images,
        )
        for arm in study.arms
    ]
    effect = compare(study.better, study.worse)
    found = {arm.name: arm for arm in arms}
    return Finding(
        claim=study.claim,
        section=study.section,
        measure=study.measure,
        better=study.better,
        worse=study.worse,
        arms=arms,
        effect=effect,
        verdict=verdict(effect),
        published=study.published,
        cost=_cost(found[study.better], found[study.worse]),
        judged=next((one.judged for of_arm in outcomes.values() for one in of_arm if _ended(one)), "test"),
    )


def _ended(outcome: Outcome) -> bool:
    return outcome.failure is None and len(outcome.wrong) > 0


def _wrong(outcomes: Iterable[Outcome]) -> list[NDArray[np.bool_]]:
    return [np.array(one.wrong, dtype=np.bool_) for one in outcomes]


def _comparing(study: Study, outcomes: Outcomes, same_images: bool) -> Compare:
    """A function that compares two arms by the study's measure."""
    noise = _seed_noise(outcomes)

    def compare(better: str, worse: str) -> Effect | None:
        pairs = [(b, w) for b, w in zip(outcomes[better], outcomes[worse], strict=True) if _ended(b) and _ended(w)]
        firsts, seconds = [b for b, _ in pairs], [w for _, w in pairs]
        if study.measure == "epochs":
            found = ratio_effect([_passes(one) for one in firsts], [_passes(one) for one in seconds])
        else:
            pooled = noise.get(better, worse)
            found = error_effect(_wrong(firsts), _wrong(seconds), same_images=same_images, pooled=pooled)
        return None if found is None else _effect(study, better, worse, found)

    return compare


class _Noise:
    """The pooled seed noise, for the arms whose noise is alike."""

    def __init__(self, names: Sequence[str], noise: SeedNoise | None) -> None:
        self._noise = noise
        self._alike = {name for name, alike in zip(names, noise.alike, strict=True) if alike} if noise else set()

    def get(self, better: str, worse: str) -> tuple[float, int] | None:
        return (self._noise.variance, self._noise.degrees) if self._noise and {better, worse} <= self._alike else None


def _seed_noise(outcomes: Outcomes) -> _Noise:
    """Pooled over the arms that have a result for every seed; an arm that fails for some seeds is not comparable."""
    whole = [name for name, of_arm in outcomes.items() if of_arm and all(map(_ended, of_arm))]
    errors = np.array([[wrong.mean() for wrong in _wrong(outcomes[name])] for name in whole])
    return _Noise(whole, pooled_noise(errors) if whole else None)


def _passes(outcome: Outcome) -> Passes:
    epochs = epochs_to(outcome.history, TARGET_ERROR)
    return Passes(epochs=outcome.epochs, reached=False) if epochs is None else Passes(epochs=epochs)


def _effect(study: Study, better: str, worse: str, found: Difference) -> Effect:
    return Effect(
        better=better,
        worse=worse,
        measure=study.measure,
        difference=found.difference,
        interval=found.interval,
        repeat_noise=found.repeat_noise,
        seeds=found.seeds,
        images=found.images,
    )


def _arm_found(
    arm: Arm, outcomes: Sequence[Outcome], *, changes: Mapping[str, Any], model: str, against: Effect | None, same_images: bool
) -> ArmFound:
    ended = [one for one in outcomes if _ended(one)]
    wrong = _wrong(ended)
    mean, interval = mean_error(wrong, same_images=same_images) if wrong else (None, None)
    return ArmFound(
        name=arm.name,
        fair=arm.fair,
        model=model,
        changes=changes,
        errors=[float(np.mean(one.wrong)) if _ended(one) else None for one in outcomes],
        mean=mean,
        interval=interval,
        training_error=_mean(one.training_error for one in ended),
        epochs_to_target=[epochs_to(one.history, TARGET_ERROR) if _ended(one) else None for one in outcomes],
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
    reached = [(one, _passes(one)) for one in ended]
    if not all(passes.reached and one.epochs for one, passes in reached):
        return None
    return _mean(one.seconds * passes.epochs / one.epochs for one, passes in reached)


def _cost(better: ArmFound, worse: ArmFound) -> dict[str, float | None]:
    return {
        "seconds": _ratio(better.seconds, worse.seconds),
        "memory": _ratio(better.memory_bytes, worse.memory_bytes),
        "parameters": _ratio(better.parameters, worse.parameters),
        "macs": _ratio(better.macs, worse.macs),
    }


def _ratio(better: float | None, worse: float | None) -> float | None:
    return better / worse if better and worse else None


def verdict(effect: Effect | None) -> Verdict:
    """The verdict on a claim from its effect.

    An effect is shown if its whole 95% interval lies on one side of `effect.nothing` and the effect exceeds the repeat noise. One seed
    shows nothing, since it cannot measure that noise.
    """
    if effect is None:
        return "no result"
    size = np.log(effect.difference) if effect.measure == "epochs" else effect.difference
    if effect.seeds < 2 or abs(size) <= effect.repeat_noise:
        return "not shown"
    low, high = effect.interval
    if low > effect.nothing:
        return "holds here"
    return "reversed here" if high < effect.nothing else "not shown"
