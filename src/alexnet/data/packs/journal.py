"""An unfinished pack: the archive with the images so far, and a journal with one record for each image of the source, in its order.

Both are in one folder, OUT.zip.partial. However the work ends, it can be resumed after the last complete record; the bytes after that are
truncated. So a pack that was killed and resumed is the same file as one that was not. Independent of what an image is.
"""

import csv
import errno
import io
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.data.packs.zip_records import local_header
from alexnet.errors import BadDataset
from alexnet.storage.files import rename, write_atomically
from alexnet.storage.ownership import lock_open_file
from alexnet.storage.records import read_json

SKIPPED, ENCODED, COPIED = range(3)  # what became of an image
RECORD = np.dtype(
    [
        ("offset", "<i8"),  # of the image's bytes in the archive; for a skipped image, of its line in the reasons
        ("size", "<u4"),  # in bytes
        ("checksum", "<u4"),  # their CRC-32
        ("name_bytes", "<u4"),
        ("label", "<i4"),
        ("native", "<i4", (2,)),  # width and height of the source, px
        ("digest", "<u8"),
        ("colours", "<i8", (3,)),
        ("products", "<i8", (6,)),
        ("thumbnail", "u1", (16, 16)),
        ("split", "i1"),
        ("kind", "u1"),
        ("gray", "u1"),
        ("own_checksum", "<u4"),  # CRC-32 of all fields before this one
    ]
)
OWN_BYTES = RECORD.itemsize - 4
RECENT = 4096  # the last records, whose bytes are verified before a pack is resumed
SYNC_EVERY = RECENT // 4  # records between two flushes to the disk, so that a power cut can damage only recent ones
CHUNK = 65_536  # records in memory at a time

Records = NDArray[np.void]


