"""Tar archives of images, read in place: nothing is unpacked to disk.

A plain tar is indexed once and read by position. A compressed tar has no random access, so its encoded images are held in memory, up to a
limit; beyond it the user is asked to decompress the tar. Independent of class folders.
"""

import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Literal

from alexnet.data.sources.source import MAX_FILE_BYTES, PositionedFile, Source, cut_short, is_image, safe_name, too_big
from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive
from alexnet.i18n.units import data_size

COMPRESSED_TAR_BYTES = 2 << 30  # of all images of a tar.gz together


class TarSource(Source):
    """A plain tar, indexed once; links that stay inside it are read as the files that they point to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = PositionedFile(path)
        self.members: dict[str, tuple[int, int]] = {}  # offset, bytes
        links: dict[str, str] = {}
        with _complete_tar(path):
            for _, member, name in _tar_images(path, "r:", links):
                self.members[name] = (member.offset_data, member.size)
        if self.file.size % 512 or any(offset + size > self.file.size for offset, size in self.members.values()):
            raise cut_short(path, "tar")  # tarfile takes a truncated last header for the end
        self.members |= {name: self.members[target] for name, target in links.items() if target in self.members}
        self.names = tuple(sorted(self.members))

    def read(self, name: str) -> bytes:
        """One file of the tar."""
        offset, size = self.members[name]
        if size > MAX_FILE_BYTES:
            raise UnreadableImage(name, too_big(size))
        return self.file.read(offset, size)


class CompressedTarSource(Source):
    """A tar.gz, tar.bz2 or tar.xz: read through once, its encoded images held in memory."""

    def __init__(self, path: Path, limit: int = COMPRESSED_TAR_BYTES) -> None:
        self.path = path
        self.contents: dict[str, bytes] = {}
        self.oversized: dict[str, int] = {}
        links: dict[str, str] = {}
        with _complete_tar(path):
            self._read_through(links, limit)
        self.contents |= {name: self.contents[target] for name, target in links.items() if target in self.contents}
        self.names = tuple(sorted([*self.contents, *self.oversized]))

    def _read_through(self, links: dict[str, str], limit: int) -> None:
        left = limit
        for archive, member, name in _tar_images(self.path, "r:*", links):
            if member.size > MAX_FILE_BYTES:
                self.oversized[name] = member.size
                continue
            left -= member.size
            if left < 0:
                raise BadDataset(_too_much(self.path, limit))
            self.contents[name] = _content(archive, member)

    def read(self, name: str) -> bytes:
        """One file of the tar, from memory."""
        if name in self.oversized:
            raise UnreadableImage(name, too_big(self.oversized[name]))
        return self.contents[name]


def _tar_images(path: Path, mode: Literal["r:", "r:*"], links: dict[str, str]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str]]:
    """Each image file of a tar with its safe name, in the archive's order; links are added to `links`."""
    with tarfile.open(path, mode) as archive:
        for member in archive:
            name = safe_name(member.name, path)
            if member.islnk() or member.issym():
                links[name] = _link_target(member, name, path)
            elif member.isreg() and is_image(name):
                yield archive, member, name


@contextmanager
def _complete_tar(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError):
        raise cut_short(path, "tar") from None


def _link_target(member: tarfile.TarInfo, name: str, path: Path) -> str:
    """The name of a link's target; the path of a hard link starts at the archive's top, that of a symbolic link at its own folder."""
    if member.islnk() or member.linkname.startswith("/"):
        return safe_name(member.linkname, path)
    inside = join(dirname(name), member.linkname)
    depth = 0
    for part in inside.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return safe_name(member.linkname, path)
    return normpath(inside)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise EOFError
    return content


def _too_much(path: Path, limit: int) -> str:
    plain = path.name.removesuffix(path.suffix) if path.suffix != ".tgz" else path.stem + ".tar"
    return (
        f"{path} holds more than {data_size(limit, tenths=True)} of pictures, and a compressed tar cannot be read in place. "
        f"Decompress it once (with gunzip, bunzip2 or unxz) and use {plain}: a plain tar is read in place at any size."
    )


BLOCK = 512  # bytes; headers begin at multiples of this
END = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class TarMember:
    """A regular file of a tar: its safe name, and the position of its bytes in the outermost file."""

    name: str
    offset: int
    size: int


def tar_members(file: PositionedFile, inside: TarMember | None = None) -> list[TarMember]:
    """All regular files of the tar `file`, or of the tar `inside` it, in the archive's order.

    Raises BadDataset if the tar is cut short or damaged, UnsafeArchive for a name that points outside it, and for a link: its target may
    be anywhere, and the original tars have none.
    """
    path = file.path / inside.name if inside else file.path
    window = _Window(file, inside.offset, inside.size) if inside else _Window(file, 0, file.size)
    file.read(0, 1)  # a file without permission is not damaged: its OSError is raised here, outside the try
    members: list[TarMember] = []
    reached = 0
    try:
        with tarfile.open(fileobj=io.BufferedReader(window, 2 * BLOCK), mode="r:") as archive:
            for info in archive:
                if info.size < 0 or info.offset_data <= reached:  # a damaged size could point backwards and loop forever
                    raise EOFError
                reached = info.offset_data
                if _is_file(info, path):
                    members.append(TarMember(safe_name(info.name, path), window.start + info.offset_data, info.size))
            end = archive.offset
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise cut_short(path, "tar") from None
    if window.size % BLOCK or window.at(end, len(END)) != END:  # tarfile mistakes a damaged header for the end
        raise cut_short(path, "tar")
    return members


def _is_file(info: tarfile.TarInfo, path: Path) -> bool:
    if info.isdir():
        return False
    if not info.isreg() or info.issparse():
        safe_name(info.name, path)
        raise UnsafeArchive(
            f"{path} holds {info.name!r}, which is a link or another special file. The original has none: download it again."
        )
    return True


class _Window(io.RawIOBase):
    """`size` bytes of a file from `start`, as a file object."""

    def __init__(self, file: PositionedFile, start: int, size: int) -> None:
        self.file, self.start, self.size = file, start, size
        self.position = 0

    def at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`, none from beyond the window."""
        size = max(0, min(size, self.size - offset))
        return self.file.read(self.start + offset, size) if size else b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's name for a buffer is private
        content = self.at(self.position, len(buffer))
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)
