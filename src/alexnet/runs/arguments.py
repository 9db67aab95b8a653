"""Checks of the argument types that Python callers pass to `train`, `compare` and `study`.

Only types are checked here; the range of a number or the spelling of a name is checked where it is used.
"""

import math
import reprlib
from collections.abc import Callable, Mapping, Sequence

from alexnet.errors import AlexNetError
from alexnet.runtime.arguments import path_from, require_text

Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _are(check: Check) -> Check:
    """A check that accepts text (as on the command line), or several values that each pass `check`."""

    def checked(value: object) -> bool:
        return isinstance(value, str) or (isinstance(value, Sequence) and not isinstance(value, bytes) and all(map(check, value)))

    return checked


KINDS: dict[str, tuple[Check, str]] = {  # argument -> check of its type, description of the type
    **dict.fromkeys(("model", "layout", "on", "balance"), (_is_text, "a name")),
    **dict.fromkeys(("seed", "seeds", "image_size"), (_is_count, "a whole number")),
    **dict.fromkeys(("workers", "processes"), (lambda value: isinstance(value, int) and _is_count(value) and value >= 0, "0 or more")),
    "max_unreadable": (_is_number, "a share from 0 to 1"),
    **dict.fromkeys(("epochs", "margin"), (_is_number, "a finite number")),
    "budget": (lambda value: _is_text(value) or _is_number(value), "a time as 90s, 10m or 2h, or a number of seconds"),
    "overrides": (lambda value: isinstance(value, Mapping) and all(map(_is_text, value)), "a mapping of field names to values"),
    **dict.fromkeys(("models", "claims"), (_are(_is_text), "names")),
    "fractions": (_are(_is_number), "numbers"),
}
PATHS = ("out", "splits", "weights", "recipe")  # recipe and weights may also be names


def check_kinds(**arguments: object) -> None:
    """Raise AlexNetError, with the argument's name and value, for an argument of the wrong type; None is always allowed."""
    for name, value in arguments.items():
        if value is None:
            continue
        if name in PATHS:
            require_text(path_from(value, name), name)
            continue
        is_right, kind = KINDS[name]
        if not is_right(value):
            raise AlexNetError(f"{name} is {reprlib.repr(value)}; it must be {kind}.")


def as_duration(budget: str | float | None) -> str | None:
    """A budget as text: 30 is "30s"."""
    if budget is None or isinstance(budget, str):
        return budget
    return f"{budget:f}".rstrip("0").rstrip(".") + "s"
