"""Zips written record by record, read by Python's zipfile; also beyond what 16 and 32 bits can say."""

import io
import zipfile
import zlib
from pathlib import Path

import pytest

from alexnet.data.packs.zip_records import (
    END_64,
    LOCATOR_64,
    Contents,
    aligned_header,
    directory_record,
    end_records,
    is_end_of,
    local_header,
)

MEMBERS = {"cat/1.jpg": b"one" * 100, "grüße/猫.jpg": b"", "dog/2.jpg": b"two"}


def write(file: io.BufferedIOBase, members: dict[str, bytes], *, start: int = 0, comment: bytes = b"a comment") -> Contents:
    """All members from byte `start` on, then the table of contents and the end."""
    file.seek(start)
    lines = []
    for name, content in members.items():
        crc = zlib.crc32(content)
        lines.append(directory_record(name.encode(), file.tell(), len(content), crc))
        file.write(local_header(name.encode(), len(content), crc) + content)
    contents = Contents(file.tell(), sum(map(len, lines)), len(lines))
    file.write(b"".join(lines) + end_records(contents, comment))
    return contents


def test_zipfile_reads_what_is_written() -> None:
    file = io.BytesIO()
    write(file, MEMBERS)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS
        assert archive.comment == b"a comment"
        info = archive.getinfo("cat/1.jpg")
        assert (info.compress_type, info.date_time, info.external_attr >> 16) == (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0), 0o100644)


def test_more_members_than_16_bits_can_count() -> None:
    file = io.BytesIO()
    write(file, {f"{number}.jpg": str(number).encode() for number in range(70_000)})
    with zipfile.ZipFile(file) as archive:
        assert len(archive.infolist()) == 70_000
        assert archive.read("69999.jpg") == b"69999"
    end = file.getvalue()[-22 - len(b"a comment") - LOCATOR_64.size - END_64.size :]
    assert end[:4] == b"PK\6\6"  # zipfile itself does not look at the counts, unzip does
    assert END_64.unpack(end[: END_64.size])[6:8] == (70_000, 70_000)


def test_members_beyond_4_gb(tmp_path: Path) -> None:
    with (tmp_path / "a.zip").open("w+b") as file:  # sparse: the disk holds a few pages of it
        contents = write(file, MEMBERS, start=(4 << 30) - 50)
        assert contents.offset > 4 << 30
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS


def test_a_member_of_over_4_gb_says_so_in_both_places() -> None:
    size = 5 << 30
    name = b"index"
    header, line = local_header(name, size, 7), directory_record(name, 6 << 30, size, 7)
    assert header.endswith(size.to_bytes(8, "little") * 2)
    contents = Contents(0, len(line), 1)
    (info,) = zipfile.ZipFile(io.BytesIO(line + end_records(contents, b""))).infolist()
    assert (info.file_size, info.compress_size, info.header_offset) == (size, size, 6 << 30)


@pytest.mark.parametrize("at", [0, 1, 63, 1000])
@pytest.mark.parametrize("size", [3, 5 << 30])
def test_an_aligned_member_begins_at_a_multiple(at: int, size: int) -> None:
    header = aligned_header(b"name", size, 0, at=at, step=64)
    assert (at + len(header)) % 64 == 0


def test_the_end_is_recognised_and_any_change_seen() -> None:
    file = io.BytesIO()
    contents = write(file, MEMBERS, comment=b"mine")
    whole = file.getvalue()
    assert is_end_of(whole[-60:], contents, b"mine", len(whole))
    assert not is_end_of(whole[-60:], contents, b"mine", len(whole) + 1)
    assert not is_end_of(whole[-60:], Contents(contents.offset, contents.size, 4), b"mine", len(whole))
