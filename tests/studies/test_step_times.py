"""Two things timed in turns: what disturbs both does not count."""

from collections.abc import Callable
from itertools import count

import pytest

from alexnet.studies.step_times import ROUNDS, SECONDS, WARM_UP, in_turns


class Machine:
    """A clock that only work moves, on a machine that slows down and is sometimes held up by others."""

    def __init__(self, *, drift: float = 0.0, held_up_every: int = 0) -> None:
        self.now, self.drift, self.held_up_every, self.calls = 0.0, drift, held_up_every, count(1)

    def work(self, seconds: float) -> Callable[[], None]:
        def call() -> None:
            held_up = self.held_up_every and next(self.calls) % self.held_up_every == 0
            self.now += seconds * (1 + self.drift * self.now) * (30 if held_up else 1)

        return call


@pytest.mark.parametrize("machine", [Machine(), Machine(drift=0.2), Machine(held_up_every=7)], ids=["quiet", "drifts", "held up"])
def test_a_ratio_is_that_of_the_work(machine: Machine) -> None:
    found = in_turns(machine.work(0.03), machine.work(0.02), clock=lambda: machine.now)
    assert found == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize(("seconds", "rounds"), [(1.0, ROUNDS[0]), (1e-6, ROUNDS[1])])
def test_slow_work_has_the_fewest_rounds_and_fast_work_the_most(seconds: float, rounds: int) -> None:
    machine, calls = Machine(), list[int]()
    work = machine.work(seconds)

    def counted() -> None:
        calls.append(1)
        work()

    in_turns(counted, machine.work(seconds), clock=lambda: machine.now)
    assert len(calls) == rounds + WARM_UP


def test_no_round_begins_after_the_time_is_over() -> None:
    machine = Machine()
    in_turns(machine.work(0.01), machine.work(0.01), clock=lambda: machine.now)
    assert SECONDS < machine.now < SECONDS + 0.05
