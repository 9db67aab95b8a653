"""Looks after each seed: together no more errors than alpha, as a simulation and the published boundaries say."""

import numpy as np
import pytest
from scipy.stats import norm

from alexnet.evaluation import sequential
from alexnet.evaluation.sequential import FIRST_LOOK, PLANNED, level_at, sequential_p, spent


def test_all_looks_together_err_as_often_as_is_spent() -> None:
    """200,000 walks without effect: how many leave the boundaries at any look."""
    count, last = 200_000, PLANNED
    walks = np.random.default_rng(1).normal(size=(count, last)).cumsum(axis=1)[:, FIRST_LOOK - 1 :]
    looks = np.arange(FIRST_LOOK, last + 1)
    edges = np.array([norm.isf(level_at(int(look)) / 2) for look in looks])
    left = (np.abs(walks) / np.sqrt(looks) > edges).cumsum(axis=1) > 0
    error = 3 * (0.05 * 0.95 / count) ** 0.5
    for place, look in enumerate(looks):
        assert left[:, place].mean() == pytest.approx(spent(0.05, int(look)), abs=error)


def test_equal_looks_with_even_spending_are_those_of_the_literature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five equal looks, alpha spent in proportion: the boundaries of Lan and DeMets 1983."""
    for name, value in {"FIRST_LOOK": 1, "PLANNED": 5, "POWER": 1.0, "RESERVE": 0.0}.items():
        monkeypatch.setattr(sequential, name, value)
    edges = [norm.isf(level_at(look, 0.05 + 1e-12) / 2) for look in range(1, 6)]  # an alpha that no other test has asked for
    assert edges == pytest.approx([2.58, 2.49, 2.41, 2.34, 2.28], abs=0.01)


def test_alpha_is_never_used_up() -> None:
    """Seeds may be added by hand without an end; there is always a little left for the next."""
    assert spent(0.05, PLANNED) == pytest.approx(0.0475)
    assert all(0 < level_at(seeds) < 0.05 for seeds in range(FIRST_LOOK, 40))
    assert spent(0.05, 10_000) < 0.05


def test_a_p_value_is_the_alpha_at_which_a_look_is_just_shown() -> None:
    for seeds in (3, 7, 16, 20):
        assert sequential_p(level_at(seeds), seeds) == pytest.approx(0.05, rel=1e-4)
        assert sequential_p(level_at(seeds, 0.01), seeds) == pytest.approx(0.01, rel=1e-4)
    assert sequential_p(0.9, 5) == 1.0
    assert sequential_p(0.0, 5) <= 1.001e-12
