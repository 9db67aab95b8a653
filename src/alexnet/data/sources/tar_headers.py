"""The members of a tar, header by header: V7, ustar, GNU and pax. Whatever is read here may be damaged or hostile.

A header that describes the next one (a long name, pax fields) may have a mebibyte; sizes must be possible; and the archive must end with
two blocks of zeros, without which nothing tells a whole tar from one that was cut between two members. Independent of images
and of compression.
"""

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from alexnet.data.sources.source import cut_short
from alexnet.errors import BadDataset

BLOCK = 512  # bytes; headers begin at multiples of this
ZEROS = bytes(BLOCK)
LARGEST_HEADER = 1 << 20  # bytes of a long name, or of the pax fields of one member; real ones have some hundred
MULTIVOLUME = b"M"
LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)
PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
SPARSE = "is stored as a sparse file inside the tar; pack it again without tar's option -S (--sparse)"


class Stream(Protocol):
    """What a tar is read from: a file, or a decompressed one."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""

    def seek(self, offset: int, /) -> int:
        """Move to a position from the start."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member: its name as written, kind (tarfile's letter), the target of a link, and the position and number of its bytes."""

    name: str
    kind: bytes
    link: str
    offset: int
    size: int
    sparse: bool

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, sparse or not."""
        return self.kind in tarfile.REGULAR_TYPES


@dataclass(slots=True)
class _Fields:
    """What headers before a member say about it; "path", "linkpath" and "size" replace the member's own."""

    values: dict[str, bytes] = field(default_factory=dict)

    def text(self, name: str, own: str) -> str:
        value = self.values.get(name)
        return own if value is None else value.decode("utf-8", "surrogateescape")

    def size(self, own: int) -> int:
        digits = self.values.get("size")
        if digits is None:
            return own
        if not digits.isdigit() or len(digits) > 20:
            raise ValueError("a size that is no number")
        return int(digits)

    @property
    def sparse(self) -> bool:
        return any(name.startswith("GNU.sparse.") for name in self.values)


def read_entries(stream: Stream, path: Path, most: int) -> Iterator[TarEntry]:
    """Every member of the tar; `path` is for messages, `most` the size in bytes that it can have.

    The caller may move the stream between members. Raises BadDataset if the tar is cut short, damaged or hostile.
    """
    at, said = 0, _Fields()
    while (block := _block(stream, at, path)) != ZEROS:
        info = _header(block, path)
        data, size = at + BLOCK, info.size
        if info.type in (*PAX, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            if info.type != tarfile.XGLTYPE:  # what concerns all members says nothing that is needed here
                said.values |= _described(info, _content(stream, data, size, path), path)
            _check_header_size(size, path)
            at = data + _whole_blocks(size)
            continue
        if info.type == MULTIVOLUME:
            raise BadDataset(f"{path} is one volume of a tar of several. Join them, or unpack them and use the folder.")
        data = _after_sparse_map(stream, data, block, path) if info.type == tarfile.GNUTYPE_SPARSE else data
        entry = _entry(info, said, data, path)
        if entry.size < 0 or data + entry.size > most:
            raise cut_short(path, "tar")
        yield entry
        has_bytes = entry.is_file or info.type not in tarfile.SUPPORTED_TYPES
        at, said = data + (_whole_blocks(entry.size) if has_bytes else 0), _Fields()
    if stream.read(BLOCK) != ZEROS:  # a damaged header, not the end
        raise cut_short(path, "tar")


def looks_like_tar(start: bytes) -> bool:
    """Whether the first bytes of a file are a header of a tar of any kind; V7 has no mark, but its checksum is right."""
    try:
        return bool(tarfile.TarInfo.frombuf(start[:BLOCK], "utf-8", "surrogateescape").chksum)
    except (tarfile.TarError, ValueError):
        return start[257:262] == b"ustar"  # damaged, and refused with that reason


def _entry(info: tarfile.TarInfo, said: _Fields, data: int, path: Path) -> TarEntry:
    try:
        size = said.size(info.size)
    except ValueError:
        raise cut_short(path, "tar") from None
    name = said.text("GNU.sparse.name", said.text("path", info.name)).rstrip("/")
    sparse = info.type == tarfile.GNUTYPE_SPARSE or said.sparse
    entry = TarEntry(name, info.type, said.text("linkpath", info.linkname), data, size, sparse)
    if entry.is_file and not name:
        raise BadDataset(f"{path} holds a file without a name. Pack it again, or unpack it and use the folder.")
    return entry


def _header(block: bytes, path: Path) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        raise cut_short(path, "tar") from None


def _block(stream: Stream, at: int, path: Path) -> bytes:
    stream.seek(at)
    block = stream.read(BLOCK)
    if len(block) < BLOCK:
        raise cut_short(path, "tar")
    return block


def _content(stream: Stream, at: int, size: int, path: Path) -> bytes:
    """The bytes of a header that describes the next one."""
    _check_header_size(size, path)
    stream.seek(at)
    content = stream.read(size)
    if len(content) < size:
        raise cut_short(path, "tar")
    return content


def _check_header_size(size: int, path: Path) -> None:
    if size < 0:
        raise cut_short(path, "tar")
    if size > LARGEST_HEADER:
        raise BadDataset(
            f"{path} has a header of {size:,} bytes, and at most {LARGEST_HEADER:,} are read. Do not use it: it may be malicious."
        )


def _described(info: tarfile.TarInfo, content: bytes, path: Path) -> Mapping[str, bytes]:
    """The fields in a header that describes the next one."""
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.partition(b"\0")[0]}
    if info.type == tarfile.GNUTYPE_LONGLINK:
        return {"linkpath": content.partition(b"\0")[0]}
    try:
        return dict(_pax_records(content))
    except ValueError:
        raise cut_short(path, "tar") from None


def _pax_records(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The records "LENGTH NAME=VALUE" of a pax header, each ended by a line break; raises ValueError if they are none."""
    at = 0
    while at < len(content) and content[at]:
        digits = content[at : at + 10].partition(b" ")[0]
        end = at + int(digits) if digits.isdigit() else 0
        record = content[at + len(digits) + 1 : end]
        name, equals, value = record[:-1].partition(b"=")
        if not at < end <= len(content) or not equals or record[-1:] != b"\n":
            raise ValueError("not a record")
        yield name.decode("utf-8", "surrogateescape"), value
        at = end


def _after_sparse_map(stream: Stream, at: int, header: bytes, path: Path) -> int:
    """Where the bytes of an old GNU sparse member begin: after the blocks that continue its map."""
    more = header[482]
    while more:
        more, at = _block(stream, at, path)[504], at + BLOCK
    return at


def _whole_blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
