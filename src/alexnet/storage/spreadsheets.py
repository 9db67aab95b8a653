"""CSV that a spreadsheet shows as it is: a name such as `=1+1` stays text, and is read back as it was.

A spreadsheet takes a cell that begins with = + - @ for a formula, which can call other programs. Such a cell is written with an apostrophe
in front; numbers stay numbers. The page of `alexnet serve` has the same rule (serve/static/csv.js). Independent of what the columns mean.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # also of full width; apostrophes: cells that look escaped already
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """The rows as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def header_of(file: TextIO) -> tuple[str, ...]:
    """The names in the first row of a CSV file, which the next reading skips; () of an empty file. Raises csv.Error if it is damaged."""
    return tuple(value_of(name) for name in next(csv.reader(file, strict=True), ()))


def rows_of(file: TextIO, columns: Sequence[str] | None = None) -> Iterator[dict[str, str]]:
    """Each row of a CSV file, as it was before `csv_text`; files of earlier versions too. Raises csv.Error if it is damaged.

    columns: the names of the columns, if the file's first row has been read already.
    """
    for row in csv.DictReader(file, columns, strict=True):
        yield {name: value_of(text) if isinstance(text, str) else text for name, text in row.items()}


def cell(value: object) -> str:
    """The text of a cell, with an apostrophe in front if it would be a formula."""
    text = str(value)
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def value_of(text: str) -> str:
    """What `cell` made a cell of."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
