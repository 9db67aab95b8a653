"""What a caller hands to a public function: a value of the kind that it needs, or the message that says what to hand in.

The command line has its own reader of words; these checks are for Python, where any object can be handed in.
"""

import os
import reprlib
from collections.abc import Collection
from pathlib import Path
from typing import SupportsIndex, TypeVar

from alexnet.errors import AlexNetError

Word = TypeVar("Word", bound=str)


def path_from(value: object, what: str, mistake: type[AlexNetError] = AlexNetError) -> Path:
    """The path that `value`, a text or a Path, names; raises `mistake` for everything else. `what` begins the message: "The run folder".

    What is not there is a path all the same; what the system cannot look for, as a name that is too long, is none.
    """
    path = any_path(value, what, mistake)
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # also a zero byte, or half a character
        reason = getattr(error, "strerror", None) or error
        raise mistake(f"{what} is {reprlib.repr(str(path))}, which is no path here ({reason}).") from None
    return path


def any_path(value: object, what: str, mistake: type[AlexNetError] = AlexNetError) -> Path:
    """The same, for a caller that looks at the path itself."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path:
        raise mistake(f"{what} is {reprlib.repr(value)}; give a path, as text or as a Path.")
    return Path(path)


def whole_number(value: object, what: str, *, least: int | None = None, mistake: type[AlexNetError] = AlexNetError) -> int:
    """`value` as an int, not below `least`; raises `mistake` for everything else. Numbers of NumPy and PyTorch are numbers."""
    number = _index(value)
    if number is None or (least is not None and number < least):
        raise mistake(f"{what} is {reprlib.repr(value)}; it is a whole number{'' if least is None else f', at least {least:,}'}.")
    return number


def one_of(value: object, kind: str, known: Collection[Word], mistake: type[AlexNetError] = AlexNetError) -> Word:
    """`value` if it is one of the `known` words; raises `mistake` for everything else. `kind` names what the words are: "view"."""
    found = next((word for word in known if isinstance(value, str) and word == value), None)
    if found is None:
        shown = f"'{value}'" if isinstance(value, str) else reprlib.repr(value)
        raise mistake(f"There is no {kind} {shown}; use {', '.join(known)}.")
    return found


def _index(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return None
    try:
        return value.__index__()
    except (TypeError, ValueError):  # an array of several numbers
        return None
