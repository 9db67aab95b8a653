"""Work in processes: every task once, one thread each, a stop that reaches all, and a killed process told as what it is."""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.errors import AlexNetError, Interrupted
from alexnet.runtime.main_guard import unguarded_mark
from alexnet.runtime.process_pool import THREADS, in_pool


def threads(number: int, should_stop: Callable[[], bool]) -> tuple[int, int, str | None]:
    import torch

    return number, torch.get_num_threads(), os.environ.get(THREADS[0])


def waiting(number: int, should_stop: Callable[[], bool]) -> int:
    while number and not should_stop():
        time.sleep(0.05)
    if number:
        raise Interrupted("Stopped.")
    return number


def killed(number: int, should_stop: Callable[[], bool]) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_one_process_is_this_one_and_keeps_the_order() -> None:
    assert [number for number, _ in in_pool(threads, [3, 4, 5], processes=1, should_stop=lambda: False)] == [0, 1, 2]
    with pytest.raises(Interrupted, match="between two runs"):
        list(in_pool(threads, [3, 4], processes=1, should_stop=lambda: True))


@pytest.mark.slow
def test_each_task_runs_once_on_one_thread_and_the_environment_is_left_as_it_was() -> None:
    before = {name: os.environ.get(name) for name in THREADS}
    found = dict(in_pool(threads, [10, 11, 12, 13], processes=2, should_stop=lambda: False))
    assert found == {place: (10 + place, 1, "1") for place in range(4)}
    assert {name: os.environ.get(name) for name in THREADS} == before


def test_the_mark_of_a_missing_guard_is_nothing_until_it_is_left() -> None:
    with unguarded_mark() as mark:
        assert (mark.parent, mark.exists()) == (Path(tempfile.gettempdir()), False)
        mark.touch()
    assert not mark.exists()


@pytest.mark.slow
def test_a_stop_reaches_every_process() -> None:
    ended: list[int] = []

    def gather() -> None:
        for _, number in in_pool(waiting, [0, 1, 2, 3], processes=2, should_stop=lambda: bool(ended)):
            ended.append(number)

    with pytest.raises(Interrupted, match="kept in their checkpoints"):
        gather()
    assert ended == [0]


@pytest.mark.slow
def test_a_killed_process_is_told_with_what_to_do() -> None:
    with pytest.raises(AlexNetError, match=r"was killed, most likely because memory ran out\. Rerun the same command with --processes 1"):
        list(in_pool(killed, [0, 1], processes=2, should_stop=lambda: False))
