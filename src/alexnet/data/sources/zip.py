"""Zip archives of images, read in place: nothing is unpacked to disk. Independent of class folders."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet.data.sources.source import MAX_FILE_BYTES, Listing, PositionedFile, Source, cut_short, safe_name, too_big
from alexnet.data.sources.zip_names import member_names
from alexnet.errors import BadDataset, UnreadableImage


class ZipSource(Source):
    """A zip whose central directory is read once; stored and deflated files are read by position, rarer methods by zipfile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = PositionedFile(path)
        self.members: dict[str, tuple[int, int, int, int, int]] = {}  # offset, packed bytes, bytes, method, CRC
        self.stored_as: dict[str, zipfile.ZipInfo] = {}
        with _complete_zip(path), zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names, guessed = member_names(infos)
        listing = Listing()
        for info, name in zip(infos, names, strict=True):
            self._add(info, name, listing)
        self.folders, self.ignored = frozenset(listing.folders), listing.ignored
        self.remarks = (guessed,) if guessed else ()
        self.names = tuple(sorted(self.members))

    def _add(self, info: zipfile.ZipInfo, written: str, listing: Listing) -> None:
        if not written.strip("\0"):  # zipfile ends a name at a null byte
            raise BadDataset(f"{self.path} holds a file without a name. Pack it again, or unpack it and use the folder.")
        name = safe_name(written, self.path)
        if written[-1] in "/\\":
            listing.add_folder(name)
            return
        if stat.S_ISLNK(info.external_attr >> 16) or not listing.add_file(name):
            return
        if info.flag_bits & 1:
            raise BadDataset(f"{self.path} is encrypted ({name}). Unpack it with its password and use the folder.")
        if not 0 <= info.header_offset <= self.file.size - info.compress_size:
            raise cut_short(self.path, "zip")
        self.members[name] = (info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
        self.stored_as[name] = info

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
                content = zlib.decompressobj(-15).decompress(content, size + 1)  # a zip bomb holds more than its header says
        except zlib.error:
            raise UnreadableImage(name, "is damaged inside the zip") from None
        if len(content) != size or zlib.crc32(content) != crc:
            raise UnreadableImage(name, "is damaged inside the zip (its checksum differs)")
        return content

    def _packed(self, name: str, offset: int, size: int) -> bytes:
        """The bytes after the local header, whose length is known only once it is read; one read is nearly always enough."""
        guess = 30 + 4 * len(name) + 64  # at most 4 bytes a character
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


@contextmanager
def _complete_zip(path: Path) -> Iterator[None]:
    """Raises BadDataset for everything that zipfile raises when a directory is damaged or has impossible numbers."""
    try:
        yield
    except PermissionError:
        raise
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError, OverflowError, LookupError, MemoryError):
        raise cut_short(path, "zip") from None
