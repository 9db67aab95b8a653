"""Ctrl-C and SIGTERM: what a program does, and says, when it is asked to stop."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from alexnet.runtime.events import Message, RunsDone
from alexnet.runtime.interrupts import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_during_steps_a_stop_is_requested_and_said_within_a_second(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    with stop_on_signals() as stop:
        stop.notice(RunsDone(0, 3, None))
        assert not stop.asked()
        os.kill(os.getpid(), number)
        assert stop.asked()
        time.sleep(0.9)
        assert capsys.readouterr().err == "Stopping; press Ctrl-C again to stop at once.\n"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert capsys.readouterr().err == ""


def test_outside_steps_it_ends_at_once_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with stop_on_signals() as stop:
        stop.notice(Message("reading"))
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert capsys.readouterr().err == ""


def test_another_thread_receives_no_signals() -> None:
    found: list[bool] = []

    def work() -> None:
        with stop_on_signals() as stop:
            found.append(stop.asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert found == [False]


def test_a_stop_whose_exception_is_swallowed_is_not_forgotten() -> None:
    with stop_on_signals() as stop:
        with suppress(KeyboardInterrupt):  # as some imports do
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked()
