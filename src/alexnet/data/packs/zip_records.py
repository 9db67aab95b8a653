"""The records of a zip as bytes: headers of stored members, the table of contents, the end; ZIP64 where a number needs it.

Python's zipfile keeps an object for each member, a gigabyte for a million of them; these functions keep nothing. Sizes and checksums are
known before a member is written. Numbers of sections are those of PKWARE's APPNOTE.TXT 6.3.10. Knows nothing of images.
"""

import struct
from dataclasses import dataclass

LIMIT_16, LIMIT_32 = 0xFFFF, 0xFFFFFFFF  # in a field: the ZIP64 record has the number
PLAIN, ZIP64 = 20, 45  # versions needed to read a member (4.4.3)
UNIX, FILE_MODE = 3, 0o100644 << 16
UTF8 = 0x800  # flag: the name is UTF-8
STORED = 0
DATE = 1 << 5 | 1  # 1 January 1980, the first day of MS-DOS: the same images give the same bytes whenever they are packed

LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
END_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
LOCATOR_64 = struct.Struct("<4sLQL")  # 4.3.15
END = struct.Struct("<4s4H2LH")  # 4.3.16
ZIP64_FIELD, ALIGNMENT_FIELD = 0x0001, 0xD935  # kinds of extra field; the second is that of Android's zipalign


@dataclass(frozen=True, slots=True)
class Contents:
    """Where the table of contents (the central directory) lies: from which byte, how many bytes, of how many members."""

    offset: int
    size: int
    entries: int


def local_header(name: bytes, size: int, crc: int) -> bytes:
    """What stands before a stored member of `size` bytes; name: UTF-8."""
    return _local(name, size, crc, b"")


def aligned_header(name: bytes, size: int, crc: int, *, at: int, step: int) -> bytes:
    """A local header that is written at byte `at`, with a filler so long that its member begins at a multiple of `step` bytes."""
    filler = -(at + len(local_header(name, size, crc)) + 4) % step
    return _local(name, size, crc, struct.pack("<2H", ALIGNMENT_FIELD, filler) + bytes(filler))


def _local(name: bytes, size: int, crc: int, extra: bytes) -> bytes:
    wide = size >= LIMIT_32
    short, needed = (LIMIT_32, ZIP64) if wide else (size, PLAIN)
    extra = (struct.pack("<2H2Q", ZIP64_FIELD, 16, size, size) if wide else b"") + extra
    return LOCAL.pack(b"PK\3\4", needed, UTF8, STORED, 0, DATE, crc, short, short, len(name), len(extra)) + name + extra


def directory_record(name: bytes, offset: int, size: int, crc: int) -> bytes:
    """One line of the table of contents; offset: where the member's local header begins."""
    wide = [number for number in (size, size, offset) if number >= LIMIT_32]
    extra = struct.pack(f"<2H{len(wide)}Q", ZIP64_FIELD, 8 * len(wide), *wide) if wide else b""
    needed, short = ZIP64 if wide else PLAIN, min(size, LIMIT_32)
    head = (b"PK\1\2", UNIX << 8 | ZIP64, needed, UTF8, STORED, 0, DATE, crc, short, short, len(name), len(extra), 0, 0, 0)
    return CENTRAL.pack(*head, FILE_MODE, min(offset, LIMIT_32)) + name + extra


def end_records(contents: Contents, comment: bytes) -> bytes:
    """What stands behind the table of contents, to the end of the file."""
    offset, size, entries = contents.offset, contents.size, contents.entries
    wide = b""
    if entries >= LIMIT_16 or size >= LIMIT_32 or offset >= LIMIT_32:
        versions = (UNIX << 8 | ZIP64, ZIP64)
        wide = END_64.pack(b"PK\6\6", END_64.size - 12, *versions, 0, 0, entries, entries, size, offset)
        wide += LOCATOR_64.pack(b"PK\6\7", 0, offset + size, 1)
    few = min(entries, LIMIT_16)
    return wide + END.pack(b"PK\5\6", 0, 0, few, few, min(size, LIMIT_32), min(offset, LIMIT_32), len(comment)) + comment


def is_end_of(tail: bytes, contents: Contents, comment: bytes, file_size: int) -> bool:
    """Whether a file that ends in `tail` ends as `end_records` would end it, right behind these contents."""
    expected = end_records(contents, comment)
    return tail.endswith(expected) and contents.offset + contents.size + len(expected) == file_size
