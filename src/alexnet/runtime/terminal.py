"""What reaches a terminal: names of files and classes may hold characters that control it, and C libraries write what nobody asked for.

Independent of where the text comes from.
"""

import ctypes
import os
import platform
import re
from contextlib import suppress

_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 but for tab and newline: ESC starts commands, CR overwrites the line
_SEPARATORS = "\u2028\u2029"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they reorder what stands beside them: evil\u202egpj.exe
_HIDDEN = re.compile(f"[{_CONTROL}{_SEPARATORS}{_DIRECTIONS}\ud800-\udfff]")
_IN_A_NAME = re.compile(f"[{_CONTROL}\t\n{_SEPARATORS}{_DIRECTIONS}\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with each character that would control the terminal, or reorder the line, as its escape: `\x1b`, `\u202e`.

    Newlines and tabs stay: messages have several lines. Undecodable bytes of a file's name (lone surrogates) are shown as `\udce9`.
    """
    return _HIDDEN.sub(_escape, text)


def visible_name(text: str) -> str:
    """The same for a single name, in which newlines and tabs are escaped too."""
    return _IN_A_NAME.sub(_escape, text)


def _escape(found: "re.Match[str]") -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def silence_c_libraries() -> None:
    """Send what C libraries print to the null device from now on: libtiff and libjpeg comment on every damaged image.

    It is C's `stderr` that is replaced, not the file descriptor: Python's own messages, its fault handler and C++'s `std::cerr` are not
    affected, and neither are other threads. Only for processes that are ours alone. Only with glibc, where `stderr` is a variable.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    with suppress(OSError, AttributeError, ValueError):
        libc = ctypes.CDLL(None)
        libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
        null = libc.fopen(os.devnull.encode(), b"w")
        if null:
            ctypes.c_void_p.in_dll(libc, "stderr").value = null
