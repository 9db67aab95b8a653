"""Every single change of a JSON-like value: each part replaced by each odd value, removed, under another name, and one part more."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

ODD: list[Any] = [
    None,
    True,
    False,
    -1,
    0,
    3,
    2**63,
    10**30,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\udcff",
    "\x1b[31mred",
    [],
    [[]],
    {},
    {"x": []},
]
BYTES = [
    b"",
    b"{",
    b"[1]",
    b"null",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf",
    b"\x00" * 100,
    b'{"a":' * 100_000,
    b"[" * 100_000,
    b'{"seed": ' + b"9" * 6000 + b"}",
    b'{"seed": 1, "seed": {"seed": NaN}}',
    b'{"format": 1, "model": "\\ud800"}',
    b"a=" + b"[" * 100_000,
    b"a." * 100_000 + b"a=1",
    b"seed = " + b"9" * 6000,
    b'name = "a"\nname = "b"',
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands, besides the whole; of long lists the first two elements."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def edits(whole: Any) -> list[Callable[[Any], None]]:
    """Functions that make one change each in a copy of the value."""
    found: list[Callable[[Any], None]] = []
    for path in places(whole):
        found += [replacing(path, odd) for odd in ODD]
        found += [removing(path), doubling(path), renaming(path)]
    return found


def owner_of(whole: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        whole = whole[step]
    return whole


def replacing(path: tuple[Any, ...], odd: Any) -> Callable[[Any], None]:
    return lambda whole: owner_of(whole, path).__setitem__(path[-1], copy.deepcopy(odd))


def removing(path: tuple[Any, ...]) -> Callable[[Any], None]:
    return lambda whole: owner_of(whole, path).__delitem__(path[-1])


def doubling(path: tuple[Any, ...]) -> Callable[[Any], None]:
    def double(whole: Any) -> None:
        owner = owner_of(whole, path)
        owner[path[-1]] = [owner[path[-1]], copy.deepcopy(owner[path[-1]])]

    return double


def renaming(path: tuple[Any, ...]) -> Callable[[Any], None]:
    def rename(whole: Any) -> None:
        owner = owner_of(whole, path)
        if isinstance(owner, dict):
            owner["not known here"] = owner.pop(path[-1])

    return rename
