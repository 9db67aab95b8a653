"""The names of a zip's members: UTF-8 where the zip says so, the Unicode Path of Info-ZIP where it is there, else a guess that is said."""

import struct
import zipfile
import zlib
from collections.abc import Sequence

from alexnet.data.sources.encodings import guess_encoding, guess_remark

UTF8_FLAG = 0x800  # bit 11 of a member's flags
UNICODE_PATH = 0x7075  # Info-ZIP's extra field: version 1, CRC-32 of the name's bytes, the name in UTF-8


def member_names(members: Sequence[zipfile.ZipInfo]) -> tuple[list[str], str]:
    """The name of each member, in their order; and what was guessed, as a sentence, or ""."""
    unsure = {raw for member in members if (raw := _unmarked(member)) and not raw.isascii() and _unicode_path(member, raw) is None}
    encoding = guess_encoding(unsure)
    names = [_name(member, encoding) for member in members]
    guessed = {raw.decode(encoding, "replace") for raw in unsure}
    return names, guess_remark(encoding, guessed) if guessed and encoding != "utf-8" else ""


def _name(member: zipfile.ZipInfo, encoding: str) -> str:
    raw = _unmarked(member)
    if raw is None:
        return member.filename
    known = _unicode_path(member, raw)
    return known if known is not None else raw.decode(encoding, "replace")


def _unmarked(member: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name that is not marked as UTF-8, which zipfile has decoded as code page 437; None if it is marked."""
    return None if member.flag_bits & UTF8_FLAG else member.orig_filename.encode("cp437")


def _unicode_path(member: zipfile.ZipInfo, raw: bytes) -> str | None:
    """The name in the Unicode Path field; None without one, or if it belongs to another name."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and len(field) > 5 and field[0] == 1 and struct.unpack_from("<I", field, 1)[0] == zlib.crc32(raw):
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None
