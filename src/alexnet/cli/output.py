"""How verbs show their results, pass on news of their work, and tell mistakes."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn


def show(as_json: bool, value: dict[str, Any], readable: Callable[[], object]) -> None:
    """Print `value` as one JSON object, or what `readable` returns: a text, a table of rich, or several of them."""
    if os.environ.get("RANK", "0") != "0":  # the first of several workers speaks for all
        return
    if as_json:
        print(json.dumps(value, allow_nan=False), flush=True)
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    shown = readable()
    with console.capture() as text:  # rich itself would end the program when the reader of a pipe leaves
        for part in shown if isinstance(shown, (list, tuple)) else [shown]:
            console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    print(text.get(), end="", flush=True)


def tell(listeners: list[Callable[[Any], None]], event: object) -> None:
    """Hand an event of the work to all who listen: the screen, the signals, TensorBoard."""
    for listener in listeners:
        listener(event)


def fail(error: BaseException, status: int) -> int:
    """Print the whole message, with what was added to it on its way, unless another worker has; returns the exit status."""
    if getattr(error, "reported", False):
        return status
    said = str(error) or ("Stopped." if isinstance(error, KeyboardInterrupt) else type(error).__name__)
    print(said, *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
    return status


def leave_the_pipe() -> None:
    """Python flushes standard output at its end, and would complain there a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end_at_once(status: int) -> NoReturn:
    """End one worker of several without Python's tidying up: gloo's threads may still be letting go of it, and abort the process."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
