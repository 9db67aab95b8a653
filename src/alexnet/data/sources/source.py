"""What all sources of image files share: the interface, which file names are images, reading by position.

Independent of archive formats and of pixels.
"""

import os
import re
import threading
import weakref
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath
from types import MappingProxyType

from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive
from alexnet.storage.regular_files import NOT_WAITING, check_regular, open_regular

MAX_FILE_BYTES = 256 << 20  # of one image, unpacked
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif"}
    | {".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".hif"}
)
DRIVE = re.compile(r"[A-Za-z]:")
LITTER = frozenset(  # folders that macOS, Windows, Linux and network storage (Synology, QNAP) add, in lower case
    {"__macosx", "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"}
    | {"$recycle.bin", "recycler", "recycled", "system volume information", "found.000", "lost+found"}
)


class Source(ABC):
    """Files by name; `names` are sorted, and include only visible files with the extension of an image.

    folders: all visible folders, with images or without; ignored: how many visible files each folder holds that are not images by their
    names; remarks: sentences about what was found and the user should know.
    """

    path: Path
    names: tuple[str, ...]
    folders: Collection[str] = ()
    ignored: Mapping[str, int] = MappingProxyType({})
    remarks: tuple[str, ...] = ()

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The whole file; raises UnreadableImage if it cannot be read or is larger than MAX_FILE_BYTES."""


def is_image(name: str) -> bool:
    """Whether a name has the extension of an image and no part of it is hidden or litter."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS and is_visible(name)


def is_visible(name: str) -> bool:
    """Whether no part of a path is hidden, or a folder that a system or a network storage adds: thumbnails, deleted files, metadata."""
    return not any(part.startswith(".") or part.lower() in LITTER for part in PurePosixPath(name).parts)


class Listing:
    """What an archive or a folder holds, collected file by file; see Source for `folders` and `ignored`."""

    def __init__(self) -> None:
        self.folders: set[str] = set()
        self.ignored: Counter[str] = Counter()

    def add_folder(self, name: str) -> None:
        """Add a folder, and those that it is in."""
        folder = PurePosixPath(name)
        while is_visible(name) and str(folder) not in {".", *self.folders}:
            self.folders.add(str(folder))
            folder = folder.parent

    def add_file(self, name: str) -> bool:
        """Add a file that is not an image by its name; returns whether it is one instead."""
        image = is_image(name)
        if not image and is_visible(name):
            folder = str(PurePosixPath(name).parent)
            self.ignored[folder] += 1
            self.add_folder(folder)
        return image


def read_image_file(path: Path, name: str, most: int) -> bytes:
    """The whole file of an image, of at most `most` bytes.

    Raises UnreadableImage if it is larger, and OSError if it cannot be opened or is no file: a pipe would block, a device never end.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(most + 1) if size <= most else b""
    if max(size, len(content)) > most:
        raise UnreadableImage(name, too_big(max(size, len(content))))
    return content


def too_big(size: int) -> str:
    """The reason for refusing one file of `size` bytes."""
    return f"is {size / (1 << 20):,.0f} MB unpacked; the limit is {MAX_FILE_BYTES >> 20} MB"


def cut_short(path: Path, kind: str) -> BadDataset:
    """The error for an archive that ends early or is damaged."""
    return BadDataset(f"{path} is not a complete {kind}: it is cut short or damaged. Copy or download it again.")


class PositionedFile:
    """A file read by position, by any number of threads; each process opens its own descriptor, also after a fork.

    The constructor raises OSError for what is not a regular file.
    """

    descriptor: int | None

    def __init__(self, path: Path) -> None:
        check_regular(path)
        self.path, self.size = path, path.stat().st_size
        self._forget()

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`."""
        descriptor = self._descriptor()
        if hasattr(os, "pread"):
            return os.pread(descriptor, size, offset)
        with self.lock:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, size)

    def _descriptor(self) -> int:
        if self.process != os.getpid():
            self._forget()
        with self.lock:
            if self.descriptor is None:
                self.descriptor = os.open(self.path, os.O_RDONLY | NOT_WAITING)
                weakref.finalize(self, os.close, self.descriptor)
            return self.descriptor

    def _forget(self) -> None:
        self.process, self.lock, self.descriptor = os.getpid(), threading.Lock(), None

    def __getstate__(self) -> tuple[Path, int]:
        return self.path, self.size

    def __setstate__(self, state: tuple[Path, int]) -> None:
        self.path, self.size = state
        self._forget()


def safe_name(name: str, archive: Path) -> str:
    """A member's name with `/` between folders; raises UnsafeArchive if it points outside the archive."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or DRIVE.match(plain) or ".." in plain.split("/") or "\0" in plain:
        raise UnsafeArchive(f"{archive} holds a file named {name!r}, which points outside the archive. Do not use it: it may be malicious.")
    return normpath(plain)
