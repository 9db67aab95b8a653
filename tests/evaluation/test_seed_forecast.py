"""What more seeds or images would achieve: the forecast is what then comes out, by t and not by 1.96."""

import numpy as np
import pytest
from scipy.stats import t as student

from alexnet.evaluation.seed_forecast import expected_half, expected_half_width, more_needed, seeds_within
from alexnet.evaluation.seed_statistics import Difference, Judging, error_effect
from alexnet.evaluation.sequential import level_at

DIFFERENCE = Difference(
    difference=0.004, interval=(-0.006, 0.014), seeds=3, images=10_000, seed_variance=5e-5, degrees=6.0, alone=3e-5, shared=4e-7
)  # fmt: skip


def test_the_forecast_is_the_interval_at_hand() -> None:
    rng = np.random.default_rng(5)
    better, worse = rng.random((2, 4, 3_000)) < 0.3 + rng.normal(0, 0.02, (2, 4, 1))
    found = error_effect(better, worse, Judging(same_images=True))
    assert found is not None
    assert expected_half(found) == pytest.approx(np.ptp(found.interval) / 2, rel=0.05)


def test_more_seeds_or_images_are_just_enough() -> None:
    more = more_needed(DIFFERENCE, margin=0.01)
    assert more.seeds is not None
    assert more.images is None or more.images > 0
    assert expected_half(DIFFERENCE, seeds=3 + more.seeds) <= 0.006 < expected_half(DIFFERENCE, seeds=2 + more.seeds)


def test_where_only_images_help_images_are_named() -> None:
    """The part that all seeds share is more than the margin allows."""
    few = Difference(difference=0.0, interval=(-0.05, 0.05), seeds=10, images=300, seed_variance=2e-4, degrees=9.0, alone=2e-4, shared=5e-4)
    more = more_needed(few, margin=0.01)
    assert more.seeds is None
    assert more.images is not None
    assert expected_half(few, images=300 + more.images) <= 0.01
    own_splits = Difference(
        difference=0.0, interval=(-0.1, 0.1), seeds=10, images=3_000, seed_variance=1e-3, degrees=9.0, alone=1e-5, correlation=0.15
    )  # fmt: skip
    assert more_needed(own_splits, margin=0.001) == type(more)(seeds=None, images=None)


def test_before_a_study_the_width_is_by_t() -> None:
    assert expected_half_width(10_000, 3) > 2 * expected_half_width(10_000, 10)
    alone, among_ten = expected_half_width(10_000, 3), expected_half_width(10_000, 3, pairs=10)
    assert alone / among_ten == pytest.approx(student.ppf(0.975, 2) / student.ppf(0.975, 20))
    assert expected_half_width(10_000, 3, pairs=4) < expected_half_width(300, 3, pairs=4)
    assert expected_half_width(300, 10, test_share=0.16) > expected_half_width(300, 10)


def test_looks_that_ask_for_more_need_more_seeds_and_images() -> None:
    """Each look of a study that adds seeds has a level far below 5%."""
    once, looking = more_needed(DIFFERENCE, margin=0.01), more_needed(DIFFERENCE, margin=0.01, level=level_at)
    assert once.seeds is not None
    assert looking.seeds is not None
    assert looking.seeds > once.seeds
    seeds = 3 + looking.seeds
    assert expected_half(DIFFERENCE, seeds=seeds, level=level_at(seeds)) <= 0.006
    assert expected_half(DIFFERENCE, seeds=seeds - 1, level=level_at(seeds - 1)) > 0.006
    assert expected_half_width(10_000, 3, pairs=10, level=level_at(3)) > 1.5 * expected_half_width(10_000, 3, pairs=10)


def test_images_are_counted_for_one_seed() -> None:
    """Three splits of 1,000 judged images each; all of them together need so many more."""
    splits = Difference(
        difference=0.01, interval=(-0.01, 0.03), seeds=3, images=3_000, seed_variance=1e-4, degrees=8.0, alone=1e-4, correlation=0.16
    )  # fmt: skip
    images = more_needed(splits, margin=0.01).images
    assert images is not None
    assert expected_half(splits, images=3_000 + 3 * images) <= 0.01 < expected_half(splits, images=3_000 + 3 * int(0.97 * images))


def test_few_judged_images_take_many_seeds() -> None:
    """For five points to either side: the images of a benchmark, a tenth of 2,000 photos, a tenth of 600."""
    usual = range(6, 17)
    assert seeds_within(0.05, 10_000, usual, level=level_at) == 6
    some = seeds_within(0.05, 208, usual, test_share=0.125, level=level_at)
    assert 6 < some < 16
    halves = [expected_half_width(208, n, test_share=0.125, level=level_at(n)) for n in (some - 1, some)]
    assert halves[1] <= 0.05 < halves[0]
    assert seeds_within(0.05, 60, usual, test_share=0.125, level=level_at) == 16
