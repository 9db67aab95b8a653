"""How verbs print results, pass on events and report errors; characters that control a terminal are escaped on every way out."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from alexnet.errors import AlexNetError
from alexnet.runtime.terminal import visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")  # POSIX: the first that is set holds


def show(as_json: bool, value: dict[str, Any], readable: Callable[[], Any]) -> None:
    """Print `value` as one JSON object, or what `readable` returns: a string, a rich table, or a list of them."""
    if os.environ.get("RANK", "0") != "0":  # only the first of several workers prints
        return
    if as_json:
        print(json.dumps(value, allow_nan=False), flush=True)
        return
    shown = readable()
    parts = shown if isinstance(shown, (list, tuple)) else [shown]
    if all(isinstance(part, str) for part in parts):
        show_lines(parts)
        return
    from rich.console import Console

    console = Console(highlight=False, emoji=False, soft_wrap=not sys.stdout.isatty())
    with console.capture() as text:  # rich itself would end the program when the reader closes the pipe
        for part in parts:
            console.print(visible(part), markup=False) if isinstance(part, str) else console.print(_Visible(part))
    print(text.get(), end="", flush=True)


def show_lines(lines: Iterable[str]) -> None:
    """Print lines of plain text."""
    print(*map(visible, lines), sep="\n", flush=True)


class _Visible:
    """A table whose cells cannot control the terminal; its own styles can."""

    def __init__(self, table: "RenderableType") -> None:
        self.table = table

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Segment]":
        for segment in console.render(self.table, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def tell(listeners: list[Callable[[Any], None]], event: object) -> None:
    """Pass an event to every listener: the screen, the signal handler, TensorBoard."""
    for listener in listeners:
        listener(event)


def fail(error: BaseException, status: int, words: Sequence[str] = ()) -> int:
    """Print the message of an error with its notes, unless another worker has, and return the exit status.

    It is in Chinese if the words of the command ask for that, or else the system: its messages are in the language that it is set to.
    """
    if getattr(error, "reported", False):
        return status
    message = str(error) or ("Stopped." if isinstance(error, KeyboardInterrupt) else type(error).__name__)
    lines = [message, *getattr(error, "__notes__", ())]
    if _is_chinese(words):
        from alexnet.i18n.translate import translated

        lines = [translated(line, "zh") for line in lines]
    print(*map(visible, lines), sep="\n", file=sys.stderr)
    return status


def _is_chinese(words: Sequence[str]) -> bool:
    for option, value in zip(words, (*words[1:], ""), strict=False):
        language = value if option == "--lang" else option.removeprefix("--lang=")
        if option.startswith("--lang") and language in ("en", "zh"):
            return language == "zh"
    return next((os.environ[name] for name in LOCALES if os.environ.get(name)), "").startswith("zh")


def mistake_of(error: OSError) -> AlexNetError:
    """What the system refused, as a message: the path and its reason."""
    paths = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
    reason = error.strerror or str(error) or type(error).__name__
    return AlexNetError(f"{' and '.join(paths)}: {reason}." if paths else f"The system refused: {reason}.")


def show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a defect in the program, as Python does."""
    print(visible("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def leave_the_pipe() -> None:
    """Redirect standard output to the null device, so that Python's flush at exit does not fail a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end_at_once(status: int) -> NoReturn:
    """Exit without Python's cleanup, during which threads of gloo may abort one of several workers; for a process that owes nothing."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
