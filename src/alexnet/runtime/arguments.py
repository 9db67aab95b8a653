"""Checks of the arguments of public functions: a value of the expected kind, or an error that says what to pass.

The command line parses its own arguments; these checks are for Python callers, who can pass any object.
"""

import os
import reprlib
from collections.abc import Collection
from pathlib import Path
from typing import SupportsIndex, TypeVar

from alexnet.errors import AlexNetError

LONGEST_PATH = 200  # characters that are shown

Choice = TypeVar("Choice", bound=str)


def path_from(value: object, what: str, mistake: type[AlexNetError] = AlexNetError) -> Path:
    """`value`, a string or a path, as a Path; raises `mistake` for anything else. `what` begins the message: "The run folder".

    The path need not exist; one that the system cannot look up, such as a name that is too long, and a folder that may not be entered
    are refused.
    """
    path = any_path(value, what, mistake)
    try:
        os.stat(os.path.join(path, os.curdir))  # noqa: PTH116, PTH118 (Path drops the dot, which asks whether a folder may be entered)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long, forbidden, or with a null byte or a lone surrogate
        reason = getattr(error, "strerror", None) or error
        raise mistake(f"{what} is {shown_path(path)}, which cannot be used as a path ({reason}).") from None
    return path


def shown_path(path: Path) -> str:
    """A path as messages show it: quoted, and without the middle if it is very long."""
    text = repr(str(path))
    return text if len(text) <= LONGEST_PATH else f"{text[: LONGEST_PATH // 2]}...{text[-LONGEST_PATH // 2 :]}"


def any_path(value: object, what: str, mistake: type[AlexNetError] = AlexNetError) -> Path:
    """The same without looking the path up, for callers that do so themselves."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path:
        raise mistake(f"{what} is {reprlib.repr(value)}; pass a path, as a string or a Path.")
    return Path(path)


def require_text(path: object, what: str, mistake: type[AlexNetError] = AlexNetError) -> None:
    """Raise `mistake` for a path whose name is not UTF-8: it could not be written into recipe.toml and the other files of a run."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode("utf-8", "surrogateescape" if _has_only_bytes(path) else "replace").decode("utf-8", "backslashreplace")
        raise mistake(f"{what} is '{shown}', whose name is not UTF-8 text (its other bytes are shown as \\x..). Rename it.") from None


def _has_only_bytes(path: object) -> bool:
    """Whether all lone surrogates in a name stand for bytes."""
    return all(not 0xD800 <= ord(letter) <= 0xDFFF or 0xDC80 <= ord(letter) <= 0xDCFF for letter in str(path))


def whole_number(value: object, what: str, *, least: int | None = None, mistake: type[AlexNetError] = AlexNetError) -> int:
    """`value` as an int, at least `least`; raises `mistake` for anything else. Whole numbers of NumPy and PyTorch are accepted."""
    number = _index(value)
    if number is None or (least is not None and number < least):
        raise mistake(f"{what} is {reprlib.repr(value)}; it must be a whole number{'' if least is None else f', at least {least:,}'}.")
    return number


def one_of(value: object, kind: str, known: Collection[Choice], mistake: type[AlexNetError] = AlexNetError) -> Choice:
    """`value` if it is one of `known`; raises `mistake` for anything else. `kind` is what they are, in the message: "view"."""
    found = next((choice for choice in known if isinstance(value, str) and choice == value), None)
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
