"""Variances of few seeds drawn up to those of other pairs: the prior is found again, its limits hold, a wild pair keeps its own."""

import numpy as np
import pytest

from alexnet.evaluation.moderation import MOST_DEGREES, SeedPrior, moderated, seed_prior
from alexnet.evaluation.multiplicity import holm
from alexnet.evaluation.variance_components import Components


def pair(excess: float, seeds: int = 3) -> Components:
    """A pair of arms whose variance between seeds is `excess` times what the images alone cause."""
    return Components(mean=0.0, seeds=seeds, images=1_000, between=excess * 1e-5, alone=1e-5)


def test_smyths_prior_is_found_again() -> None:
    """20,000 variances of 4 degrees of freedom, drawn around an inverse chi square of 10 degrees around 3."""
    rng = np.random.default_rng(7)
    true = 3 * 10 / rng.chisquare(10, 20_000)
    found = seed_prior([pair(float(one), seeds=5) for one in true * rng.chisquare(4, 20_000) / 4])
    assert found is not None
    assert found.centre == pytest.approx(3, rel=0.03)
    assert found.degrees == pytest.approx(10, rel=0.1)


def test_equal_variances_are_pooled_and_count_no_more_than_all_together() -> None:
    rng = np.random.default_rng(3)
    found = seed_prior([pair(float(one)) for one in 2 * rng.chisquare(2, 8) / 2])
    assert found is not None
    assert found.most == 16
    shrunk = moderated(pair(2.0), SeedPrior(centre=2.0, degrees=MOST_DEGREES, most=16))
    assert shrunk.degrees == 16
    assert shrunk.variance == pytest.approx(2e-5)


def test_the_images_part_is_the_least() -> None:
    found = seed_prior([pair(0.2), pair(0.3), pair(0.1)])
    assert found is not None
    assert found.centre == 1.0


def test_a_wild_pair_keeps_its_own_variance() -> None:
    prior = SeedPrior(centre=1.5, degrees=20.0, most=20.0)
    wild = moderated(pair(200.0), prior)
    assert wild.variance == pytest.approx(200e-5)
    assert wild.degrees == 2.0
    assert moderated(pair(2.0), prior).degrees == 20.0


def test_a_variance_is_drawn_up_to_the_others_and_never_down() -> None:
    prior = SeedPrior(centre=2.0, degrees=20.0, most=20.0)
    assert moderated(pair(0.5), prior).variance == pytest.approx((20 * 2.0 + 2 * 0.5) / 22 * 1e-5)
    own = moderated(pair(5.0), prior)
    assert own.variance == pytest.approx(5e-5)
    assert own.degrees == 20.0


def test_one_pair_alone_has_only_its_own() -> None:
    assert seed_prior([pair(2.0)]) is None
    assert seed_prior([pair(0.0), pair(2.0), pair(1.0, seeds=1)]) is None  # one does not vary, one has a single seed
    own = moderated(pair(2.0), None)
    assert own.variance == pytest.approx(2e-5)
    assert own.degrees == 2.0


def test_holms_steps_are_those_of_his_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
