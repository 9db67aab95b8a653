"""CSV that a spreadsheet shows as it is: a name such as `=1+1` stays text, and is read back as it was.

A spreadsheet takes a cell that begins with = + - @ for a formula, which can call other programs. Such a cell is written with an apostrophe
in front; numbers stay numbers. Independent of what the columns mean.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import TextIO

FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # also of full width; apostrophes: cells that look escaped already
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """The rows as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def rows_of(file: TextIO) -> Iterator[dict[str, str]]:
    """Each row of a CSV file with a header, as it was before `csv_text`; files of earlier versions too. Raises csv.Error if damaged."""
    for row in csv.DictReader(file, strict=True):
        yield {name: value_of(text) if isinstance(text, str) else text for name, text in row.items()}


def cell(value: object) -> str:
    """The text of a cell, with an apostrophe in front if it would be a formula."""
    text = str(value)
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def value_of(text: str) -> str:
    """What `cell` made a cell of."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
