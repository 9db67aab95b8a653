"""The parts of an image in words: a record names them briefly ("3/4", "SIFT 2x2 1"), a page says where they are."""

import re

from alexnet.i18n.phrases import PageWords

CELL = re.compile(r"(?P<row>\d+)/(?P<column>\d+)", re.ASCII)  # of a grid whose size goes without saying
LEVEL = re.compile(r"(?:(?P<kind>SIFT|colour) )?(?P<columns>[1-9]\d{0,3})x(?P<rows>[1-9]\d{0,3}) (?P<cell>[1-9]\d{0,7})", re.ASCII)

KINDS = {"SIFT": "explain.cells_sift", "colour": "explain.cells_colour"}


def place_in_words(name: str, words: PageWords) -> str:
    """Where a part is; a name of another form is returned as it is."""
    cell = CELL.fullmatch(name)
    if cell is not None:
        return words.plain("explain.cells_place", **cell.groupdict())
    level = LEVEL.fullmatch(name)
    if level is None:
        return name
    place = _of_level(int(level["columns"]), int(level["rows"]), int(level["cell"]) - 1, words)
    return place if level["kind"] is None else words.plain(KINDS[level["kind"]], place=place)


def _of_level(columns: int, rows: int, cell: int, words: PageWords) -> str:
    if columns == rows == 1:
        return words.plain("explain.cells_whole")
    row, column = divmod(cell, columns)
    return words.plain("explain.cells_place_of", row=row + 1, column=column + 1, rows=rows, columns=columns)
