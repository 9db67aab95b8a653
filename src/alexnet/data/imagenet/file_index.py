"""Where the images of one split are, as columns: in a tar, in many tars, or in separate files; and how to read one image's bytes.

The index of a million headers is stored in the cache folder, with the sizes and times of the files that it was made from. Independent of
classes.
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

from alexnet.data.sources.source import MAX_FILE_BYTES, PositionedFile, is_image, read_image_file, too_big
from alexnet.errors import CannotWrite, UnreadableImage
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import write_atomically

IN_CLASS_FOLDER, LOOSE = -1, -2  # offsets of images in separate files: root/n01440764/NAME, root/NAME
FORMAT = 1  # of the cache file


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Places:
    """The names of N images and the positions of their bytes.

    names: uint8, all names in UTF-8, concatenated; ends: int64 (N,), where each name ends;
    offsets: int64 (N,), in the tar, or IN_CLASS_FOLDER or LOOSE; sizes: int64 (N,), in bytes, of images in a tar.
    """

    names: NDArray[np.uint8]
    ends: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, entries: Iterable[tuple[str, int, int]]) -> "Places":
        """From the (name, offset, size) of each image, in the order of the entries."""
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
        """The images of all parts, concatenated."""
        before = np.cumsum([0, *(len(part.names) for part in parts)])
        return cls(
            names=np.concatenate([part.names for part in parts]),
            ends=np.concatenate([part.ends + start for part, start in zip(parts, before[:-1], strict=True)]),
            offsets=np.concatenate([part.offsets for part in parts]),
            sizes=np.concatenate([part.sizes for part in parts]),
        )

    def entries(self) -> list[tuple[str, int, int]]:
        """The (name, offset, size) of each image, as `of` takes them."""
        blob, starts = self.names.tobytes(), [0, *self.ends.tolist()]
        names = [blob[start:end].decode("utf-8", "surrogateescape") for start, end in pairwise(starts)]
        return list(zip(names, self.offsets.tolist(), self.sizes.tolist(), strict=True))


class SplitReader:
    """Reads the images of one split in `root`, a tar or a folder; may be used by many threads and copied into processes."""

    def __init__(self, root: Path, places: Places) -> None:
        self.root, self.offsets, self.sizes = root, places.offsets, places.sizes
        self.tar = PositionedFile(root) if root.is_file() else None

    def read(self, place: int, name: str) -> bytes:
        """The encoded file of image `place`, whose name is SPLIT/CLASS/FILE; raises UnreadableImage."""
        _, folder, file = name.split("/")
        offset = int(self.offsets[place])
        try:
            if offset == LOOSE:
                return _whole(self.root / file, name)
            if offset == IN_CLASS_FOLDER:
                return _whole(self.root / folder / file, name)
            tar = self.tar or PositionedFile(self.root / f"{folder}.tar")  # a thousand tars are too many to keep open
            return _window(tar, offset, int(self.sizes[place]), name)
        except OSError as problem:
            raise UnreadableImage(name, f"cannot be opened ({problem.strerror or problem})") from None


def images_in(folder: Path) -> Iterator[str]:
    """Names of the image files directly in a folder; a broken link counts, and is reported when it is read."""
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if is_image(entry.name) and (entry.is_file() or entry.is_symlink()))


def _whole(path: Path, name: str) -> bytes:
    return read_image_file(path, name, MAX_FILE_BYTES)


def _window(tar: PositionedFile, offset: int, size: int, name: str) -> bytes:
    if size > MAX_FILE_BYTES:
        raise UnreadableImage(name, too_big(size))
    content = tar.read(offset, size)
    if len(content) != size:
        raise UnreadableImage(name, f"is no longer complete in {tar.path}")
    return content


def cached_places(root: Path, files: Sequence[Path], index: Callable[[], Places]) -> Places:
    """The cached places of the images in `files`; if the files have changed or nothing is cached, those that `index` returns.

    A damaged cache file is rebuilt; if the cache cannot be written, the files are indexed again the next time.
    """
    cached = cache_folder() / "imagenet" / f"{hashlib.blake2b(bytes(root.resolve()), digest_size=16).hexdigest()}.safetensors"
    stamp = _stamp(files)
    try:
        return _read_cache(cached, stamp)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        found = index()
    with suppress(OSError, CannotWrite):
        cached.parent.mkdir(parents=True, exist_ok=True)
        columns = {field.name: getattr(found, field.name) for field in fields(Places)}
        write_atomically(cached, save(columns, {"stamp": stamp, "checksum": _checksum(found)}))
    return found


def _read_cache(cached: Path, stamp: str) -> Places:
    with safe_open(cached, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata["stamp"] != stamp:
            raise ValueError
        places = Places(**{field.name: file.get_tensor(field.name) for field in fields(Places)})
    if _checksum(places) != metadata["checksum"]:
        raise ValueError
    return places


def _stamp(files: Sequence[Path]) -> str:
    """A hash of the files' paths, sizes and modification times, so that any change is detected."""
    rows = [(str(file.resolve()), status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()]]
    return hashlib.blake2b(json.dumps([FORMAT, rows]).encode(), digest_size=16).hexdigest()


def _checksum(places: Places) -> str:
    """The CRC-32 of all columns: it detects disk errors, not forgery."""
    total = 0
    for field in fields(Places):
        total = zlib.crc32(getattr(places, field.name).data, total)
    return str(total)
