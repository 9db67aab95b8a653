"""Tasks on Ray: with the priority of whoever waits for them, and what becomes of their mistakes, their defects and their lost processes."""

import os
from collections.abc import Callable

import pytest

from alexnet.errors import AlexNetError, BadModel
from alexnet.runtime.ray_pool import NICENESS, on_ray

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def end_at_once(task: int, stop: Callable[[], bool]) -> int:
    os._exit(task)


def divide(task: int, stop: Callable[[], bool]) -> float:
    return 1 / task


def test_a_lost_process_gets_one_message_and_a_defect_its_own() -> None:
    pytest.importorskip("ray")
    with pytest.raises(AlexNetError, match=r"A process of the Ray cluster was lost.*Rerun the same command"):
        list(on_ray(end_at_once, [1], processes=1, should_stop=lambda: False))
    with pytest.raises(ZeroDivisionError):
        list(on_ray(divide, [0], processes=1, should_stop=lambda: False))


def test_workers_are_as_urgent_as_their_driver_and_mistakes_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, workers of Ray's own niceness would get next to nothing."""
    pytest.importorskip("ray")
    monkeypatch.delenv(NICENESS, raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def work(task: int, stop: Callable[[], bool]) -> int:
        if task == 2:
            raise BadModel("task 2 cannot")
        return os.nice(0)

    found: dict[int, int] = {}
    with pytest.raises(BadModel, match="task 2 cannot"):  # the third of two workers' tasks: one of the others has ended
        found.update(on_ray(work, [0, 1, 2], processes=2, should_stop=lambda: False))
    assert set(found.values()) == {os.nice(0)}
    assert NICENESS not in os.environ
