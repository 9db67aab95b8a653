"""What a claim needs, checked on each arm: regularisers where there is nothing to regularise, arms at chance, arms that are not trained."""

from typing import Any

import numpy as np
import pytest

from alexnet.studies.claim import Arm, Needs, Study
from alexnet.studies.outcome import Outcome
from alexnet.studies.preconditions import is_saturated, last_fall, unmet
from alexnet.studies.registry import STUDIES

IMAGES = 1_000
FLAT = tuple({"epoch": float(epoch), "training_error": max(0.01, 0.5 - 0.1 * epoch)} for epoch in range(1, 21))
FALLING = tuple({"epoch": float(epoch), "training_error": 0.8 - 0.03 * epoch} for epoch in range(1, 21))


def run(error: float, training: float | None = 0.01, history: Any = FLAT) -> Outcome:
    return Outcome(key="k", seed=0, wrong=list(np.arange(IMAGES) < error * IMAGES), training_error=training, history=history)


def study(needs: Needs | None, unregularised: str = "") -> Study:
    arms = (Arm(name="a"), Arm(name="b"))
    return Study(claim="made-up", arms=arms, better="a", worse="b", section="4", needs=needs, unregularised=unregularised)


def reason(needs: Needs | None, better: Outcome, worse: Outcome, unregularised: str = "") -> str | None:
    return unmet(study(needs, unregularised), {"a": [better], "b": [worse]}, chance_error=0.9)


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [
        (run(0.5, 0.4), run(0.6, 0.0), None),  # the regularised arm need not fit
        (run(0.5, 0.0), run(0.6, 0.06), "underfits"),
        (run(0.06, 0.04), run(0.08, 0.03), "hardly-overfits"),
    ],
)
def test_a_regulariser_needs_overfitting_without_it(better: Outcome, worse: Outcome, expected: str | None) -> None:
    assert reason("overfits", better, worse) == expected
    assert reason("overfits", worse, better, unregularised="a") == expected


@pytest.mark.parametrize(
    ("worse", "expected"),
    [
        (run(0.5), None),
        (run(0.5, 0.2), "underfits"),
        (run(0.5, 0.05, FALLING), "underfits"),  # still falling by 3 points an epoch
        (run(0.5, 0.2, ()), None),  # a system without epochs is always trained to its end
    ],
)
def test_arms_are_compared_when_they_have_been_trained(worse: Outcome, expected: str | None) -> None:
    assert reason("fits", run(0.4), worse) == expected
    assert reason("fits", worse, run(0.4)) == expected


def test_one_arm_at_chance_is_a_finding_and_two_are_none() -> None:
    assert reason("learns", run(0.5, 0.5, FALLING), run(0.9, 0.9)) is None
    assert reason("learns", run(0.89, 0.9), run(0.9, 0.9)) == "at-chance"
    assert reason(None, run(0.89, 0.9), run(0.9, 0.9)) == "at-chance"


def test_what_was_not_measured_is_not_held_against_a_claim() -> None:
    assert reason("overfits", run(0.5, None), run(0.6, None)) is None
    assert reason("fits", run(0.5, None), run(0.6, None)) is None
    assert unmet(study(None), {"a": [], "b": [run(0.5)]}, chance_error=0.9) == "no-runs"


def test_hardly_any_error_left_is_saturated() -> None:
    assert is_saturated(study(None), {"a": [run(0.004)], "b": [run(0.009)]}, margin=0.01)
    assert not is_saturated(study(None), {"a": [run(0.004)], "b": [run(0.02)]}, margin=0.01)


def test_the_last_tenth_is_between_epochs_too() -> None:
    assert last_fall(run(0.5, history=FALLING)) == pytest.approx(0.06)  # two of twenty epochs
    assert last_fall(run(0.5, history=FALLING[:1])) is None
    assert last_fall(run(0.5, history=({"epoch": 1.0},) * 3)) is None


def test_the_arm_without_the_regulariser_runs_whatever_the_budget() -> None:
    for one in STUDIES.values():
        assert one.unregularised in {"", *(arm.name for arm in one.at("equal").arms)}
