"""Values read back from JSON as the types they were, so that a damaged or hostile file is found where it is read and not where it is used.

The types of a dataclass's fields are the whole description of what a file may hold.
"""

import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

LARGEST_FILE = 256_000_000  # bytes
LARGEST_NUMBER = 2**63 - 1
FORMER_NAMES = {  # of fields, in files that earlier versions wrote
    "images": "pictures",
    "image": "picture",
    "images_per_class": "pictures_per_class",
    "images_judged": "pictures_judged",
}
DEEPEST = 12  # objects and lists inside each other, where any value may stand

T = TypeVar("T")


def parsed(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ValueError for what is none, too large or too deep, and OSError."""
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_int=_whole_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    return value


def _whole_number(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) > LARGEST_NUMBER:
        raise ValueError("it holds a number that is too large")
    return number


def typed(kind: type[T], value: object, name: str) -> T:
    """The value as `kind`, lists as tuples and objects as dataclasses where it says so; raises ValueError, which says what is wrong.

    kind: str, int, float (a finite number), bool, Any, None, a Literal, a dataclass, a class, or | tuple, Sequence, Mapping of such.
    A field that an object lacks has its default, if it has one; fields that are not known are left out.
    """
    return cast(T, _read(kind, value, name))


def _read(kind: Any, value: Any, name: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return _one_of(inner, value, name)
    if origin is Literal:
        return _required(value in inner, value, name, " or ".join(map(str, inner)))
    if origin is tuple and inner[-1] is not Ellipsis:
        _required(
            isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(inner), value, name, f"{len(inner)} values"
        )
        return tuple(_read(one, part, f"{name}[{i}]") for i, (one, part) in enumerate(zip(inner, value, strict=True)))
    if origin in (tuple, Sequence):
        _required(isinstance(value, Sequence) and not isinstance(value, str), value, name, "a list")
        return tuple(_read(inner[0], part, f"{name}[{i}]") for i, part in enumerate(value))
    if origin is Mapping:
        _required(isinstance(value, Mapping), value, name, "an object")
        return {key: _read(inner[1], part, f"{name}.{key}") for key, part in value.items()}
    return _built(kind, value, name) if is_dataclass(kind) else _plain(kind, value, name)


def _one_of(kinds: Sequence[Any], value: Any, name: str) -> Any:
    """Of `X | None`, the only union that our records have, None or an X."""
    if value is None and type(None) in kinds:
        return None
    return _read(next(kind for kind in kinds if kind is not type(None)), value, name)


def _built(kind: Any, value: Any, name: str) -> Any:
    _required(isinstance(value, Mapping), value, name, "an object")
    hints, given = get_type_hints(kind), {}
    for field in fields(kind):
        key = field.name if field.name in value else FORMER_NAMES.get(field.name, field.name)
        if key in value:
            given[field.name] = _read(hints[field.name], value[key], f"{name}.{key}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{name} lacks {field.name}")
    return kind(**given)


def _plain(kind: Any, value: Any, name: str) -> Any:
    wanted = partial(_required, value=value, name=name)
    if kind is Any:
        _check_depth(value, name, DEEPEST)
        return value
    if kind is float:
        return wanted(_is_number(value) and math.isfinite(value), meaning="a finite number")
    if kind is int:
        return wanted(isinstance(value, int) and not isinstance(value, bool), meaning="a whole number")
    return wanted(isinstance(value, kind), meaning={str: "text", bool: "true or false", dict: "an object"}.get(kind, kind.__name__))


def _required(right: bool, value: Any, name: str, meaning: str) -> Any:
    if not right:
        raise ValueError(f"{name} is {_shown(value)}, and must be {meaning}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_depth(value: object, name: str, left: int) -> None:
    if left == 0:
        raise ValueError(f"{name} is nested too deeply")
    if isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            _check_depth(part, name, left - 1)
