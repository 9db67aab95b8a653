"""Where the images of one split lie, as columns: in a tar, in many tars, or in files of their own; and one image's bytes.

What an index of a million headers has found is kept in the cache folder, under the sizes and times of the files that it was made from.
Knows nothing of classes.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from alexnet.data.sources.base import MAX_FILE_BYTES, PositionedFile, is_image, too_big
from alexnet.errors import UnreadableImage
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import write_atomically

IN_CLASS_FOLDER, LOOSE = -1, -2  # offsets of images that are files of their own: root/n01440764/NAME, root/NAME
FORMAT = 1  # of the cache file


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Places:
    """The names of N images and where their bytes lie.

    names: uint8, all names in UTF-8, one after the other; ends: int64 (N,), where each name ends;
    offsets: int64 (N,), in the tar, or IN_CLASS_FOLDER or LOOSE; sizes: int64 (N,), bytes, of those in a tar.
    """

    names: NDArray[np.uint8]
    ends: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, entries: Iterable[tuple[str, int, int]]) -> "Places":
        """From (name, offset, size) of each, in the order of the entries."""
        rows = list(entries)
        encoded = [name.encode("utf-8", "surrogateescape") for name, _, _ in rows]
        return cls(
            names=np.frombuffer(b"".join(encoded), np.uint8),
            ends=np.cumsum([len(name) for name in encoded], dtype=np.int64),
            offsets=np.array([offset for _, offset, _ in rows], np.int64),
            sizes=np.array([size for _, _, size in rows], np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence["Places"]) -> "Places":
        """The images of all parts, one part after the other."""
        before = np.cumsum([0, *(len(part.names) for part in parts)])
        return cls(
            names=np.concatenate([part.names for part in parts]),
            ends=np.concatenate([part.ends + start for part, start in zip(parts, before[:-1], strict=True)]),
            offsets=np.concatenate([part.offsets for part in parts]),
            sizes=np.concatenate([part.sizes for part in parts]),
        )

    def entries(self) -> list[tuple[str, int, int]]:
        """(name, offset, size) of each, as `of` takes them."""
        blob, starts = self.names.tobytes(), [0, *self.ends.tolist()]
        names = [blob[start:end].decode("utf-8", "surrogateescape") for start, end in pairwise(starts)]
        return list(zip(names, self.offsets.tolist(), self.sizes.tolist(), strict=True))


class Shelf:
    """The images of one split below `root`: a tar, or a folder; read by many threads and processes, and copied into them."""

    def __init__(self, root: Path, places: Places) -> None:
        self.root, self.offsets, self.sizes = root, places.offsets, places.sizes
        self.tar = PositionedFile(root) if root.is_file() else None

    def read(self, place: int, name: str) -> bytes:
        """The encoded file of image `place`, which is called SPLIT/CLASS/FILE; raises UnreadableImage."""
        _, folder, file = name.split("/")
        offset = int(self.offsets[place])
        try:
            if offset == LOOSE:
                return _whole(self.root / file, name)
            if offset == IN_CLASS_FOLDER:
                return _whole(self.root / folder / file, name)
            tar = self.tar or PositionedFile(self.root / f"{folder}.tar")  # a thousand of them are too many to hold open
            return _window(tar, offset, int(self.sizes[place]), name)
        except OSError as problem:
            raise UnreadableImage(name, f"cannot be opened ({problem.strerror or problem})") from None


def images_in(folder: Path) -> Iterator[str]:
    """Names of the image files right in a folder; a broken link is one, and is reported when it is read."""
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if is_image(entry.name) and (entry.is_file() or entry.is_symlink()))


def _whole(path: Path, name: str) -> bytes:
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise UnreadableImage(name, too_big(size))
    return path.read_bytes()


def _window(tar: PositionedFile, offset: int, size: int, name: str) -> bytes:
    if size > MAX_FILE_BYTES:
        raise UnreadableImage(name, too_big(size))
    content = tar.read(offset, size)
    if len(content) != size:
        raise UnreadableImage(name, f"is no longer whole in {tar.path}")
    return content


def remembered(root: Path, files: Sequence[Path], index: Callable[[], Places]) -> Places:
    """The places that the cache has for `files` as they are now, or else those that `index` finds, which are kept.

    A damaged cache file is made anew; a cache that cannot be written only costs the time to index again.
    """
    kept = cache_folder() / "imagenet" / f"{hashlib.blake2b(bytes(root.resolve()), digest_size=16).hexdigest()}.safetensors"
    stamp = _stamp(files)
    try:
        return _recalled(kept, stamp)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        found = index()
    with suppress(OSError):
        columns = {field.name: getattr(found, field.name) for field in fields(Places)}
        write_atomically(kept, save(columns, {"stamp": stamp, "checksum": _checksum(found)}))
    return found


def _recalled(kept: Path, stamp: str) -> Places:
    with safe_open(kept, framework="numpy") as file:
        said = file.metadata() or {}
        if said["stamp"] != stamp:
            raise ValueError
        places = Places(**{field.name: file.get_tensor(field.name) for field in fields(Places)})
    if _checksum(places) != said["checksum"]:
        raise ValueError
    return places


def _stamp(files: Sequence[Path]) -> str:
    """What tells these files from any others, and from themselves once they have been changed."""
    rows = [(str(file.resolve()), status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()]]
    return hashlib.blake2b(json.dumps([FORMAT, rows]).encode(), digest_size=16).hexdigest()


def _checksum(places: Places) -> str:
    """Of all columns; not against forgery, but against disks."""
    total = 0
    for field in fields(Places):
        total = zlib.crc32(getattr(places, field.name).data, total)
    return str(total)
