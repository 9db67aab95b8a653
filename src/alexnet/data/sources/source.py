"""What all sources of image files share: the interface, which file names are images, reading by position.

Independent of archive formats and of pixels.
"""

import os
import re
import threading
import weakref
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from posixpath import normpath

from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive
from alexnet.storage.regular_files import NOT_WAITING, check_regular, open_regular

MAX_FILE_BYTES = 256 << 20  # of one image, unpacked
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif"}
    | {".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".hif"}
)
DRIVE = re.compile(r"[A-Za-z]:")


class Source(ABC):
    """Files by name; `names` are sorted, and include only visible files with the extension of an image."""

    path: Path
    names: tuple[str, ...]

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The whole file; raises UnreadableImage if it cannot be read or is larger than MAX_FILE_BYTES."""


def is_image(name: str) -> bool:
    """Whether a name has the extension of an image and no part of it is hidden or macOS metadata."""
    pure = PurePosixPath(name)
    return pure.suffix.lower() in EXTENSIONS and not any(part.startswith(".") or part == "__MACOSX" for part in pure.parts)


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
