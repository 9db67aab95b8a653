import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.training.config import TrainingConfig
from alexnet.training.schedule import Plateau, learning_rate, one_cycle

PAPER = TrainingConfig()


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (0.0, 0.1),  # never below the last rate
        (0.05, 0.25),
        (0.1, 0.5),
        (0.2, 1.0),  # the peak
        (0.4, 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2),  # a quarter of the way down: cos 45 degrees
        (0.6, 0.55),
        (1.0, 0.1),
        (1.2, 0.1),
    ],
)
def test_one_cycle_climbs_in_a_line_and_falls_along_a_cosine(progress: float, expected: float) -> None:
    assert one_cycle(progress, warmup=0.2, final=0.1) == pytest.approx(expected)
    config = replace(PAPER, schedule="one-cycle", learning_rate=0.4, warmup=0.2, final_learning_rate=0.1)
    assert learning_rate(config, progress, drops=2) == pytest.approx(0.4 * expected)


@given(progress=st.floats(0, 1), warmup=st.floats(0, 0.99), final=st.floats(0, 1))
def test_one_cycle_stays_between_its_last_rate_and_its_peak(progress: float, warmup: float, final: float) -> None:
    assert final - 1e-12 <= one_cycle(progress, warmup, final) <= 1 + 1e-12


def test_the_plateau_schedule_divides_by_ten_and_the_constant_one_does_not() -> None:
    assert [learning_rate(PAPER, 0.5, drops) for drops in range(4)] == pytest.approx([1e-2, 1e-3, 1e-4, 1e-5])
    assert learning_rate(replace(PAPER, plateau_divisor=2.0), 0.5, 3) == pytest.approx(0.00125)
    assert learning_rate(replace(PAPER, schedule="constant"), 0.9, 3) == 0.01


def observe(errors: list[float], config: TrainingConfig) -> list[tuple[int, bool]]:
    plateau = Plateau()
    seen = []
    for epoch, error in enumerate(errors, start=1):
        plateau.observe(float(epoch), error, config)
        seen.append((plateau.drops, plateau.finished))
    return seen


def test_an_error_that_stops_improving_drops_the_rate_three_times_and_then_ends() -> None:
    config = replace(PAPER, plateau_epochs=2.0)
    drops = observe([0.5] * 9, config)
    assert drops == [(0, False), (0, False), (1, False), (1, False), (2, False), (2, False), (3, False), (3, False), (3, True)]


@pytest.mark.parametrize(
    ("errors", "drops"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1], [0, 0, 0, 0, 0]),  # improves
        ([0.5, 0.6, 0.4, 0.4, 0.4], [0, 0, 0, 0, 1]),  # the same error is no improvement
        ([0.5, 0.6, 0.6, 0.4, 0.5, 0.5], [0, 0, 1, 1, 1, 2]),  # an improvement starts the count again
        ([0.5, 0.6, 0.6, 0.55, 0.55], [0, 0, 1, 1, 2]),  # a drop starts it too; 0.55 is no better than 0.5
    ],
)
def test_the_count_starts_again_with_each_improvement_and_each_drop(errors: list[float], drops: list[int]) -> None:
    assert [drop for drop, _ in observe(errors, replace(PAPER, plateau_epochs=2.0))] == drops


def test_no_drops_at_all_end_at_the_first_plateau() -> None:
    assert observe([0.5, 0.5], replace(PAPER, plateau_epochs=1.0, plateau_drops=0)) == [(0, False), (0, True)]
