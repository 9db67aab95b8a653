"""Where two learning curves cross, and the sentence that says how sure that is."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.comparison.crossing import Amount, about, crossing_point, find_crossing


def amounts(*rows: tuple[float, float, float, bool]) -> list[Amount]:
    return [Amount(images_per_class=n, first_error=a, second_error=b, shown=shown) for n, a, b, shown in rows]


def test_halfway_on_a_log_axis() -> None:
    assert crossing_point({10: 0.3, 1000: 0.2}, {10: 0.4, 1000: 0.1}) == pytest.approx(100)


def test_the_difference_is_linear_over_the_logarithm() -> None:
    """The difference goes from -0.3 to 0.1: three quarters of the way from 50 to 500."""
    point = crossing_point({5: 0.4, 50: 0.2, 500: 0.2}, {5: 0.9, 50: 0.5, 500: 0.1})
    assert point == pytest.approx(50 * 10**0.75)


@given(st.floats(1.1, 1e4), st.floats(0.01, 0.4), st.floats(0.05, 0.3))
def test_curves_made_to_cross_somewhere_are_found_to_cross_there(point: float, slope: float, level: float) -> None:
    """Two straight lines over the logarithm that meet at `point`."""
    places = [1.0, 3.0, 30.0, 300.0, 3_000.0, 30_000.0]
    first = dict.fromkeys(places, level)
    second = {n: level - slope * math.log(n / point) for n in places}
    assert crossing_point(first, second) == pytest.approx(point, rel=1e-6)
    assert crossing_point(second, first) == pytest.approx(point, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "point"),
    [
        ({10: 0.2, 100: 0.1}, {10: 0.3, 100: 0.2}, None),
        ({10: 0.2}, {10: 0.3}, None),
        ({}, {}, None),
        ({10: 0.2, 100: 0.2}, {20: 0.1, 200: 0.3}, None),  # no amount in common
        ({10: 0.2, 100: 0.2, 1000: 0.2}, {10: 0.3, 100: 0.2, 1000: 0.3}, None),  # they touch
        ({10: 0.2, 100: 0.2, 1000: 0.2}, {10: 0.3, 100: 0.2, 1000: 0.1}, 100),  # equal where they cross
        ({10: 0.2, 100: 0.2}, {10: 0.2, 100: 0.2}, None),
        ({1: 0.2, 10: 0.2, 100: 0.2, 10_000: 0.2}, {1: 0.3, 10: 0.1, 100: 0.3, 10_000: 0.1}, 1000),  # three times: the last
    ],
)
def test_ties_gaps_and_several_crossings(first: dict[float, float], second: dict[float, float], point: float | None) -> None:
    assert crossing_point(first, second) == (None if point is None else pytest.approx(point))


def test_both_leads_shown() -> None:
    found = find_crossing("hog-svm", "lenet", amounts((5, 0.3, 0.5, True), (50, 0.2, 0.2, False), (500, 0.15, 0.05, True)))
    assert (found.below, found.above, found.between) == ("hog-svm", "lenet", (5, 500))
    assert found.images_per_class == pytest.approx(50)
    assert found.sentence == (
        "Below about 50 pictures per class hog-svm is ahead, above it lenet. "
        "Both leads are shown by paired tests, at 5 and at 500 pictures per class."
    )


def test_a_network_may_be_ahead_below() -> None:
    found = find_crossing("raw-svm", "lenet", amounts((10, 0.5, 0.4, True), (1000, 0.1, 0.2, False)))
    assert (found.below, found.above, found.between) == ("lenet", "raw-svm", None)
    assert found.sentence == (
        "Below about 100 pictures per class lenet is ahead, above it raw-svm. "
        "Only the lead of lenet is shown by a paired test; above, it may be chance."
    )


def test_a_lead_shown_above_alone() -> None:
    found = find_crossing("hog-svm", "lenet", amounts((10, 0.4, 0.41, False), (1000, 0.3, 0.1, True)))
    assert found.sentence.endswith("Only the lead of lenet is shown by a paired test; below, it may be chance.")


def test_a_crossing_within_the_noise_is_called_so() -> None:
    found = find_crossing("hog-svm", "lenet", amounts((10, 0.40, 0.41, False), (1000, 0.11, 0.1, False)))
    assert found.images_per_class == pytest.approx(100)
    assert found.sentence == (
        "The curves of hog-svm and lenet meet at about 100 pictures per class, but that is within the noise: "
        "no difference between the two is shown on either side."
    )


def test_a_difference_shown_against_the_last_lead_does_not_count_for_it() -> None:
    found = find_crossing("h", "n", amounts((1, 0.2, 0.1, True), (10, 0.1, 0.2, False), (100, 0.2, 0.1, False)))
    assert found.images_per_class == pytest.approx(10**1.5)
    assert "within the noise" in found.sentence


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [(5, 0.3, 0.5, True), (50, 0.2, 0.25, False), (500, 0.1, 0.2, True)],
            "h is ahead of n at every amount from 5 to 500 pictures per class; at 50 it may be chance. Their curves do not cross.",
        ),
        (
            [(5, 0.6, 0.5, True), (500, 0.3, 0.2, True)],
            "n is ahead of h at every amount from 5 to 500 pictures per class. Their curves do not cross.",
        ),
        (
            [(5, 0.3, 0.31, False), (500, 0.1, 0.11, False)],
            "Between h and n no difference is shown at any amount from 5 to 500 pictures per class, and their curves do not cross.",
        ),
        (
            [(500, 0.1, 0.2, True)],
            "With 500 pictures per class h is ahead of n (10.0% against 20.0% error); one amount makes no curve that could cross.",
        ),
        (
            [(500, 0.2, 0.1, False)],
            "With 500 pictures per class no difference between h and n is shown; one amount makes no curve that could cross.",
        ),
    ],
)
def test_no_crossing(rows: list[tuple[float, float, float, bool]], sentence: str) -> None:
    found = find_crossing("h", "n", amounts(*rows))
    assert found.sentence == sentence
    assert found.images_per_class is None
    assert found.below is None


def test_an_amount_as_one_says_it() -> None:
    assert [about(n) for n in (3.21, 11.7, 117, 1234, 98_765)] == ["3.2", "12", "120", "1,200", "99,000"]


def measured(error: float) -> list[Amount]:
    """Curves that cross at 29 images per class; each difference is known to that standard error."""
    rows = [(n, 0.02 * math.log(n / 29)) for n in (3.0, 10.0, 30.0, 100.0, 300.0)]
    return [Amount(images_per_class=n, first_error=0.3 + d, second_error=0.3, shown=True, standard_error=error) for n, d in rows]


@pytest.mark.parametrize("error", [0.002, 0.01])
def test_the_interval_holds_the_true_crossing_in_95_of_100(error: float) -> None:
    """Noise on each difference; the crossing that is found lies elsewhere each time."""
    rng, held, count = np.random.default_rng(29), 0, 400
    for _ in range(count):
        noisy = [replace(amount, first_error=amount.first_error + rng.normal(0, error)) for amount in measured(error)]
        low, high = find_crossing("hog-svm", "lenet", noisy).interval or (math.inf, math.inf)
        held += (low or 0) <= 29 <= (high or math.inf)
    assert held / count >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / count)


@pytest.mark.parametrize("shared", [0.3, 1.0])
def test_it_holds_where_the_same_test_images_move_all_amounts_together(shared: float) -> None:
    """The crossing lies halfway between two amounts, where independent differences would be known best."""
    rng, held, count, error, true = np.random.default_rng(17), 0, 400, 0.002, math.sqrt(300)
    for _ in range(count):
        common = math.sqrt(shared) * rng.normal(0, error)
        noise = common + math.sqrt(1 - shared) * rng.normal(0, error, 5)
        rows = [(n, 0.3 + 0.02 * math.log(n / true) + e) for n, e in zip((3.0, 10.0, 30.0, 100.0, 300.0), noise, strict=True)]
        noisy = [Amount(images_per_class=n, first_error=e, second_error=0.3, shown=True, standard_error=error) for n, e in rows]
        low, high = find_crossing("hog-svm", "lenet", noisy).interval or (math.inf, math.inf)
        held += (low or 0) <= true <= (high or math.inf)
    assert held / count >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / count)


def test_the_interval_is_in_the_sentence_and_open_where_nothing_was_measured() -> None:
    sure, unsure = find_crossing("hog-svm", "lenet", measured(0.004)), find_crossing("hog-svm", "lenet", measured(0.1))
    assert sure.interval is not None
    assert sure.interval[0] == pytest.approx(19.6, rel=0.1)
    assert sure.interval[1] == pytest.approx(42.8, rel=0.1)
    assert "The crossing lies between 20 and 43 pictures per class (95% interval)." in sure.sentence
    assert unsure.interval == (None, None)
    assert unsure.sentence.endswith("Its 95% interval contains all amounts that were measured.")
    rising = [replace(amount, standard_error=0.001 if amount.images_per_class < 30 else 0.2) for amount in measured(0.1)]
    assert "The crossing lies above 11 pictures per class" in find_crossing("hog-svm", "lenet", rising).sentence
    falling = [replace(amount, standard_error=0.001 if amount.images_per_class > 30 else 0.2) for amount in measured(0.1)]
    assert "The crossing lies below " in find_crossing("hog-svm", "lenet", falling).sentence


def test_without_standard_errors_there_is_no_interval() -> None:
    assert find_crossing("hog-svm", "lenet", amounts((5, 0.3, 0.5, True), (500, 0.15, 0.05, True))).interval is None
