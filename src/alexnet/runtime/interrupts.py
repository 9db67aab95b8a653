"""Ctrl-C and SIGTERM: a training stops after its current step with nothing lost, other work stops at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A request to stop. A second one, or one outside the training steps, raises KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.requested = self.stepping = False
        self.process = os.getpid()

    def asked(self) -> bool:
        """Whether the training should stop after its current step."""
        return self.requested

    def notice(self, event: object) -> None:
        """Listen to a training: during its steps a signal requests a stop, at other times it interrupts at once."""
        self.stepping = type(event).__name__ in ("StepDone", "Extracting", "RunsDone")

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if os.getpid() != self.process:
            _in_a_worker(number)
        elif self.requested or not self.stepping:
            raise KeyboardInterrupt
        else:
            self.requested = True


def _in_a_worker(number: int) -> None:
    """Ignore Ctrl-C, which a terminal sends to the loader's worker processes too: our process ends them, with SIGTERM if need be."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a Stop that receives the signals until the end of the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop.signalled) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
