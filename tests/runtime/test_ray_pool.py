"""A lost process of a Ray cluster is the machine's trouble, with a message; an exception of a task is a defect, with its traceback."""

import os
from collections.abc import Callable

import pytest

from alexnet.errors import AlexNetError
from alexnet.runtime.ray_pool import on_ray

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


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
