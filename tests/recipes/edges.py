"""Values at and beyond the edges of every field of a recipe, made from the dataclasses themselves."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from alexnet.recipes.recipe import Recipe

NUMBERS = ["0", "-1", "1", "2", "7", "1e-300", "-0.0", "0.5", "1e9", "1e18", "1e22", "1e300", "nan", "inf", "-inf", "0x10", "1_0", "٣"]
WHOLE = ["3", "63", "65536", "1000000", "4294967296", "9223372036854775807", "9223372036854775808", "9" * 6000, "1.5", "true"]
TEXTS = ["", " ", ",", "x", "x" * 100_000, "\0", "\udcff", "\ufeff", "1" * 5000, "1e400", "1x1", "0x0", "99999x99999", "1,2,", "..", "-1"]
OBJECTS: list[Any] = [None, True, False, [], {}, b"1", 1j, 10**30, float("nan"), object()]


def leaves(kind: Any = Recipe, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, type) of every field that is not a section."""
    for name, hint in get_type_hints(kind).items():
        if is_dataclass(hint):
            yield from leaves(hint, f"{prefix}{name}.")
        else:
            yield prefix + name, hint


def edge_values(hint: Any) -> list[Any]:
    """What to set a field of that type to: text as on the command line, then objects as from Python."""
    inner = [one for one in get_args(hint) if one is not NoneType] if get_origin(hint) is not Literal else [hint]
    kind = inner[0] if inner else hint
    choices = list(get_args(kind)) if get_origin(kind) is Literal else []
    if choices:
        return [*choices, *TEXTS, *OBJECTS]
    if kind is bool:
        return ["true", "false", "2", "maybe", "", *OBJECTS]
    if kind is int:
        return [*NUMBERS, *WHOLE, *TEXTS[:4], *OBJECTS]
    return [*NUMBERS, *OBJECTS, *TEXTS[:4]] if kind is float else [*TEXTS, *NUMBERS, *OBJECTS]
