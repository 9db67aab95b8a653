"""What images are called in a packed data set: [split/]class folder/their own name.jpg, each name once and safe on every system.

Bounded memory: 8 bytes an image, and the names of those few that would have been called the same.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from alexnet.data.dataset import Dataset, Item

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')  # in names on Windows; a slash in a class name would make a folder of it
PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,118}[A-Za-z0-9_-])?")
LONGEST, DEEPEST = 120, 16  # characters of one part, and parts: most systems hold 255 bytes in a part, and 4,096 in all


class PackedNames:
    """The name of each image of a data set in its packed form; the same data set gives the same names."""

    def __init__(self, dataset: Dataset) -> None:
        self.words = tuple(zip(dataset.folders, dataset.classes, strict=True))
        self.folders = distinct(tuple(safe_part(folder) for folder in dataset.folders))
        self.others: dict[int, str] = {}
        keys = np.fromiter((_key(self._wished(item)) for item in dataset.items), np.uint64, len(dataset.items))
        self._part_twins(dataset.items, keys)

    def name(self, index: int, item: Item) -> str:
        """What image `index`, which is `item`, is called."""
        return self.others.get(index) or self._wished(item)

    def _wished(self, item: Item, ending: str = "") -> str:
        """a/b/photos/cat/evening/1.png of the class cat -> train/cat/evening/1.jpg."""
        *above, last = [safe_part(part) for part in self._inside(item).split("/") if part][-DEEPEST:] or ["picture"]
        stem = last.rpartition(".")[0] or last
        return "/".join([*([item.split] if item.split else []), self.folders[item.label], *above, f"{stem}{ending}.jpg"])

    def _inside(self, item: Item) -> str:
        """The image's name below its class folder; without such a folder, its last part."""
        for word in self.words[item.label]:
            _, found, inside = f"/{item.name}".partition(f"/{word}/")
            if found:
                return inside
        return PurePosixPath(item.name).name

    def _part_twins(self, items: Sequence[Item], keys: NDArray[np.uint64]) -> None:
        """Of images that would be called the same, all but the first get their old ending too (1.png.jpg), or a number."""
        _, first = np.unique(keys, return_index=True)
        twins = np.ones(len(keys), np.bool_)
        twins[first] = False
        taken, added = np.sort(keys[first]), set[int]()
        counts: dict[int, int] = {}
        for index in np.flatnonzero(twins).tolist():
            item, wish = items[index], int(keys[index])
            suffix = PurePosixPath(item.name).suffix.removeprefix(".")
            name = self._wished(item, f".{safe_part(suffix)}" if suffix else "-2")
            while _is_in(taken, _key(name)) or _key(name) in added:
                counts[wish] = counts.get(wish, 1) + 1
                name = self._wished(item, f"-{counts[wish]}")
            added.add(_key(name))
            self.others[index] = name


def safe_part(text: str) -> str:
    """One part of a path that every system can hold, and that is not hidden."""
    if PLAIN.fullmatch(text):  # nearly all of them, in a millionth of a second
        return text
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # a name that is not UTF-8 keeps its bytes in hex
    plain = FORBIDDEN.sub("-", plain).strip().rstrip(".")[:LONGEST].strip()
    return f"_{plain}" if not plain or plain.startswith(".") or plain == "__MACOSX" else plain


def distinct(folders: Sequence[str]) -> tuple[str, ...]:
    """The same names, those that stand there a second time (capitals aside) with a number."""
    seen, result = set[str](), []
    for folder in folders:
        name, number = folder, 1
        while name.casefold() in seen:
            number += 1
            name = f"{folder}-{number}"
        seen.add(name.casefold())
        result.append(name)
    return tuple(result)


def _key(name: str) -> int:
    """64 bits of a name, capitals aside: on macOS and Windows A.jpg would be unpacked over a.jpg."""
    return int.from_bytes(hashlib.blake2b(name.casefold().encode(), digest_size=8).digest(), "little")


def _is_in(ordered: NDArray[np.uint64], key: int) -> bool:
    place = int(np.searchsorted(ordered, np.uint64(key)))
    return place < len(ordered) and int(ordered[place]) == key
