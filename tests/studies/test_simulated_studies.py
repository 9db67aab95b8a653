"""Whole studies on made-up results, judged as they are: how often verdicts are false, found, and how often intervals hold the truth.

The counts allow for Monte Carlo error: two standard errors of the rate over so many studies. What was measured is in docs/studies.md.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.studies.simulated import SimulatedStudy

from alexnet.evaluation.seed_statistics import Judging, error_effect
from alexnet.evaluation.sequential import PLANNED
from alexnet.studies.findings import Finding

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NOTHING = (0.0,) * 8  # claims without effect
POINT = (1.0,) * 8


def error(rate: float, count: int) -> float:
    """Two standard errors of a rate over so many studies."""
    return 2 * math.sqrt(rate * (1 - rate) / count)


def false_stars(studies: list[list[Finding]]) -> float:
    """The share of studies of claims without effect in which any verdict has Holm's mark."""
    return float(np.mean([any(finding.holm for finding in study) for study in studies]))


def coverage(studies: list[list[Finding]], points: float) -> float:
    held = [one.effect.interval[0] <= points / 100 <= one.effect.interval[1] for study in studies for one in study if one.effect]
    return float(np.mean(held))


@pytest.mark.parametrize("seeds", [3, 5, 12])
@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_a_star_is_false_in_at_most_one_study_of_twenty(seeds: int, noise: float) -> None:
    count = 300
    studies = list(SimulatedStudy(effects=NOTHING, seeds=seeds, noise=noise, images=2_000).judged(count))
    assert false_stars(studies) <= 0.05 + error(0.05, count)
    assert coverage(studies, 0.0) >= 0.93


def test_a_star_is_false_no_more_often_if_seeds_are_added() -> None:
    count = 60
    studies = list(SimulatedStudy(effects=NOTHING, seeds=PLANNED, images=2_000).judged(count, auto=True))
    assert false_stars(studies) <= 0.05 + error(0.05, count)
    assert coverage(studies, 0.0) >= 0.93


def test_one_point_is_found_with_eight_seeds_on_average() -> None:
    """Standard deviation of a difference 0.7 points from seed to seed beyond the images', 10,000 images."""
    findings = [one for study in SimulatedStudy(effects=POINT, seeds=PLANNED).judged(30, auto=True) for one in study]
    seeds = np.mean([one.effect.seeds for one in findings if one.effect])
    assert np.mean([one.verdict == "holds" for one in findings]) >= 0.9
    assert seeds <= 8


@pytest.mark.parametrize("seeds", [3, 10, 40])
def test_intervals_hold_the_truth_on_the_same_images(seeds: int) -> None:
    studies = list(SimulatedStudy(effects=NOTHING[:3], seeds=seeds, images=2_000).judged(200))
    assert coverage(studies, 0.0) >= 0.93


@pytest.mark.parametrize(("seeds", "count"), [(3, 400), (10, 300), (40, 200)])
def test_intervals_hold_the_truth_on_splits_of_ones_own(seeds: int, count: int) -> None:
    """Two ridge learners on random splits, 76% and 12%, of 1,000 made-up examples; the truth is from many more such data sets."""
    share = 120 / 760
    truth = float(np.mean([np.mean(_differences(np.random.default_rng(10_000 + i), 40)) for i in range(400)]))
    held = []
    for number in range(count):
        wrong = _split_results(np.random.default_rng(number), seeds)
        found = error_effect(wrong[0], wrong[1], Judging(same_images=False, test_share=share))
        assert found is not None
        held.append(found.interval[0] <= truth <= found.interval[1])
    assert np.mean(held) >= 0.93 - error(0.07, count) / 2


def _differences(rng: np.random.Generator, splits: int) -> NDArray[np.float64]:
    better, worse = _split_results(rng, splits)
    return np.array([np.mean(w) - np.mean(b) for b, w in zip(better, worse, strict=True)])


def _split_results(rng: np.random.Generator, splits: int) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Whether a weakly and a strongly regularised learner miss the test examples of each split of one data set."""
    features = rng.normal(size=(1_000, 40))
    labels = np.sign(features @ (0.9 ** np.arange(40)) + rng.normal(0, 2.0, 1_000))
    results: tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]] = ([], [])
    for _ in range(splits):
        order = rng.permutation(1_000)
        train, test = order[:760], order[880:]
        for of_learner, strength in zip(results, (1.0, 3_000.0), strict=True):
            gram = features[train].T @ features[train] + strength * np.eye(40)
            weights = np.linalg.solve(gram, features[train].T @ labels[train])
            of_learner.append(np.sign(features[test] @ weights) != labels[test])
    return results
