"""Tar archives of images, read in place: nothing is unpacked to disk.

A plain tar is indexed once and read by position. A compressed tar has no random access, so its encoded images are held in memory, up to a
limit; beyond it the user is asked to decompress the tar. Independent of class folders.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TypeVar

from alexnet.data.sources.encodings import readable_names
from alexnet.data.sources.source import MAX_FILE_BYTES, Listing, PositionedFile, Source, cut_short, is_image, safe_name, too_big
from alexnet.data.sources.tar_headers import BLOCK, LINKS, SPARSE, Stream, TarEntry, read_entries
from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive
from alexnet.i18n.units import data_size

COMPRESSED_TAR_BYTES = 2 << 30  # of a tar.gz, unpacked
Held = TypeVar("Held")


class _TarImages:
    """The images of a tar while its headers are read: links, images that cannot be read with the reason, folders and other files."""

    def __init__(self, path: Path) -> None:
        self.path, self.listing = path, Listing()
        self.links: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    def found_in(self, stream: Stream, most: int) -> Iterator[tuple[str, TarEntry]]:
        """Each image that can be read, with its safe name, in the archive's order."""
        for entry in read_entries(stream, self.path, most):
            name = safe_name(entry.name, self.path)
            if entry.kind == tarfile.DIRTYPE:
                self.listing.add_folder(name)
            elif entry.kind in LINKS:
                if is_image(name):
                    self.links[name] = _link_target(entry, name, self.path)
                else:
                    _link_target(entry, name, self.path)  # refused if it points outside
            elif entry.is_file and self.listing.add_file(name):
                if entry.sparse:
                    self.refused[name] = SPARSE
                else:
                    yield name, entry

    def finish(self, source: Source, held: dict[str, Held]) -> dict[str, Held]:
        """Fill the source's names and what it says; returns `held`, with links, under the names that are shown."""
        everything = held | {name: held[target] for name, target in self.links.items() if target in held}
        refused = self.refused | {name: self.refused[target] for name, target in self.links.items() if target in self.refused}
        shown, remark = readable_names([*everything, *refused, *self.listing.folders, *self.listing.ignored])
        self.refused = {shown.get(name, name): reason for name, reason in refused.items()}
        source.folders = frozenset(shown.get(name, name) for name in self.listing.folders)
        source.ignored = {shown.get(name, name): count for name, count in self.listing.ignored.items()}
        source.remarks = (remark,) if remark else ()
        named = {shown.get(name, name): value for name, value in everything.items()}
        source.names = tuple(sorted({*named, *self.refused}))
        return named


