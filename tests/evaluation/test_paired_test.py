"""Paired tests against the closed form, a published formula, and simulated systems whose difference is known."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from alexnet.errors import BadRun
from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.paired_test import Paired, agresti_min_interval, paired_test, pooled_error
from alexnet.evaluation.seed_statistics import Judging, error_effect
from alexnet.runs.predictions import read_predictions

Answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def judged(wrong: list[bool], seed: int = 0) -> dict[int, dict[str, bool]]:
    return {seed: {f"{i}.png": one for i, one in enumerate(wrong)}}


def pair_of(first: list[bool], second: list[bool]) -> Paired:
    found = paired_test(judged(first), judged(second))
    assert found is not None
    return found


def closed_form(b: int, c: int) -> float:
    """Twice the tail of a fair coin, at most 1."""
    n = b + c
    tail: int = sum(math.comb(n, k) for k in range(min(b, c) + 1))
    return min(1.0, 2 * tail / float(2**n))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (0, 5), (5, 0), (6, 0), (3, 9), (10, 10), (2, 30), (150, 200)])
def test_p_is_mcnemars_exact_one(b: int, c: int) -> None:
    found = pair_of([True] * b + [False] * c + [True] * 7, [False] * b + [True] * c + [True] * 7)
    assert (found.n, found.first_only, found.second_only) == (b + c + 7, b, c)
    assert found.p == pytest.approx(closed_form(b, c), rel=1e-9)
    assert found.difference == pytest.approx((b - c) / (b + c + 7))


def test_interval_is_agresti_and_mins() -> None:
    """One seed: the formula of 2005 for b, c and n, with half an image more in each cell."""
    b, c, n = 12, 5, 80
    found = pair_of([True] * b + [False] * (n - b), [False] * b + [True] * c + [False] * (n - b - c))
    centre = (b - c) / (n + 2)
    half = 1.959964 * math.sqrt(b + c + 1 - (b - c) ** 2 / (n + 2)) / (n + 2)
    assert found.interval == pytest.approx((centre - half, centre + half))


@pytest.mark.parametrize(("p", "shown"), [(0.049, True), (0.05, False), (1.0, False)])
def test_a_difference_is_shown_below_5_percent(p: float, shown: bool) -> None:
    assert Paired(n=9, first_only=5, second_only=0, difference=5 / 9, interval=(0.1, 0.9), p=p).shown == shown


def textbook_interval(differences: list[int]) -> tuple[float, float]:
    """Wald's interval after half an image more in each cell of the table: right and right, wrong and wrong, and the two that differ."""
    table = {value: differences.count(value) + (1.0 if value == 0 else 0.5) for value in (-1, 0, 1)}
    n = sum(table.values())
    mean = sum(value * times for value, times in table.items()) / n
    variance = sum(times * (value - mean) ** 2 for value, times in table.items()) / n
    half = 1.959963984540054 * math.sqrt(variance / n)
    return max(-1.0, mean - half), min(1.0, mean + half)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60), st.integers(1, 5))
def test_one_interval_serves_comparisons_and_studies(differences: list[int], seeds: int) -> None:
    """A comparison's images are judged once or by several seeds; a study with one seed judges each once: both call the one formula."""
    values = np.array(differences, dtype=np.float64)
    expected = textbook_interval(differences)
    assert agresti_min_interval(values) == pytest.approx(expected, abs=1e-12)
    assert agresti_min_interval(values, np.ones(len(values))) == agresti_min_interval(values)
    first, second = [value == 1 for value in differences], [value == -1 for value in differences]
    assert pair_of(first, second).interval == pytest.approx(expected, abs=1e-12)
    of_study = error_effect([np.array(second)], [np.array(first)], Judging(same_images=True))
    assert of_study is not None
    assert of_study.interval == agresti_min_interval(values)
    clusters = agresti_min_interval(seeds * values, np.full(len(values), float(seeds)))
    total, centre = seeds * len(values) + 2, seeds * values.sum() / (seeds * len(values) + 2)
    half = 1.959963984540054 * math.sqrt(((seeds * values - seeds * centre) ** 2).sum() + 1 + 2 * centre**2) / total
    assert clusters == pytest.approx((max(-1.0, centre - half), min(1.0, centre + half)), abs=1e-12)


@given(Answers)
def test_the_order_of_the_two_only_turns_the_sign(answers: list[tuple[bool, bool]]) -> None:
    first, second = [a for a, _ in answers], [b for _, b in answers]
    one, other = pair_of(first, second), pair_of(second, first)
    assert one.reversed() == other
    assert one.interval[0] <= one.difference <= one.interval[1] or abs(one.difference) == 1
    assert -1 <= one.interval[0] < one.interval[1] <= 1


