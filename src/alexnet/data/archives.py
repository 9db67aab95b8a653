"""Zip and tar archives of pictures, read in place: nothing is unpacked to disk.

A zip or a plain tar is indexed once and read by position. A compressed tar has no random access, so its pictures are kept in memory as they
are encoded, up to a limit; beyond it the user is told to gunzip it. Knows nothing of class folders.
"""

import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Literal

from alexnet.data.files import MAX_FILE_BYTES, PositionedFile, Source, cut_short, is_picture, safe_name, too_big
from alexnet.errors import BadDataset, UnreadableImage

COMPRESSED_TAR_BYTES = 2 << 30  # of all pictures of a tar.gz together


class ZipSource(Source):
    """A zip, its table of contents read once; stored and deflated files are read by position, rarer ways by zipfile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = PositionedFile(path)
        self.members: dict[str, tuple[int, int, int, int, int]] = {}  # offset, packed bytes, bytes, method, CRC
        self.stored_as: dict[str, str] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    self._add(info)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
            raise cut_short(path, "zip") from None
        self.names = tuple(sorted(self.members))

    def _add(self, info: zipfile.ZipInfo) -> None:
        name = safe_name(info.filename, self.path)
        if info.is_dir() or not is_picture(name) or stat.S_ISLNK(info.external_attr >> 16):
            return
        if info.flag_bits & 1:
            raise BadDataset(f"{self.path} is encrypted ({name}). Unpack it with its password and give the folder.")
        if info.header_offset + info.compress_size > self.file.size:
            raise cut_short(self.path, "zip")
        self.members[name] = (info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
        self.stored_as[name] = info.filename

    def read(self, name: str) -> bytes:
        """One file of the zip, its checksum verified."""
        offset, packed_size, size, method, crc = self.members[name]
        if size > MAX_FILE_BYTES:
            raise UnreadableImage(name, too_big(size))
        if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return self._read_rare(name)
        content = self._packed(name, offset, packed_size)
        try:
            if method == zipfile.ZIP_DEFLATED:
                content = zlib.decompressobj(-15).decompress(content, size + 1)  # never more than the header promised: zip bombs
        except zlib.error:
            raise UnreadableImage(name, "is damaged inside the zip") from None
        if len(content) != size or zlib.crc32(content) != crc:
            raise UnreadableImage(name, "is damaged inside the zip (its checksum differs)")
        return content

    def _packed(self, name: str, offset: int, size: int) -> bytes:
        """The bytes behind the local header, whose own length is known only once it is read; one read is nearly always enough."""
        guess = 30 + len(name.encode()) + 64
        block = self.file.read(offset, guess + size)
        if block[:4] != b"PK\3\4" or len(block) < 30:
            raise UnreadableImage(name, "is damaged inside the zip")
        name_bytes, extra_bytes = struct.unpack_from("<HH", block, 26)
        start = 30 + name_bytes + extra_bytes
        if start > guess:
            return self.file.read(offset + start, size)
        return block[start : start + size]

    def _read_rare(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.stored_as[name]) as member:
                content = member.read(MAX_FILE_BYTES + 1)
        except Exception as problem:  # bzip2's and lzma's own errors have no common parent
            raise UnreadableImage(name, f"cannot be unpacked ({problem})") from None
        if len(content) > MAX_FILE_BYTES:
            raise UnreadableImage(name, too_big(len(content)))
        return content


class TarSource(Source):
    """A plain tar, indexed once; links that stay inside stand for the file they name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = PositionedFile(path)
        self.members: dict[str, tuple[int, int]] = {}  # offset, bytes
        links: dict[str, str] = {}
        with _complete_tar(path):
            for _, member, name in _tar_pictures(path, "r:", links):
                self.members[name] = (member.offset_data, member.size)
        if self.file.size % 512 or any(offset + size > self.file.size for offset, size in self.members.values()):
            raise cut_short(path, "tar")  # tarfile takes a last header that is cut for the end
        self.members |= {name: self.members[target] for name, target in links.items() if target in self.members}
        self.names = tuple(sorted(self.members))

    def read(self, name: str) -> bytes:
        """One file of the tar."""
        offset, size = self.members[name]
        if size > MAX_FILE_BYTES:
            raise UnreadableImage(name, too_big(size))
        return self.file.read(offset, size)


class CompressedTarSource(Source):
    """A tar.gz, tar.bz2 or tar.xz: read through once, its pictures kept in memory as they are encoded."""

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
        for archive, member, name in _tar_pictures(self.path, "r:*", links):
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


def _tar_pictures(path: Path, mode: Literal["r:", "r:*"], links: dict[str, str]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str]]:
    """Each picture file of a tar with its safe name, in the archive's order; links found on the way go into `links`."""
    with tarfile.open(path, mode) as archive:
        for member in archive:
            name = safe_name(member.name, path)
            if member.islnk() or member.issym():
                links[name] = _link_target(member, name, path)
            elif member.isreg() and is_picture(name):
                yield archive, member, name


@contextmanager
def _complete_tar(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError):
        raise cut_short(path, "tar") from None


def _link_target(member: tarfile.TarInfo, name: str, path: Path) -> str:
    """The member a link stands for; a hard link names it from the archive's top, a symbolic one from its own folder."""
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
        f"{path} holds more than {limit / (1 << 30):.1f} GB of pictures, and a compressed tar cannot be read in place. "
        f"Decompress it once (gunzip, bunzip2 or unxz gives {plain}) and give that: a plain tar is read in place at any size."
    )
