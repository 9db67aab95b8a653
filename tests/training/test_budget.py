"""A training with a time budget ends in time, whatever the speed does on the way; the clock is ours."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.training.tiny import CONFIG, Clock, DigitBatches, budget, events, training, validation, weights
from torch import Tensor, nn

from alexnet.errors import BudgetTooSmall, Interrupted
from alexnet.runtime.events import EpochDone, Event, Planned, StepDone
from alexnet.training.budget import WARM_STEPS, Budget
from alexnet.training.loop import fit
from alexnet.training.state import TrainingState
from alexnet.training.step import Batch
from alexnet.training.training import Training

BUDGET, RESERVE, FINAL = 600.0, 20.0, 400  # seconds; seconds; images
VALIDATION_SECONDS = 2.0  # of 100 images

Speed = Callable[[float, int], float]  # (seconds since the start, step) -> seconds of a step

SPEEDS: dict[str, Speed] = {
    "constant": lambda now, step: 1.0,
    "slow first steps": lambda now, step: 8.0 if step < 3 else 1.0,
    "slowing down": lambda now, step: 0.6 + 0.8 * now / BUDGET,
    "speeding up": lambda now, step: 1.6 - 1.0 * now / BUDGET,
    "twice as slow from the middle": lambda now, step: 0.8 if now < BUDGET / 2 else 1.6,
    "twice as fast from the middle": lambda now, step: 1.6 if now < BUDGET / 2 else 0.8,
    "slow late": lambda now, step: 0.8 if now < 0.75 * BUDGET else 1.4,
    "uneven": lambda now, step: 0.6 + 0.8 * (step % 7 == 0),
    "few long steps": lambda now, step: 6.0,
}


class Linear(nn.Module):
    """The fastest thing that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(192, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layer(images.flatten(1).float() / 255)
        return scores


class Simulation:
    """A training whose steps and validations take the time that the test says."""

    def __init__(self, folder: Path, speed: Speed, clock: Clock, *, images: int = 1_280, seconds: float = BUDGET) -> None:
        self.clock, self.speed, self.started, self.step, self.seen = clock, speed, clock.now, 0, list[Event]()
        self.seconds = seconds
        torch.manual_seed(0)
        self.training: Training = training(
            folder,
            replace(CONFIG, budget_seconds=seconds),
            model=Linear(),
            batches=DigitBatches(images=images, tick=self.tick),
            validation=self.validation,
            budget=budget(seconds, clock, reserve=RESERVE, final=FINAL),
            listen=self.seen.append,
        )

    def tick(self) -> None:
        self.clock.pass_by(self.speed(self.clock.now - self.started, self.step))
        self.step += 1

    def validation(self) -> Iterator[Batch]:
        self.clock.pass_by(VALIDATION_SECONDS)
        yield from validation()

    def run(self) -> tuple[TrainingState, float]:
        """The state at the end, and the seconds that everything took: training, test and report."""
        state = fit(self.training)
        return state, self.clock.now - self.started + FINAL / 100 * VALIDATION_SECONDS + RESERVE


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    monkeypatch.setattr("time.monotonic", ours)
    return ours


@pytest.mark.parametrize(
    "speed",
    [
        pytest.param(speed, id=name, marks=() if name == "twice as slow from the middle" else pytest.mark.slow)
        for name, speed in SPEEDS.items()
    ],
)
def test_a_training_ends_within_five_percent_of_its_budget(speed: Speed, clock: Clock, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, speed, clock)
    state, seconds = simulation.run()
    assert 0.95 * BUDGET <= seconds <= 1.05 * BUDGET
    steps = [event for event in simulation.seen if isinstance(event, StepDone)]
    assert state.finished
    assert steps[-1].progress == pytest.approx(1.0)  # the schedule came to its end
    assert all(now.progress >= before.progress for before, now in pairwise(steps))


def test_the_plan_is_told_once_and_is_about_right(clock: Clock, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SPEEDS["constant"], clock)
    state, _ = simulation.run()
    plans: list[Planned] = []
    for event in simulation.seen:
        events(Planned, plans)(event)
    (plan,) = plans
    assert plan.steps == pytest.approx(state.step, rel=0.1)  # the first plan guesses how long a validation takes
    assert plan.epochs == pytest.approx(plan.steps / 40)
    assert plan.seconds_per_step == pytest.approx(1.0)


def test_an_epoch_that_is_longer_than_the_budget_is_ended_in_its_middle(clock: Clock, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SPEEDS["constant"], clock, images=32_000)  # 1,000 steps
    state, seconds = simulation.run()
    assert 0.95 * BUDGET <= seconds <= 1.05 * BUDGET
    assert len(state.history) == 1
    assert 0.3 < state.history[0]["epoch"] < 0.6
    assert sum(isinstance(event, EpochDone) for event in simulation.seen) == 1


def test_an_interrupted_training_keeps_to_the_rest_of_its_budget(clock: Clock, tmp_path: Path) -> None:
    first = Simulation(tmp_path, SPEEDS["constant"], clock)
    first.training.should_stop = lambda: first.step >= 150
    with pytest.raises(Interrupted):
        first.run()
    spent = clock.now - first.started
    clock.pass_by(10_000.0)  # the time between counts for nothing
    second = Simulation(tmp_path, SPEEDS["constant"], clock)
    _, seconds = second.run()
    assert spent + seconds == pytest.approx(BUDGET, rel=0.05)
    assert any(not torch.equal(value, weights(first.training)[name]) for name, value in weights(second.training).items())


def test_a_budget_under_a_tenth_of_an_epoch_ends_with_the_steps_that_fitted(clock: Clock, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SPEEDS["constant"], clock, images=64_000, seconds=60.0)
    state, seconds = simulation.run()
    assert state.finished
    assert 5 <= state.step <= 40
    assert len(state.history) == 1
    assert seconds <= 1.1 * 60.0
    assert simulation.training.checkpoints.best.exists()


def test_steps_that_are_longer_than_the_budget_end_it_after_the_first(clock: Clock, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, lambda now, step: 500.0, clock, seconds=60.0)
    state, _ = simulation.run()
    assert (state.step, len(state.history)) == (1, 1)


def test_a_budget_that_reading_has_used_up_is_refused(clock: Clock, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SPEEDS["constant"], clock, seconds=60.0)
    clock.pass_by(60.0 - RESERVE)
    with pytest.raises(BudgetTooSmall, match="used up before the first step"):
        simulation.run()
    assert simulation.step == 0


def planned(*seconds: float) -> Budget:
    one = budget(1_000.0, Clock(0.0), reserve=100.0, validation_images=100, final=200)
    for length in seconds:
        one.observe_step(length)
    return one


def test_the_first_steps_say_nothing_of_the_speed() -> None:
    assert planned(*[9.0] * WARM_STEPS, 1.0, 1.0, 1.0).seconds_per_step() == 1.0
    assert planned(9.0).seconds_per_step() == 9.0  # better than nothing


def test_the_speed_is_that_of_recent_steps() -> None:
    assert planned(*[9.0] * 500, *[1.0] * 300).seconds_per_step() == 1.0


@pytest.mark.parametrize(
    ("seconds", "ready"),
    [([9.0] * 3, False), ([9.0] * 3 + [1.0] * 2, False), ([9.0] * 3 + [1.0] * 3, True), ([0.01] * 20, False), ([0.01] * 53, True)],
)
def test_a_plan_waits_for_steps_that_say_something(seconds: list[float], ready: bool) -> None:
    assert planned(*seconds).ready() == ready


def test_the_steps_left_are_the_time_that_is_left_over_their_cost() -> None:
    one = planned(*[1.0] * 10)
    one.validation_seconds = 10.0
    # 1000 - 100 reserve - 20 test - 10 last validation = 870 s; a step costs 1 s and its share of a validation, 10 / 20 s
    assert one.steps_left(steps_per_epoch=20) == 580
