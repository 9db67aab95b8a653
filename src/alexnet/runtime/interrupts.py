"""Ctrl-C and SIGTERM: a training stops after its current step with nothing lost, other work stops at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

from alexnet.runtime.events import Extracting, RunsDone, StepDone

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE_SECONDS = 0.4  # in which a stop needs no message


class Stop:
    """A request to stop. A second one, or one outside the training steps, raises KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.requested = self.stepping = False
        self.process = os.getpid()
        self._bell = SimpleQueue[bool]()  # rung with True by a signal, False at the end; the one queue that a signal handler may put into

    def asked(self) -> bool:
        """Whether the training should stop after its current step."""
        return self.requested

    def notice(self, event: object) -> None:
        """Listen to a training: during its steps a signal requests a stop, at other times it interrupts at once."""
        self.stepping = isinstance(event, StepDone | Extracting | RunsDone)

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if os.getpid() != self.process:
            _in_a_worker(number)
            return
        self._bell.put(True)
        at_once = self.requested or not self.stepping
        self.requested = True  # in any case: code in the middle of an import may swallow the exception
        if at_once:
            raise KeyboardInterrupt

    def say_when_signalled(self) -> None:
        """Until the end: say that the program is stopping, if that takes a while. In a thread: a signal handler must not print."""
        with suppress(Empty):
            if not self._bell.get():
                return
            while self._bell.get(timeout=PATIENCE_SECONDS):
                pass  # another signal
            return
        print("Stopping; press Ctrl-C again to stop at once.", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nobody listens any more."""
        self._bell.put(False)


def _in_a_worker(number: int) -> None:
    """Ignore Ctrl-C, which a terminal sends to the loader's worker processes too: our process ends them, with SIGTERM if need be."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a Stop that receives the signals until the end of the block; outside the main thread, which receives them, it never does."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.signalled) for number in SIGNALS}
    threading.Thread(target=stop.say_when_signalled, daemon=True).start()
    try:
        yield stop
    finally:
        stop.end()
        for number, handler in before.items():
            signal.signal(number, handler)
