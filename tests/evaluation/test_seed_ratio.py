"""Ratios of epochs: a t interval of the logarithms, bounds where runs never arrive, few false verdicts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from alexnet.evaluation.seed_ratio import LARGEST_RATIO, Passes, ratio_effect
from alexnet.evaluation.seed_statistics import Difference
from alexnet.studies.findings import Effect, Verdict
from alexnet.studies.judge import verdict


def verdict_of(found: Difference) -> Verdict:
    return verdict(
        Effect(
            better="a",
            worse="b",
            measure="epochs",
            difference=found.difference,
            interval=found.interval,
            repeat_noise=found.seed_variance**0.5,
            seeds=found.seeds,
            images=found.images,
        )
    )


def passes(*epochs: float | None, trained: float = 20.0) -> list[Passes]:
    return [Passes(epochs=trained, reached=False) if one is None else Passes(epochs=one) for one in epochs]


def ratio_of(better: list[Passes], worse: list[Passes]) -> Difference:
    found = ratio_effect(better, worse)
    assert found is not None
    return found


def test_ratio_is_a_t_interval_of_the_logarithms() -> None:
    better, worse = [2.0, 3.0, 2.5, 2.2], [11.0, 19.0, 14.0, 14.5]
    found = ratio_of(passes(*better), passes(*worse))
    test = ttest_rel(np.log(worse), np.log(better))
    theirs = test.confidence_interval(0.95)
    assert found.p == pytest.approx(test.pvalue)
    assert found.interval == pytest.approx((math.exp(theirs.low), math.exp(theirs.high)))
    assert found.difference == pytest.approx(math.prod(w / b for w, b in zip(worse, better, strict=True)) ** 0.25)
    assert (found.seeds, found.at_least, found.at_most) == (4, False, False)
    assert verdict_of(found) == "holds"
    assert verdict_of(ratio_of(passes(*worse), passes(*better))) == "reversed"


def test_runs_that_never_arrive_bound_the_ratio() -> None:
    found = ratio_of(passes(2, 3, 2.5), passes(None, 19, None))
    assert found.at_least
    assert found.p < 0.05
    assert found.interval[1] == pytest.approx(LARGEST_RATIO)
    assert verdict_of(found) == "holds"
    mixed = ratio_of(passes(None, 3, 2), passes(3, None, 4))
    assert mixed.interval == pytest.approx((1 / LARGEST_RATIO, LARGEST_RATIO))
    assert mixed.p == 1.0
    assert verdict_of(mixed) == "too-few"
    late = ratio_of(passes(None, None, None), passes(2, 3, 2.5))  # the claim's arm does not arrive
    assert (late.at_most, verdict_of(late)) == (True, "reversed")


def test_pairs_that_say_nothing_are_left_out() -> None:
    assert ratio_effect(passes(None, None), passes(None, None)) is None
    assert ratio_effect([], []) is None
    assert ratio_effect(passes(None, trained=0), passes(5)) is None  # a system without passes
    assert ratio_of(passes(2, None, 3), passes(4, None, 7)).seeds == 2
    one = ratio_of(passes(2), passes(12))
    assert one.difference == pytest.approx(6)
    assert one.interval[0] < 1 < one.interval[1]
    assert verdict_of(one) == "too-few"


Reached = st.lists(st.tuples(*[st.floats(0.1, 50) | st.none()] * 2), min_size=1, max_size=5)


@given(Reached)
def test_swapped_arms_have_the_inverse_ratio(pairs: list[tuple[float | None, float | None]]) -> None:
    first, second = passes(*(a for a, _ in pairs), trained=60), passes(*(b for _, b in pairs), trained=60)
    found, swapped = ratio_effect(first, second), ratio_effect(second, first)
    if found is None or swapped is None:
        assert found is swapped
        return
    assert swapped.difference == pytest.approx(1 / found.difference)
    assert swapped.interval == pytest.approx((1 / found.interval[1], 1 / found.interval[0]))
    assert (swapped.at_least, swapped.at_most) == (found.at_most, found.at_least)


def test_ratios_of_equal_arms_are_rarely_called_different() -> None:
    rng = np.random.default_rng(6)
    for seeds in (2, 3, 5):
        logs = rng.normal(1.5, 0.2, (1000, 2, seeds))
        found = [ratio_of(passes(*np.exp(better)), passes(*np.exp(worse))) for better, worse in logs]
        shown = np.mean([verdict_of(one) in {"holds", "reversed"} for one in found])
        assert shown <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


def test_close_ratios_are_no_difference_that_matters() -> None:
    close = ratio_of(passes(10.0, 10.1, 9.9, 10.0), passes(10.1, 10.0, 10.0, 9.95))
    assert verdict_of(close) == "no-difference"
