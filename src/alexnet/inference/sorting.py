"""Copy images into folders named after their predicted classes, with a list by which the copies can be removed again.

Nothing is moved or overwritten. A row of the list is written before its copy, so that whatever stops the program, no copy is without one.
"""

import csv
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from alexnet.errors import AlexNetError
from alexnet.inference.prediction import Prediction
from alexnet.runtime.arguments import path_from
from alexnet.storage.files import writing
from alexnet.storage.regular_files import check_regular
from alexnet.storage.spreadsheets import csv_text, header_of, rows_of

UNSURE = "unsure"  # the folder of images whose best class is below the least probability
LIST = "sorted.csv"
COLUMNS = ("original", "copy", "class", "probability", "sha256")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sorted:
    """list: the CSV file for `undo_sort`. copied: copies in class folders; unsure: those in the folder of the unsure."""

    list: str
    copied: int
    unsure: int

    def to_json(self) -> dict[str, object]:
        """The object under "sorted" of `alexnet predict --json`."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Undone:
    """removed: how many copies; kept: those that were changed since they were made, and are left where they are."""

    removed: int
    kept: tuple[str, ...]


def sort_images(answers: Iterable[tuple[Prediction, Path]], into: str | Path, classes: Sequence[str], *, least: float = 0.0) -> Sorted:
    """Copy each image into the folder of its most likely class below `into`; below the probability `least`, into that of the unsure.

    answers: predictions, and the files that they are of. An image without a prediction is not copied; a name that is taken gets a number.
    Raises AlexNetError for a `least` that is no probability, CannotWrite if a file cannot be written.
    """
    if not 0 <= least <= 1:
        raise AlexNetError(f"least is {least:g}; it is a probability, from 0 to 1.")
    folder = path_from(into, "The folder to sort into")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        listed = _created(folder, LIST)
        _append(listed, [COLUMNS])
        copies = [_copied(answer, file, folder, classes, least, listed) for answer, file in answers if answer.top]
    unsure = sum(not sure for sure in copies)
    return Sorted(list=str(listed), copied=len(copies) - unsure, unsure=unsure)


def _copied(answer: Prediction, file: Path, folder: Path, classes: Sequence[str], least: float, listed: Path) -> bool:
    """Copy one image; returns whether its class is sure enough."""
    name, probability = answer.top[0]
    sure = probability >= least
    own = folder / (folder_name(name) if sure else _free_of(UNSURE, classes))
    own.mkdir(exist_ok=True)
    content = file.read_bytes()
    for place in _names(own, file.name):
        if os.path.lexists(place):
            continue
        row = (file.absolute(), place.relative_to(folder).as_posix(), name, f"{probability:.4f}", sha256(content).hexdigest())
        _append(listed, [row])
        with suppress(FileExistsError), place.open("xb") as out:  # taken meanwhile: the next name
            out.write(content)
            break
    with suppress(OSError):  # the time of the photo, where the disk keeps it
        shutil.copystat(file, place)
    return sure


def folder_name(class_name: str) -> str:
    """The class as the name of one folder: without separators, and never . or .. or empty."""
    name = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "_", class_name).strip()
    return name if name.strip(".") else f"_{name}"


def _free_of(name: str, classes: Sequence[str]) -> str:
    while name in map(folder_name, classes):
        name = f"_{name}"
    return name


def _names(folder: Path, name: str) -> Iterator[Path]:
    """The name, then with numbers: a.jpg, a-2.jpg, a-3.jpg, ..."""
    yield folder / name
    number = 2
    while True:
        yield folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
        number += 1


def _created(folder: Path, name: str) -> Path:
    """A new empty file of that name, or with a number if it is taken."""
    for place in _names(folder, name):
        with suppress(FileExistsError):
            place.touch(exist_ok=False)
            return place
    raise AssertionError("there is always another number")


def _append(listed: Path, rows: Iterable[Iterable[object]]) -> None:
    with listed.open("a", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(csv_text(rows))


def undo_sort(listed: str | Path) -> Undone:
    """Remove the copies of a list that `sort_images` has written, and folders and list if nothing else is left.

    A copy that was changed since is kept, and so is the list then. Raises AlexNetError for a file that is no such list.
    """
    path = path_from(listed, "The list")
    removed, kept = 0, []
    copies = [(path.parent / row["copy"], row["sha256"]) for row in _rows(path)]
    with writing(path.parent):
        for copy, digest in copies:
            if not copy.is_symlink() and copy.is_file() and sha256(copy.read_bytes()).hexdigest() == digest:
                copy.unlink()
                removed += 1
            elif os.path.lexists(copy):
                kept.append(str(copy))
        for folder in {copy.parent for copy, _ in copies}:
            with suppress(OSError):  # not empty
                folder.rmdir()
        if not kept:
            path.unlink()
    return Undone(removed=removed, kept=tuple(kept))


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a list; raises AlexNetError if it is none, or names a file that is not in a folder beside it."""
    try:
        check_regular(path)
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            header = header_of(file)
            rows = list(rows_of(file, COLUMNS)) if header == COLUMNS else []
    except OSError as problem:
        raise AlexNetError(f"The list {path} cannot be opened ({problem.strerror or problem}).") from None
    except csv.Error as problem:
        raise AlexNetError(f"{path} is not a list of sorted pictures ({problem}).") from None
    if header != COLUMNS or any(None in row.values() or None in row for row in rows):
        raise AlexNetError(f"{path} is not a list of sorted pictures: its columns must be {', '.join(COLUMNS)}. Nothing was removed.")
    outside = next((row["copy"] for row in rows if len(Path(row["copy"]).parts) != 2 or ".." in Path(row["copy"]).parts), None)
    if outside is not None:
        raise AlexNetError(f"{path} names {outside}, which is not in a folder beside the list. Nothing was removed.")
    return rows