def test_the_same_answers_under_three_seeds_are_no_new_images() -> None:
    first, second = [True] * 8 + [False] * 40, [False] * 8 + [True] * 2 + [False] * 38
    once = pair_of(first, second)
    thrice = paired_test({s: judged(first)[0] for s in range(3)}, {s: judged(second)[0] for s in range(3)})
    assert thrice is not None
    assert (thrice.p, thrice.n) == (once.p, once.n)
    assert thrice.difference == pytest.approx(once.difference)
    width, narrow = once.interval[1] - once.interval[0], thrice.interval[1] - thrice.interval[0]
    assert narrow == pytest.approx(width, rel=0.1)


def test_other_images_under_each_seed_are_new_images() -> None:
    first, second = [True] * 5 + [False] * 40, [False] * 45
    apart = paired_test(
        {0: judged(first)[0], 1: {f"b{name}": wrong for name, wrong in judged(first)[0].items()}},
        {0: judged(second)[0], 1: {f"b{name}": wrong for name, wrong in judged(second)[0].items()}},
    )
    assert apart is not None
    assert (apart.n, apart.first_only) == (90, 10)
    assert apart.p == pytest.approx(closed_form(10, 0))


def test_images_that_only_one_has_judged_do_not_count() -> None:
    found = paired_test({0: {"a": True, "b": False}, 1: {"a": True}}, {0: {"a": False, "c": True}, 2: {"a": True}})
    assert found is not None
    assert (found.n, found.first_only, found.second_only) == (1, 1, 0)
    assert paired_test({0: {"a": True}}, {0: {"b": True}}) is None
    assert paired_test({0: {"a": True}}, {}) is None


def test_equal_systems_are_told_apart_in_few_cases_and_intervals_hold_the_truth() -> None:
    """2,000 pairs of systems that both err on 20% of 150 images: p under 0.05 in at most 5%, the interval holds 0 in about 95%."""
    random = np.random.default_rng(1)
    hard = random.random((2_000, 150)) < 0.15
    first, second = (hard | (random.random(hard.shape) < 0.06) for _ in range(2))
    found = [pair_of(a.tolist(), b.tolist()) for a, b in zip(first[:500], second[:500], strict=True)]
    assert np.mean([one.shown for one in found]) <= 0.05
    assert np.mean([one.interval[0] <= 0 <= one.interval[1] for one in found]) > 0.93


def test_real_systems_on_real_digits() -> None:
    """A linear model on raw pixels and nearest neighbours, 597 digits: the neighbours are shown to be ahead."""
    images, labels = load_digits(return_X_y=True)
    models = LogisticRegression(max_iter=200, C=0.01), KNeighborsClassifier(3)
    linear, near = (model.fit(images[:1200] / 16, labels[:1200]).predict(images[1200:] / 16) != labels[1200:] for model in models)
    found = pair_of(linear.tolist(), near.tolist())
    assert found.difference == pytest.approx(linear.mean() - near.mean())
    assert found.shown
    assert found.difference > 0


def test_pooled_error_is_as_sure_as_its_different_images() -> None:
    one = judged([True] * 10 + [False] * 90)
    again = dict.fromkeys(range(5), one[0])
    other = {0: one[0], 1: {f"b{name}": wrong for name, wrong in one[0].items()}}
    assert pooled_error(one) == (0.1, error_interval(10, 100), 100)
    assert pooled_error(again) == (0.1, error_interval(10, 100), 100)
    assert pooled_error(other) == (0.1, error_interval(20, 200), 200)


def test_answers_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    rows = [("b/1, 2.png", "b", "b", "0.9"), ('a/"x"\n.png', "a", "b", "0.5"), ("café 猫.png", "a", "a", "0.7")]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "class", "predicted", "probability"), *rows])
    assert list(read_predictions(path).items()) == [(rows[0][0], False), (rows[1][0], True), (rows[2][0], False)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"file,class\na.png,b\n", "lacks the column 'predicted'"),
        (b"file,class,predicted\n\xff.png,a,b\n", "codec"),
        (b"file,class,predicted,probability\n", "is empty"),
    ],
)
def test_damaged_answers_say_what_to_do(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "lenet-1-0" / "predictions.csv"
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadRun, match=reason) as refused:
        read_predictions(path)
    assert f"Delete {path.parent} and rerun the same command." in str(refused.value)
