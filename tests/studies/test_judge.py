"""Outcomes of runs that were never made, judged: what each arm shows, which pairs count, and what a failure does."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alexnet.evaluation.seed_statistics import Judging
from alexnet.studies.claim import Arm, Measure, Published, Study
from alexnet.studies.findings import Finding
from alexnet.studies.judge import ClaimRuns, Rules, judge
from alexnet.studies.outcome import Outcome

IMAGES = 2_000


def study_of(*names: str, measure: Measure = "error", better: str = "a", worse: str = "b") -> Study:
    published = (Published(name="norm-paper", source="a paper"),)
    arms = tuple(Arm(name=name, fair="own-rate") for name in names)
    return Study(claim="made-up", arms=arms, better=better, worse=worse, section="3.1", measure=measure, published=published)


def outcome(seed: int, error: float, **fields: Any) -> Outcome:
    """One run that misses so many images, others with each seed."""
    wrong = np.zeros(IMAGES, np.bool_)
    wrong[: round(error * IMAGES)] = True
    given = {"judged_error": error, "seconds": 10.0, "parameters": 100, "macs": 1_000, "memory_bytes": 5_000, "n_train": 77, "epochs": 20.0}
    return Outcome(key=f"{seed}-{error}", seed=seed, wrong=tuple(np.random.default_rng(seed).permutation(wrong)), **(given | fields))


def failed(seed: int, why: str = "The loss is no number.") -> Outcome:
    return Outcome(key=str(seed), seed=seed, failure=why)


def curve(*errors: float) -> list[dict[str, float]]:
    return [{"epoch": epoch, "training_error": error} for epoch, error in enumerate(errors, start=1)]


def judged(study: Study, outcomes: dict[str, list[Outcome]], *, same_images: bool = True) -> Finding:
    changes = {arm.name: {"network.width": 0.5} for arm in study.arms}
    claim = ClaimRuns(study=study, outcomes=outcomes, changes=changes, models={arm.name: "alexnet" for arm in study.arms})
    (found,) = judge([claim], Rules(judging=Judging(same_images=same_images), chance_error=0.95))
    return found


def errors(*values: float) -> list[Outcome]:
    return [outcome(seed, value) for seed, value in enumerate(values)]


@pytest.mark.parametrize("same", [True, False])
def test_a_planted_effect_holds_and_its_reverse_is_reversed(same: bool) -> None:
    outcomes = {"a": errors(0.200, 0.205, 0.210), "b": errors(0.300, 0.306, 0.309)}
    found = judged(study_of("a", "b"), outcomes, same_images=same)
    assert found.verdict == "holds"
    assert found.effect is not None
    assert found.effect.difference == pytest.approx(0.1)
    assert (found.effect.better, found.effect.worse, found.effect.seeds) == ("a", "b", 3)
    assert found.effect.images == (IMAGES if same else 3 * IMAGES)
    assert judged(study_of("a", "b", better="b", worse="a"), outcomes, same_images=same).verdict == "reversed"
    assert judged(study_of("a", "b"), {"a": outcomes["a"], "b": outcomes["a"]}, same_images=same).verdict == "no-difference"


def test_the_finding_carries_what_the_study_says() -> None:
    study = study_of("a", "b")
    found = judged(study, {"a": errors(0.2, 0.2), "b": errors(0.2, 0.2)})
    assert (found.claim, found.section, found.measure, found.better, found.worse) == ("made-up", "3.1", "error", "a", "b")
    assert (found.published, found.judged) == (study.published, "test")
    json.dumps(found.to_json(), allow_nan=False)


def test_an_arm_shows_the_means_over_its_seeds() -> None:
    runs = [
        outcome(0, 0.20, training_error=0.1, gradients={"conv1": 1.0}, outputs={"conv1": 4.0}, per_class={"cat": 0.2}, history=curve(0.5)),
        outcome(
            1, 0.22, training_error=0.3, gradients={"conv1": 3.0}, outputs={"conv1": 6.0}, per_class={"cat": 0.4, "dog": 0.1}, seconds=30.0
        ),
    ]
    arm = judged(study_of("a", "b"), {"a": runs, "b": errors(0.3, 0.3)}).arm("a")
    assert arm.errors == [0.20, 0.22]
    assert arm.mean == pytest.approx(0.21)
    assert arm.interval is not None
    assert arm.interval[0] < 0.21 < arm.interval[1]
    assert arm.training_error == pytest.approx(0.2)
    assert (arm.seconds, arm.memory_bytes) == (20.0, 5_000)
    assert (arm.parameters, arm.macs, arm.n_train) == (100, 1_000, 77)
    assert (arm.gradients, arm.outputs) == ({"conv1": 2.0}, {"conv1": 5.0})
    assert arm.per_class == {"cat": pytest.approx(0.3), "dog": 0.1}
    assert arm.curves == [runs[0].history]
    assert (arm.fair, arm.model, arm.changes) == ("own-rate", "alexnet", {"network.width": 0.5})


def test_each_arm_is_held_against_the_first() -> None:
    found = judged(study_of("b", "a", "c"), {"b": errors(0.3, 0.31), "a": errors(0.2, 0.21), "c": errors(0.4, 0.41)})
    assert found.arm("b").against is None
    better, worse = found.arm("a").against, found.arm("c").against
    assert better is not None
    assert worse is not None
    assert (better.better, better.worse, worse.better, worse.worse) == ("a", "b", "c", "b")
    assert better.difference == pytest.approx(0.1)
    assert worse.difference == pytest.approx(-0.1)


def test_only_seeds_with_a_result_of_both_are_paired() -> None:
    """Seed 0 fails in one, seed 2 in the other: one pair is left, which is that of seed 1 and shows nothing."""
    first, second = errors(0.9, 0.2, 0.2), errors(0.3, 0.3, 0.9)
    found = judged(study_of("a", "b"), {"a": [failed(0), *first[1:]], "b": [*second[:2], failed(2, "The disk is full.")]})
    assert found.effect is not None
    assert found.effect.seeds == 1
    assert found.effect.difference == pytest.approx(0.1)
    assert found.verdict == "too-few"
    assert found.arm("a").errors == [None, 0.2, 0.2]
    assert found.arm("a").mean == pytest.approx(0.2)
    assert found.arm("b").failures == ["The disk is full."]


def test_an_arm_that_always_fails_gives_no_result() -> None:
    found = judged(study_of("a", "b", "c"), {"a": [failed(0), failed(1)], "b": errors(0.3, 0.3), "c": errors(0.3, 0.4)})
    arm = found.arm("a")
    assert (found.effect, found.verdict) == (None, "cannot-be-judged")
    assert (arm.mean, arm.interval, arm.seconds, arm.training_error, arm.against) == (None, None, None, None, None)
    assert (arm.errors, arm.epochs_to_target, arm.failures) == ([None, None], [None, None], ["The loss is no number."])
    assert found.arm("b").against is None  # the first arm has nothing to be held against
    assert found.cost == {"seconds": None, "memory": None, "parameters": None, "macs": None}
    json.dumps(found.to_json(), allow_nan=False)


def test_nothing_at_all_has_ended_well() -> None:
    found = judged(study_of("a", "b"), {"a": [failed(0)], "b": [failed(0)]})
    assert (found.verdict, found.judged) == ("cannot-be-judged", "test")


def test_cost_is_that_of_better_over_worse() -> None:
    cheap = [outcome(seed, 0.2, seconds=5.0, memory_bytes=None, macs=250) for seed in range(2)]
    found = judged(study_of("a", "b"), {"a": cheap, "b": errors(0.3, 0.3)})
    assert found.cost == {"seconds": 0.5, "memory": None, "parameters": 1.0, "macs": 0.25}


def test_validation_images_are_named_so() -> None:
    runs = [outcome(seed, 0.2, judged="validation") for seed in range(2)]
    assert judged(study_of("a", "b"), {"a": [failed(0), runs[1]], "b": runs}).judged == "validation"


def test_the_other_arms_help_to_know_the_noise() -> None:
    """Three runs of two arms agree by luck; two more arms say how much seeds differ."""
    lucky = {"a": errors(0.200, 0.210, 0.220), "b": errors(0.250, 0.256, 0.274)}
    others = {"c": errors(0.30, 0.315, 0.29), "d": errors(0.33, 0.31, 0.335)}
    alone = judged(study_of("a", "b"), lucky, same_images=False).effect
    beside = judged(study_of("a", "b", "c", "d"), lucky | others, same_images=False).effect
    assert alone is not None
    assert beside is not None
    assert beside.repeat_noise > 1.2 * alone.repeat_noise
    partly = {"c": [*errors(0.30, 0.315), failed(2)]}  # its two pairs count too
    assert judged(study_of("a", "b", "c"), lucky | partly, same_images=False).effect != alone


def fast(seed: int, *to_target: float) -> Outcome:
    return outcome(seed, 0.3, history=curve(*to_target), epochs=float(len(to_target)), seconds=len(to_target) * 2.0)


def test_epochs_are_compared_as_a_ratio() -> None:
    quick = [fast(seed, 0.25, 0.2, 0.1, 0.1) for seed in range(3)]  # in the middle of the first epoch
    slow = [fast(seed, 0.9, 0.8, 0.7, 0.3 - 0.01 * seed, 0.2) for seed in range(3)]
    found = judged(study_of("a", "b", measure="epochs"), {"a": quick, "b": slow})
    assert found.effect is not None
    assert found.arm("a").epochs_to_target == [0.5] * 3
    assert found.arm("b").epochs_to_target == pytest.approx([4.0, 3.5 + 4 / 9, 3.5 + 3 / 8])
    assert found.effect.difference == pytest.approx((8 * (7 + 8 / 9) * 7.75) ** (1 / 3))
    assert (found.effect.measure, found.verdict) == ("epochs", "holds")
    assert found.arm("a").seconds_to_target == pytest.approx(1.0)  # half an epoch of 2 seconds


def test_an_arm_that_never_arrives_is_at_least_so_much_slower() -> None:
    quick = [fast(seed, 0.3 + 0.01 * seed, 0.2, 0.1, 0.1) for seed in range(3)]
    never = [fast(seed, *[0.9] * 10) for seed in range(3)]
    found = judged(study_of("a", "b", measure="epochs"), {"a": quick, "b": never})
    assert found.effect is not None
    assert 8 < found.effect.difference < 11
    assert (found.verdict, found.arm("b").epochs_to_target, found.arm("b").seconds_to_target) == ("holds", [None] * 3, None)
    assert judged(study_of("a", "b", measure="epochs", better="b", worse="a"), {"a": quick, "b": never}).verdict == "reversed"
    assert judged(study_of("a", "b", measure="epochs"), {"a": never, "b": never}).verdict == "cannot-be-judged"
    json.dumps(found.to_json(), allow_nan=False)


def test_no_number_of_seeds_helps_where_the_claims_own_arm_never_arrives() -> None:
    fast, slow = curve(0.5, 0.2, 0.1), curve(0.5, 0.4, 0.35, 0.2)
    better = [outcome(0, 0.2, history=fast), outcome(1, 0.2, history=fast), outcome(2, 0.9, history=curve(0.9, 0.9), epochs=2.0)]
    found = judged(study_of("a", "b", measure="epochs"), {"a": better, "b": [outcome(seed, 0.2, history=slow) for seed in range(3)]})
    assert found.verdict == "too-few"
    assert found.effect is not None
    assert found.effect.difference > 1
    assert found.more == {"seeds": None, "images": None}


def measured(measure: Measure, a: list[dict[str, Any]], b: list[dict[str, Any]], **fields: Any) -> Finding:
    """Two arms that err alike, with these further fields of their runs."""
    study = replace(study_of("a", "b", measure=measure), **fields)
    return judged(study, {name: [outcome(seed, 0.3, **one) for seed, one in enumerate(runs)] for name, runs in (("a", a), ("b", b))})


def test_gradients_after_an_epoch_are_a_ratio_and_those_of_other_times_stand_beside_it() -> None:
    moments = ("gradients", "gradients_epoch", "gradients_end")
    larger = [{name: {"conv1": 4.0 * (1 + seed / 50), "fc8": 9.0} for name in moments} for seed in range(3)]
    smaller = [
        {
            "gradients": {"conv1": 1.0, "fc8": 1.0},
            "gradients_epoch": {"conv1": 2.0, "fc8": 2.0},
            "gradients_end": {"conv1": 6.0, "fc8": 6.0},
        }
    ] * 3
    found = measured("gradients-epoch", larger, smaller, further_measures=("gradients", "gradients-end"))
    assert found.effect is not None
    assert found.effect.difference == pytest.approx(3.0, rel=0.02)  # the geometric mean of 4 and 9, over 2
    assert (found.verdict, found.effect.measure, found.effect.nothing) == ("holds", "gradients-epoch", 1.0)
    assert {one.measure: one.difference for one in found.also} == {
        "gradients": pytest.approx(6.0, rel=0.02), "gradients-end": pytest.approx(1.0, rel=0.02)
    }  # fmt: skip
    assert found.arm("b").gradients_end == {"conv1": 6.0, "fc8": 6.0}


def test_times_are_those_of_the_other_side_over_the_claims() -> None:
    plain = [{"step_times": {"forward": 1.0, "step": 1.0 + seed / 100}} for seed in range(3)]
    slow = [{"step_times": {"forward": 1.6, "step": 1.3 - seed / 100}} for seed in range(3)]
    found = measured("seconds", plain, slow)
    assert found.effect is not None
    assert found.effect.difference == pytest.approx((1.3 * 1.29 / 1.01 * 1.28 / 1.02) ** (1 / 3))
    assert found.verdict == "holds"
    assert found.arm("b").step_times == pytest.approx({"forward": 1.6, "step": 1.29})
    assert measured("seconds", plain, plain).verdict == "no-difference"
    assert measured("seconds", [{}] * 3, [{}] * 3).verdict == "cannot-be-judged"  # runs that nobody timed


def test_probes_compare_the_errors_of_the_linear_machines() -> None:
    rng = np.random.default_rng(0)
    better, worse = (
        [{"probed": tuple(rng.random(1_000) < error), "probes": {"conv1": 0.6, "fc7": error}} for _ in range(3)] for error in (0.3, 0.5)
    )
    found = measured("probes", better, worse)
    assert found.effect is not None
    assert found.effect.difference == pytest.approx(0.2, abs=0.03)
    assert (found.verdict, found.effect.images) == ("holds", 1_000)
    assert found.arm("a").last_probe == pytest.approx(0.3)
    assert measured("probes", better, [*worse[:2], {}]).effect is None  # a run without


def test_hardly_trained_runs_of_a_claim_about_time_say_nothing_about_the_noise_of_others() -> None:
    calm = {"a": errors(0.200, 0.205, 0.210), "b": errors(0.300, 0.306, 0.309)}
    wild = {"a": errors(0.5, 0.8, 0.6), "b": errors(0.9, 0.55, 0.7)}
    claims = [
        ClaimRuns(study=study_of("a", "b"), outcomes=calm, changes={"a": {}, "b": {}}, models={"a": "alexnet", "b": "alexnet"}),
        ClaimRuns(
            study=study_of("a", "b", measure="seconds"), outcomes=wild, changes={"a": {}, "b": {}}, models={"a": "alexnet", "b": "alexnet"}
        ),
    ]
    rules = Rules(judging=Judging(same_images=False), chance_error=0.95)
    assert judge(claims, rules)[0].effect == judge(claims[:1], rules)[0].effect
