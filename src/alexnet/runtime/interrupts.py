"""Ctrl-C and SIGTERM: a training ends after its step with nothing lost, other work is broken off."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Remembers a wish to stop. A second wish, or one while no steps are made, raises KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.wished = self.stepping = False
        self.process = os.getpid()

    def asked(self) -> bool:
        """Whether the training should end after its step."""
        return self.wished

    def notice(self, event: object) -> None:
        """Listen to a training: between its steps it can be broken off, in them it is asked."""
        self.stepping = type(event).__name__ in ("StepDone", "Extracting", "RunsDone")

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if os.getpid() != self.process:
            _in_a_worker(number)
        elif self.wished or not self.stepping:
            raise KeyboardInterrupt
        else:
            self.wished = True


def _in_a_worker(number: int) -> None:
    """A terminal sends Ctrl-C to the loader's worker processes too: our own process tells them when to end, with SIGTERM if need be."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Signals go to the Stop that this gives, until the end of the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop.signalled) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
