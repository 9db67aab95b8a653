"""history.jsonl, however long it is: a sample of its rows, and what has been added since. Read by position, never as a whole."""

import os
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from alexnet.i18n.units import finite
from alexnet.storage.records import parse_json
from alexnet.storage.regular_files import open_regular

Row = dict[str, float]
LONGEST_ROW = 4_096  # bytes
MOST_NEW = 1 << 20  # bytes that are read at once


def sample(path: Path, most: int) -> tuple[list[Row], int]:
    """At most `most` rows, spread evenly over the file, the first and the last among them; and where the file ended.

    Those who watch a run that has ended share one reading.
    """
    try:
        now = path.stat()
        rows, end = _sample(path, most, now.st_size, now.st_mtime_ns)
    except OSError:
        return [], 0
    return list(rows), end


@lru_cache(maxsize=8)
def _sample(path: Path, most: int, size: int, changed: int) -> tuple[list[Row], int]:
    with open_regular(path) as file:
        if size <= most * 256:
            return _rows(file.read(size))
        starts = [size * place // most for place in range(most - 1)]
        rows = [row for start in starts for row in _row_at(file, start)]
        last, end = _rows(_read(file, max(0, size - LONGEST_ROW), LONGEST_ROW).partition(b"\n")[2])
        return _distinct([*rows, *last]), size - LONGEST_ROW + end if size < LONGEST_ROW else size


def since(path: Path, position: int) -> tuple[list[Row], int]:
    """The complete rows from a position on, and the position after them; of a file that is shorter now, all rows."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size < position:
                position = 0
            content = _read(file, position, MOST_NEW)
    except OSError:
        return [], position
    rows, used = _rows(content)
    return rows, position + used


def _rows(content: bytes) -> tuple[list[Row], int]:
    """The complete rows, and how many bytes they take."""
    used = content.rfind(b"\n") + 1
    return [row for line in content[:used].splitlines() for row in _parsed(line)], used


def _row_at(file: BinaryIO, start: int) -> list[Row]:
    """The first whole row at or after a position."""
    content = _read(file, start, LONGEST_ROW)
    line = content if start == 0 else content.partition(b"\n")[2]
    return _parsed(line.partition(b"\n")[0])


def _parsed(line: bytes) -> list[Row]:
    try:
        return [parse_json(line)]
    except ValueError:
        return []


def _read(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


def _distinct(rows: list[Row]) -> list[Row]:
    by_step = {finite(row.get("step", row.get("epoch"))) or 0.0: row for row in rows}
    return [by_step[step] for step in sorted(by_step)]
