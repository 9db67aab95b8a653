"""JSON read back as the types it was written from, so that a damaged or hostile file is detected when it is read, not when it is used.

    values = read_json(path)           # the JSON object in a file, within the limits below
    result = convert(Result, values)   # as a dataclass, checked by msgspec

Both raise ValueError with one clause that says what is wrong and where ("baseline.seconds is 'x', and must be a finite number"); the
caller, who knows what the file is for, turns it into the user's message. The types of a dataclass's fields fully describe what a file
may hold: unknown fields are ignored, missing ones take their defaults, names of earlier versions are accepted.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from alexnet.storage.regular_files import open_regular

LARGEST_FILE = 256_000_000  # bytes
MOST_VALUES = 10_000_000  # each takes up to 100 bytes of memory
LARGEST_NUMBER = 2**63 - 1
DEEPEST = 12  # levels of nested objects and lists, where any value may stand
FORMER_NAMES = {  # of fields in files that earlier versions wrote
    "images": "pictures",
    "image": "picture",
    "images_per_class": "pictures_per_class",
    "images_judged": "pictures_judged",
    "overrides": "fields",
}
FORMER_WORDS = {"pictures": "images"}  # values of Literal fields
MEANINGS = {str: "text", int: "a whole number", float: "a finite number", bool: "true or false", NoneType: "null"}

T = TypeVar("T")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises OSError, and ValueError for content that is not an object, too large or nested too deeply."""
    with open_regular(path) as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
    if content.count(b",") > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    return parse_json(content)


def parse_json(text: bytes | str, *, largest: int = LARGEST_NUMBER) -> dict[str, Any]:
    """The JSON object in a text; a byte order mark is skipped, and the last of duplicate keys counts. Raises ValueError.

    largest: the largest magnitude of a whole number. NaN and Infinity are read, because Python writes them; `convert` refuses them.
    """

    def whole_number(digits: str) -> int:
        if len(digits) > len(str(largest)) + 1 or abs(number := int(digits)) > largest:
            raise ValueError("it holds a number that is too large")
        return number

    try:
        # Not msgspec's own decoder: file names that are not UTF-8 are stored with lone surrogates, which it refuses.
        value = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text, parse_int=whole_number)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start:,} cannot be decoded as UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    return value


def convert(kind: type[T], value: object, name: str = "", *, finite: bool = True) -> T:
    """The value as `kind`: a dataclass, a plain type, Any, a Literal, or tuple, Sequence, Mapping, `X | None` of these; raises ValueError.

    name: the value's name, put before the names of its fields in messages; empty for the value of a whole file.
    finite: whether NaN and infinity are refused as floats.
    """
    try:
        return msgspec.convert(_current(kind, value, finite), kind)
    except _TooDeepError:
        raise ValueError(f"{name or 'it'} holds a value that is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise ValueError(_sentence(str(error), kind, value, name)) from None


class _TooDeepError(Exception):
    pass


def _check_depth(value: object, left: int = DEEPEST) -> None:
    if not isinstance(value, Mapping | list | tuple):
        return
    if left == 0:
        raise _TooDeepError
    for part in value.values() if isinstance(value, Mapping) else value:
        _check_depth(part, left - 1)


def _current(kind: Any, value: Any, finite: bool) -> Any:
    """The value with this version's field names and Literal values, and non-finite numbers as text, which msgspec refuses as numbers."""
    kind = _not_none(kind)
    origin, inner, record = get_origin(kind), get_args(kind), is_dataclass(kind)
    if record and isinstance(value, Mapping):
        found = [(name, hint, _key(name, value)) for name, hint in field_types(kind).items()]
        return {name: _current(hint, value[key], finite) for name, hint, key in found if key in value}
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {key: _current(inner[1], part, finite) for key, part in value.items()}
    if origin in (tuple, list, Sequence) and isinstance(value, list | tuple):
        return [_current(_element(kind, place), part, finite) for place, part in enumerate(value)]
    if origin is Literal and isinstance(value, str) and value not in inner:
        return FORMER_WORDS.get(value, value)
    if kind is float and isinstance(value, float) and finite and not math.isfinite(value):
        return repr(value)
    if kind in (Any, dict):
        _check_depth(value)
    return value


@cache
def field_types(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields by name, which are slow to work out."""
    return get_type_hints(kind)


def _key(name: str, values: Mapping[str, Any]) -> str:
    """The key that an object uses for a field: its present name or its former one."""
    return name if name in values else FORMER_NAMES.get(name, name)


def _not_none(kind: Any) -> Any:
    """X of `X | None`, the only union in records."""
    return next(one for one in get_args(kind) if one is not NoneType) if get_origin(kind) in (UnionType, Union) else kind


def _element(kind: Any, place: int) -> Any:
    """The type of a list's element at `place`; Any past the end of a tuple of fixed length, which is refused for its length."""
    inner = get_args(kind)
    fixed = get_origin(kind) is tuple and inner[-1] is not Ellipsis
    return inner[0] if not fixed else inner[place] if place < len(inner) else Any


def _sentence(problem: str, kind: Any, value: Any, name: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.counts[...]`" as a sentence with the full name, the value, and what it must be."""
    problem, _, path = problem.partition(" - at ")
    for step in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path):
        kind, value, name = _inside(_not_none(kind), value, name, *step)
    if problem.startswith("Object missing"):
        return f"{name or 'it'} lacks {', '.join(_missing(_not_none(kind), value))}"
    if not re.match(r"Expected|Invalid|Number|Integer", problem):
        return f"{name or 'it'}: {problem}"  # raised by a dataclass's own __post_init__
    return f"{name or 'it'} is {shown(value)}, and must be {_meaning(_not_none(kind))}"


def _inside(kind: Any, value: Any, name: str, field: str, place: str) -> tuple[Any, Any, str]:
    """One step into a record's field, a list's element, or a mapping, for which msgspec does not report which value it refused."""
    if field:
        key = _key(field, value)
        return field_types(kind)[field], value[key], f"{name}.{key}".lstrip(".")
    if get_origin(kind) in (dict, Mapping):
        inner = get_args(kind)[1]
        refused = next(key for key, part in value.items() if not (isinstance(key, str) and _fits(inner, part)))
        return inner, value[refused], f"{name}.{refused[:40]}".lstrip(".")
    return _element(kind, int(place)), value[int(place)], f"{name}[{place}]"


def _missing(kind: Any, value: Mapping[str, Any]) -> list[str]:
    """The required fields that an object lacks."""
    required = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    return [name for name in required if _key(name, value) not in value]


def _fits(kind: Any, value: object) -> bool:
    try:
        convert(kind, value)
    except ValueError:
        return False
    return True


def _meaning(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if is_dataclass(kind) or dict in (kind, origin) or origin is Mapping:
        return "an object"
    if origin in (tuple, list, Sequence):
        return f"{len(inner)} values" if origin is tuple and inner[-1] is not Ellipsis else "a list"
    return MEANINGS.get(kind, getattr(kind, "__name__", str(kind)))


def shown(value: object) -> str:
    """A value as messages show it: 40 characters at most."""
    try:
        text = repr(value)
    except ValueError:  # Python does not convert whole numbers of more than 4,300 digits
        text = "a number of thousands of digits"
    except RecursionError:
        text = "a value that is nested too deeply"
    return text if len(text) <= 40 else text[:39] + "…"
