"""Classes from a table instead of folders: a CSV file with the columns file and class, and split if there is one.

A data set with such a table is written `labels:TABLE.csv:DATA`, so that whatever names a data set, a recipe too, names its table with it.
"""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from alexnet.data.class_folders import FolderDataset
from alexnet.data.class_names import composed, name_remarks
from alexnet.data.dataset import Dataset, Item, SplitName
from alexnet.data.sources.folder import open_source
from alexnet.data.split_names import split_folders
from alexnet.errors import BadDataset
from alexnet.runtime.arguments import any_path
from alexnet.storage.regular_files import open_regular
from alexnet.storage.spreadsheets import value_of

PREFIX = "labels:"
SEPARATORS = (";", "\t", ",")
COLUMNS = ("file", "class", "split")
MOST_BYTES = 1 << 30
MOST_SHOWN = 5  # rows in a message

Data = TypeVar("Data", str | Path, str | Path | Dataset)


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of the table; number: as a spreadsheet counts, the header being row 1."""

    number: int
    file: str
    class_name: str
    split: str


def with_labels(data: Data, labels: str | Path | None) -> Data | str:
    """The data set with the classes of a table; unchanged if `labels` is None. Raises BadDataset for data that cannot have a table."""
    if labels is None:
        return data
    if isinstance(data, Dataset):
        raise BadDataset("labels needs data as a folder or an archive; an opened data set has its classes.")
    table = str(any_path(labels, "The table of labels", BadDataset))
    if ":" in table:
        raise BadDataset(f"The path of the table of labels, {table}, has a colon. Rename it.")
    return f"{PREFIX}{table}:{data}"


class LabelledFiles(FolderDataset):
    """Images of a folder or an archive whose classes are in a table; the constructor raises BadDataset with the rows that are wrong."""

    def __init__(self, path: Path, table: Path) -> None:
        self.name = str(path)
        self.source = open_source(path)
        rows = read_labels(table)
        files = _files_of(rows, self.source.names, table, path)
        splits = _splits_of(rows, table)
        self.classes = tuple(sorted({composed(row.class_name) for row in rows}))
        numbers = {name: number for number, name in enumerate(self.classes)}
        found = {files[row.number]: Item(files[row.number], numbers[composed(row.class_name)], splits.get(row.split)) for row in rows}
        self.items = tuple(found[name] for name in sorted(found))
        self.outside = tuple(name for name in self.source.names if name not in found)
        unused = [_unused(len(self.outside), table)] if self.outside else []
        self.remarks = (*self.source.remarks, *name_remarks({row.class_name for row in rows}), *unused)


def _unused(count: int, table: Path) -> str:
    images = "1 picture is" if count == 1 else f"{count:,} pictures are"
    return f"{images} not in {table}, and will not be used."


def open_labelled(data: str) -> Dataset:
    """The data set that is written `labels:TABLE.csv:DATA`."""
    table, _, rest = data.removeprefix(PREFIX).partition(":")
    path = Path(rest).expanduser()
    if not rest or not path.exists():
        raise BadDataset(
            f"There is no folder or archive at '{rest}'. A table of labels (--labels) is for pictures in a folder or an archive; data sets "
            "with a name have their classes."
        )
    return LabelledFiles(path, Path(table).expanduser())


def read_labels(table: Path) -> list[LabelRow]:
    """The rows of a table: commas, semicolons or tabs; UTF-8, or UTF-16 as spreadsheets save it; cells as `csv_text` writes them too.

    Raises BadDataset with what is missing.
    """
    text = _text(table)
    header = text.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as problem:
        raise BadDataset(f"{table} is not a table that can be read ({problem}).") from None
    places = {name.strip().lower(): place for place, name in enumerate(lines[0] if lines else [])}
    if not {"file", "class"} <= set(places):
        has = header.strip()[:80]
        raise BadDataset(f"{table} needs a first row with the columns file and class, and split if you have one; it has '{has}'.")
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        values = {name: value_of(cells[places[name]]).strip() if places.get(name, len(cells)) < len(cells) else "" for name in COLUMNS}
        if any(cell.strip() for cell in cells):
            rows.append(LabelRow(number, values["file"], values["class"], values["split"]))
    _refuse([f"row {row.number} has no file" for row in rows if not row.file], table)
    _refuse([f"row {row.number} ({row.file}) has no class" for row in rows if not row.class_name], table)
    if not rows:
        raise BadDataset(f"{table} has no rows below its header.")
    return rows


def _text(table: Path) -> str:
    try:
        with open_regular(table) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise BadDataset(f"The table of labels {table} cannot be opened ({problem.strerror or problem}).") from None
    if len(content) > MOST_BYTES:
        raise BadDataset(f"{table} has more than {MOST_BYTES:,} bytes: it is not a table of labels.")
    try:
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise BadDataset(f"{table} is not text in UTF-8. Save it as CSV UTF-8.") from None


def _files_of(rows: Sequence[LabelRow], names: Sequence[str], table: Path, path: Path) -> Mapping[int, str]:
    """Row number -> name of its image in the source; raises BadDataset for files that are missing or listed twice."""
    known = {composed(name): name for name in names} | {name: name for name in names}
    found = {row.number: known.get(_plain(row.file), known.get(composed(_plain(row.file)), "")) for row in rows}
    _refuse([f"row {row.number}: {row.file} is no picture in {path}" for row in rows if not found[row.number]], table)
    first: dict[str, int] = {}
    twice = [
        f"row {row.number}: {row.file} is in row {first[name]} already"
        for row in rows
        if first.setdefault(name := found[row.number], row.number) != row.number
    ]
    _refuse(twice, table)
    return found


def _plain(file: str) -> str:
    """The path as sources write it: relative, with `/`."""
    return str(PurePosixPath(file.replace("\\", "/")))


def _splits_of(rows: Sequence[LabelRow], table: Path) -> dict[str, SplitName]:
    """The split that each word of the column means; rows without a word are split by the program."""
    splits = split_folders({row.split for row in rows if row.split})
    unknown = [f"row {row.number}: '{row.split}' is no split" for row in rows if row.split and row.split not in splits]
    _refuse(unknown, table, " Splits are train, validation and test.")
    return splits


def _refuse(wrong: Sequence[str], table: Path, remedy: str = "") -> None:
    if wrong:
        more = f"; and {len(wrong) - MOST_SHOWN:,} more" if len(wrong) > MOST_SHOWN else ""
        raise BadDataset(f"{table}: {'; '.join(wrong[:MOST_SHOWN])}{more}.{remedy}")