class Journal:
    """The files of an unfinished pack, opened by the one process that writes them."""

    def __init__(self, folder: Path, job: dict[str, Any]) -> None:
        """Begin, or resume what the folder holds. Raises BadDataset if that is a different job."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._check_job(job)
        self.archive, self.records, self.reasons = (
            os.open(folder / name, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644) for name in ("archive", "journal", "reasons")
        )
        if not lock_open_file(self.records):
            raise BadDataset(f"Another command is packing into {folder}. Wait until it ends, or choose another name.")
        self.count = self._complete_records()
        self.archive_end, self.reasons_end = self._ends(self.count)
        for file, end in ((self.records, self.count * RECORD.itemsize), (self.archive, self.archive_end), (self.reasons, self.reasons_end)):
            os.ftruncate(file, end)
            os.lseek(file, end, os.SEEK_SET)

    def add(self, record: Records, name: bytes, content: bytes) -> None:
        """Append an image, and its record with its position filled in."""
        crc = zlib.crc32(content)
        header = local_header(name, len(content), crc)
        write_all(self.archive, header + content)
        self._append(record, self.archive_end + len(header), content, crc, name)
        self.archive_end += len(header) + len(content)

    def skip(self, record: Records, name: str, class_name: str, reason: str) -> None:
        """Append the record of an image that could not be read, and the reason."""
        line = io.StringIO()
        csv.writer(line).writerow([name, class_name, reason])
        content = line.getvalue().encode("utf-8", "backslashreplace")
        write_all(self.reasons, content)
        self._append(record, self.reasons_end, content, zlib.crc32(content), b"")
        self.reasons_end += len(content)

    def _append(self, record: Records, offset: int, content: bytes, crc: int, name: bytes) -> None:
        record["offset"], record["size"], record["checksum"], record["name_bytes"] = offset, len(content), crc, len(name)
        record["own_checksum"] = zlib.crc32(record.tobytes()[:OWN_BYTES])
        write_all(self.records, record.tobytes())
        self.count += 1
        if self.count % SYNC_EVERY == 0:
            os.fsync(self.archive)
            os.fsync(self.reasons)
            os.fsync(self.records)

    def chunks(self) -> Iterator[tuple[int, Records]]:
        """Yield all records in chunks, each with the number of its first record."""
        for start in range(0, self.count, CHUNK):
            yield start, self._read(start, min(CHUNK, self.count - start))

    def skipped(self) -> list[tuple[str, str, str]]:
        """The name, class and reason of each image that could not be read."""
        text = _read_at(self.reasons, 0, self.reasons_end).decode()
        return [(name, class_name, reason) for name, class_name, reason in csv.reader(io.StringIO(text, newline=""))]

    def finish(self, out: Path) -> None:
        """Rename the closed archive to `out` and delete the folder."""
        rename(self.folder / "archive", out)
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Close the files, with the archive flushed to the disk."""
        os.fsync(self.archive)
        for file in (self.archive, self.records, self.reasons):
            os.close(file)

    def _check_job(self, job: dict[str, Any]) -> None:
        path = self.folder / "job.json"
        if not path.exists() and not (self.folder / "journal").exists():
            write_atomically(path, json.dumps(job).encode())
        try:
            begun = read_json(path)
            other = next((key for key in job if begun[key] != job[key]), None)
        except (OSError, ValueError, KeyError):
            raise BadDataset(f"{self.folder} is not an unfinished pack that can be resumed. Delete it to start again.") from None
        if other is not None:
            old, new = (f" ({begun[other]} then, {job[other]} now)" if len(str(value[other])) < 200 else "" for value in (begun, job))
            raise BadDataset(
                f"{self.folder} is an unfinished pack that was begun with another {other}{old or new}. "
                "Rerun the command that began it to resume it, or delete it to start again."
            )

    def _read(self, start: int, count: int) -> Records:
        content = _read_at(self.records, start * RECORD.itemsize, count * RECORD.itemsize)
        return np.frombuffer(content, RECORD, len(content) // RECORD.itemsize)

    def _complete_records(self) -> int:
        """The number of records before the first incomplete one: the record itself or the bytes that it refers to."""
        self.count = os.fstat(self.records).st_size // RECORD.itemsize
        sizes = os.fstat(self.reasons).st_size, os.fstat(self.archive).st_size
        for start, records in self.chunks():
            limits = np.where(records["kind"] == SKIPPED, *sizes)
            complete = records["offset"] + records["size"] <= limits
            for place in range(max(0, self.count - RECENT - start), len(records)):
                complete[place] = complete[place] and self._is_complete(records[place])
            if not complete.all():
                return start + int(np.argmin(complete))
        return self.count

    def _is_complete(self, record: Records) -> bool:
        if zlib.crc32(record.tobytes()[:OWN_BYTES]) != int(record["own_checksum"]):
            return False
        file = self.reasons if record["kind"] == SKIPPED else self.archive
        return zlib.crc32(_read_at(file, int(record["offset"]), int(record["size"]))) == int(record["checksum"])

    def _ends(self, count: int) -> tuple[int, int]:
        """Where the archive and the reasons of the first `count` records end, in bytes."""
        archive = reasons = 0
        for start in range(0, count, CHUNK):
            records = self._read(start, min(CHUNK, count - start))
            skipped = records["kind"] == SKIPPED
            ends = records["offset"] + records["size"]
            archive, reasons = max(archive, *ends[~skipped][-1:].tolist(), 0), max(reasons, *ends[skipped][-1:].tolist(), 0)
        return archive, reasons


def write_all(file: int, content: bytes | memoryview) -> None:
    """Write everything, in as many calls as it takes; raises OSError when the disk is full."""
    view = memoryview(content).cast("B")
    while len(view):
        written = os.write(file, view)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]


def _read_at(file: int, offset: int, size: int) -> bytes:
    """Up to `size` bytes from `offset`; the position of the next write does not change."""
    before = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, offset, os.SEEK_SET)
    parts = []
    while size and (part := os.read(file, size)):
        parts.append(part)
        size -= len(part)
    os.lseek(file, before, os.SEEK_SET)
    return b"".join(parts)