class TarSource(Source):
    """A plain tar, indexed once; links that stay inside it are read as the files that they point to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = PositionedFile(path)
        images = _TarImages(path)
        with _complete_tar(path):
            _check_whole_blocks(self.file.size)
            window = io.BufferedReader(_Window(self.file, 0, self.file.size), 2 * BLOCK)
            members = {name: (entry.offset, entry.size) for name, entry in images.found_in(window, self.file.size)}
        self.members = images.finish(self, members)
        self.refused = images.refused

    def read(self, name: str) -> bytes:
        """One file of the tar."""
        _require_readable(name, self.refused)
        offset, size = self.members[name]
        if size > MAX_FILE_BYTES:
            raise UnreadableImage(name, too_big(size))
        return self.file.read(offset, size)


class CompressedTarSource(Source):
    """A tar.gz, tar.bz2 or tar.xz: read through once, its encoded images held in memory."""

    def __init__(self, path: Path, limit: int = COMPRESSED_TAR_BYTES) -> None:
        self.path = path
        images = _TarImages(path)
        with _complete_tar(path), _decompressed(path) as stream:
            contents = dict(_contents(images, stream, limit))
        self.contents = images.finish(self, contents)
        self.refused = images.refused

    def read(self, name: str) -> bytes:
        """One file of the tar, from memory."""
        _require_readable(name, self.refused)
        return self.contents[name]


def _require_readable(name: str, refused: dict[str, str]) -> None:
    if name in refused:
        raise UnreadableImage(name, refused[name])


def _contents(images: _TarImages, stream: "_Limited", limit: int) -> Iterable[tuple[str, bytes]]:
    """The bytes of each image of a compressed tar; raises BadDataset if more than `limit` bytes have to be unpacked."""
    stream.limit = limit
    for name, entry in images.found_in(stream, UNLIMITED):
        if entry.size > MAX_FILE_BYTES:
            images.refused[name] = too_big(entry.size)
            continue
        stream.seek(entry.offset)
        content = stream.read(entry.size)
        if len(content) != entry.size:
            raise EOFError
        yield name, content


UNLIMITED = 1 << 62  # the size of a compressed tar is not known


class _Limited:
    """A decompressed file that is read up to `limit` bytes; beyond them it raises BadDataset."""

    def __init__(self, file: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, path: Path) -> None:
        self.file, self.path, self.limit = file, path, COMPRESSED_TAR_BYTES

    def read(self, size: int, /) -> bytes:
        self._check(self.file.tell() + size - 2 * BLOCK)
        return self.file.read(size)

    def seek(self, offset: int, /) -> int:
        self._check(offset - BLOCK)
        return self.file.seek(offset)

    def _check(self, reached: int) -> None:
        if reached > self.limit:
            raise BadDataset(_too_much(self.path, self.limit))


@contextmanager
def _decompressed(path: Path) -> Iterator[_Limited]:
    with path.open("rb") as file:
        start = file.read(2)
    with gzip.open(path) if start == b"\x1f\x8b" else bz2.open(path) if start == b"BZ" else lzma.open(path) as stream:
        yield _Limited(stream, path)


@contextmanager
def _complete_tar(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, OverflowError):
        raise cut_short(path, "tar") from None


def _check_whole_blocks(size: int) -> None:
    if size % BLOCK:
        raise EOFError


def _link_target(member: TarEntry, name: str, path: Path) -> str:
    """The name of a link's target; the path of a hard link starts at the archive's top, that of a symbolic link at its own folder."""
    if member.kind == tarfile.LNKTYPE or member.link.startswith("/"):
        return safe_name(member.link, path)
    inside = join(dirname(name), member.link)
    depth = 0
    for part in inside.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return safe_name(member.link, path)
    return normpath(inside)


def _too_much(path: Path, limit: int) -> str:
    plain = path.name.removesuffix(path.suffix) if path.suffix != ".tgz" else path.stem + ".tar"
    return (
        f"{path} holds more than {data_size(limit, tenths=True)} unpacked, and a compressed tar cannot be read in place. "
        f"Decompress it once (with gunzip, bunzip2 or unxz) and use {plain}: a plain tar is read in place at any size."
    )


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
    file.read(0, 1)  # a file without permission is not damaged: its OSError is raised here, outside the context
    with _complete_tar(path):
        _check_whole_blocks(window.size)
        entries = read_entries(io.BufferedReader(window, 2 * BLOCK), path, window.size)
        return [TarMember(safe_name(one.name, path), window.start + one.offset, one.size) for one in entries if _is_file(one, path)]


def _is_file(entry: TarEntry, path: Path) -> bool:
    if entry.kind == tarfile.DIRTYPE:
        return False
    if not entry.is_file or entry.sparse:
        safe_name(entry.name, path)
        raise UnsafeArchive(
            f"{path} holds {entry.name!r}, which is a link or another special file. The original has none: download it again."
        )
    return True


class _Window(io.RawIOBase):
    """`size` bytes of a file from `start`, as a file object."""

    def __init__(self, file: PositionedFile, start: int, size: int) -> None:
        self.file, self.start, self.size = file, start, size
        self.position = 0

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
        size = max(0, min(len(buffer), self.size - self.position))
        content = self.file.read(self.start + self.position, size) if size else b""
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)
