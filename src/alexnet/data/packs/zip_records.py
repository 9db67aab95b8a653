"""The records of a zip as bytes: headers of stored members, the central directory, the end; ZIP64 where a number needs it.

Python's zipfile holds an object for each member, a gigabyte for a million of them; these functions hold none. Sizes and checksums are
known before a member is written. Section numbers are those of PKWARE's APPNOTE.TXT 6.3.10. Independent of images.
"""

import struct
from dataclasses import dataclass

LIMIT_16, LIMIT_32 = 0xFFFF, 0xFFFFFFFF  # in a field, these mean that the number is in the ZIP64 record
PLAIN, ZIP64 = 20, 45  # versions needed to read a member (4.4.3)
UNIX, FILE_MODE = 3, 0o100644 << 16
UTF8 = 0x800  # flag: the name is UTF-8
STORED = 0
DATE = 1 << 5 | 1  # 1 January 1980, the first date of MS-DOS, so that the bytes do not depend on when the images are packed

LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
END_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
LOCATOR_64 = struct.Struct("<4sLQL")  # 4.3.15
END = struct.Struct("<4s4H2LH")  # 4.3.16
ZIP64_FIELD, ALIGNMENT_FIELD = 0x0001, 0xD935  # ids of extra fields; the second is Android zipalign's


@dataclass(frozen=True, slots=True)
class Contents:
    """The central directory's offset and size in bytes, and its number of members."""

    offset: int
    size: int
    entries: int


def local_header(name: bytes, size: int, crc: int) -> bytes:
    """The local header of a stored member of `size` bytes; name: UTF-8."""
    return _local(name, size, crc, b"")


def aligned_header(name: bytes, size: int, crc: int, *, at: int, step: int) -> bytes:
    """A local header for byte `at`, padded so that its member begins at a multiple of `step` bytes."""
    filler = -(at + len(local_header(name, size, crc)) + 4) % step
    return _local(name, size, crc, struct.pack("<2H", ALIGNMENT_FIELD, filler) + bytes(filler))


def _local(name: bytes, size: int, crc: int, extra: bytes) -> bytes:
    wide = size >= LIMIT_32
    short, needed = (LIMIT_32, ZIP64) if wide else (size, PLAIN)
    extra = (struct.pack("<2H2Q", ZIP64_FIELD, 16, size, size) if wide else b"") + extra
    return LOCAL.pack(b"PK\3\4", needed, UTF8, STORED, 0, DATE, crc, short, short, len(name), len(extra)) + name + extra


def directory_record(name: bytes, offset: int, size: int, crc: int) -> bytes:
    """One entry of the central directory; offset: where the member's local header begins."""
    wide = [number for number in (size, size, offset) if number >= LIMIT_32]
    extra = struct.pack(f"<2H{len(wide)}Q", ZIP64_FIELD, 8 * len(wide), *wide) if wide else b""
    needed, short = ZIP64 if wide else PLAIN, min(size, LIMIT_32)
    head = (b"PK\1\2", UNIX << 8 | ZIP64, needed, UTF8, STORED, 0, DATE, crc, short, short, len(name), len(extra), 0, 0, 0)
    return CENTRAL.pack(*head, FILE_MODE, min(offset, LIMIT_32)) + name + extra


def end_records(contents: Contents, comment: bytes) -> bytes:
    """The records after the central directory, up to the end of the file."""
    offset, size, entries = contents.offset, contents.size, contents.entries
    wide = b""
    if entries >= LIMIT_16 or size >= LIMIT_32 or offset >= LIMIT_32:
        versions = (UNIX << 8 | ZIP64, ZIP64)
        wide = END_64.pack(b"PK\6\6", END_64.size - 12, *versions, 0, 0, entries, entries, size, offset)
        wide += LOCATOR_64.pack(b"PK\6\7", 0, offset + size, 1)
    few = min(entries, LIMIT_16)
    return wide + END.pack(b"PK\5\6", 0, 0, few, few, min(size, LIMIT_32), min(offset, LIMIT_32), len(comment)) + comment


def is_end_of(tail: bytes, contents: Contents, comment: bytes, file_size: int) -> bool:
    """Whether a file whose last bytes are `tail` ends with the `end_records` of these contents, directly after them."""
    expected = end_records(contents, comment)
    return tail.endswith(expected) and contents.offset + contents.size + len(expected) == file_size
