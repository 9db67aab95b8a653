"""The names of images in a packed data set: [split/]class folder/original name.jpg, each unique and valid on every system.

Bounded memory: 8 bytes per image, and the names of the few images whose names would have collided.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from alexnet.data.class_names import composed
from alexnet.data.dataset import Dataset, Item

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')  # in names on Windows; a slash in a class name would add a folder
PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,118}[A-Za-z0-9_-])?")
LONGEST, DEEPEST = 120, 16  # characters per part, and parts: most systems allow 255 bytes per part and 4,096 per path


class PackedNames:
    """The name of each image of a data set in its pack; the same data set always has the same names."""

    def __init__(self, dataset: Dataset) -> None:
        self.class_words = tuple(zip(dataset.folders, dataset.classes, strict=True))
        self.folders = distinct(tuple(safe_part(folder) for folder in dataset.folders))
        self.others: dict[int, str] = {}
        keys = np.fromiter((_key(self._preferred(item)) for item in dataset.items), np.uint64, len(dataset.items))
        self._resolve_collisions(dataset.items, keys)

    def name(self, index: int, item: Item) -> str:
        """The name of image `index`, which is `item`."""
        return self.others.get(index) or self._preferred(item)

    def _preferred(self, item: Item, ending: str = "") -> str:
        """The name before collisions: a/b/photos/cat/evening/1.png of the class cat -> train/cat/evening/1.jpg."""
        *above, last = [safe_part(part) for part in self._inside(item).split("/") if part][-DEEPEST:] or ["picture"]
        stem = last.rpartition(".")[0] or last
        return "/".join([*([item.split] if item.split else []), self.folders[item.label], *above, f"{stem}{ending}.jpg"])

    def _inside(self, item: Item) -> str:
        """The image's name below its class folder; without such a folder, the last part of its name."""
        for word in self.class_words[item.label]:
            _, found, inside = f"/{composed(item.name)}".partition(f"/{word}/")
            if found:
                return inside
        return PurePosixPath(item.name).name

    def _resolve_collisions(self, items: Sequence[Item], keys: NDArray[np.uint64]) -> None:
        """Of images with the same preferred name, all but the first also get their original extension (1.png.jpg), or a number."""
        _, first = np.unique(keys, return_index=True)
        colliding = np.ones(len(keys), np.bool_)
        colliding[first] = False
        taken, added = np.sort(keys[first]), set[int]()
        counts: dict[int, int] = {}
        for index in np.flatnonzero(colliding).tolist():
            item, key = items[index], int(keys[index])
            suffix = PurePosixPath(item.name).suffix.removeprefix(".")
            name = self._preferred(item, f".{safe_part(suffix)}" if suffix else "-2")
            while _is_in(taken, _key(name)) or _key(name) in added:
                counts[key] = counts.get(key, 1) + 1
                name = self._preferred(item, f"-{counts[key]}")
            added.add(_key(name))
            self.others[index] = name


def safe_part(text: str) -> str:
    """The text as one part of a path that is valid on every system and not hidden."""
    if PLAIN.fullmatch(text):  # nearly all names, in a microsecond
        return text
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # bytes that are not UTF-8 become hex escapes
    plain = FORBIDDEN.sub("-", plain).strip().rstrip(".")[:LONGEST].strip()
    return f"_{plain}" if not plain or plain.startswith(".") or plain == "__MACOSX" else plain


def distinct(folders: Sequence[str]) -> tuple[str, ...]:
    """The names, repeated ones (regardless of case) with a number appended."""
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
    """A 64-bit hash of a name, regardless of case: on macOS and Windows A.jpg would overwrite a.jpg when unpacked."""
    return int.from_bytes(hashlib.blake2b(name.casefold().encode(), digest_size=8).digest(), "little")


def _is_in(ordered: NDArray[np.uint64], key: int) -> bool:
    place = int(np.searchsorted(ordered, np.uint64(key)))
    return place < len(ordered) and int(ordered[place]) == key
