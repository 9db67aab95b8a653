"""The program: `alexnet`, and `python -m alexnet`, as torchrun starts it.

Ctrl-C while modules are being imported, for most of the first second, ends the program at once: no work has begun, and an exception in the
middle of an import could be swallowed, or be shown as a defect. What Python does before `start` runs is out of reach.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

IMPORTS = "<frozen importlib._bootstrap>"  # the code of every import statement
STOPPED = 130


def start() -> NoReturn:
    """Run the command line, and exit with its status."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as for a script's jobs in the background
            signal.signal(signal.SIGINT, end_or_interrupt)
        from alexnet.cli import main

        status = main()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is Python's own cleanup
    except KeyboardInterrupt:
        end()
    sys.exit(status)


def end_or_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle Ctrl-C: end during an import, otherwise raise KeyboardInterrupt, as Python does."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTS:
            end()
        frame = frame.f_back
    raise KeyboardInterrupt


def end() -> NoReturn:
    """End at once, as after Ctrl-C."""
    os.write(2, b"Stopped.\n")
    os._exit(STOPPED)


if __name__ == "__main__":
    start()
