"""Images that a model got wrong, put into its data set for training alone.

The program splits a data set without split folders from its images, so that one more image could move others between training and test.
Therefore the first correction fixes the split that the run used, in a table beside the class folders (NAME/splits.csv, as --labels reads
it): what was for validation and test stays there, everything else and everything new is for training. Former runs are not affected, and
later trainings are judged by the same images. A data set with split folders needs no table: a correction goes into its train folder.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from alexnet.data.curation.splits import read_split_names
from alexnet.runs.folder import RunFolder
from alexnet.storage.files import write_atomically
from alexnet.storage.spreadsheets import csv_text
from alexnet.studio.adding import add_image
from alexnet.studio.bin import move
from alexnet.studio.datasets import DataSet, Place, listing
from alexnet.studio.limits import Limits
from alexnet.studio.refusal import Refusal

Outcome = Literal["added", "known", "moved"]


def correct(data: DataSet, run: RunFolder, received: Path, class_name: str, limits: Limits) -> Outcome:
    """Put an image into a class of a run's data set, for training alone. One that is a training image of another class is moved.

    Raises Refusal if the same file is among the validation or test images, and as `add_image` does.
    """
    data.folder(class_name, None)
    if not data.splits and not data.is_fixed:
        fix_split(data, run)
    if (held := _same(received, _judging(data))) is not None:
        raise Refusal("held_out", 409, name=held.relative_to(data.path).as_posix())
    if (there := _same(received, _training(data))) is not None:
        return _moved(data, there, class_name)
    add_image(data, received, class_name, "train" if data.splits else None, "image", limits)
    renew_table(data)
    return "added"


def _moved(data: DataSet, file: Path, class_name: str) -> Outcome:
    if file.parent.name == class_name:
        return "known"
    place = Place(file.parent.name, "train" if data.splits else None, file.name)
    renew_table(data, dict(move(data, [place], class_name).moves))
    return "moved"


def fix_split(data: DataSet, run: RunFolder) -> None:
    """Write the table with a run's split; raises BadRun if the run's is damaged, Refusal if it has none."""
    if not run.splits.exists():
        raise Refusal("no_split_of_run", 409, name=run.path.name)
    names = read_split_names(run.splits)
    _write(data, {name: split for split in ("validation", "test") for name in names[split]})


def renew_table(data: DataSet, moved: Mapping[str, str] | None = None, judging: Mapping[str, str] | None = None) -> None:
    """Bring the table, if there is one, up to date with the images that are there now; new ones are for training.

    moved: former path -> path of images that were moved, which keep their split. judging: path -> split of images that judge if they are
    there: a step that took them away may have been undone.
    """
    if data.is_fixed:
        known = data.fixed_split()
        _write(data, known | {new: known[old] for old, new in (moved or {}).items() if old in known} | dict(judging or {}))


def _write(data: DataSet, split: Mapping[str, str]) -> None:
    rows = ((name, class_name, split.get(name, "train")) for name, class_name in data.names())
    content = csv_text([("file", "class", "split"), *rows])
    if not data.is_fixed or data.table.read_bytes() != content.encode():
        write_atomically(data.table, content)


def _same(received: Path, files: Iterable[Path]) -> Path | None:
    """The first of the files that has the same bytes as a received one."""
    size, content = received.stat().st_size, received.read_bytes()
    return next((path for path in files if path.is_file() and path.stat().st_size == size and path.read_bytes() == content), None)


def _judging(data: DataSet) -> list[Path]:
    """The validation and test images."""
    if not data.splits:
        split = data.fixed_split()
        return [data.path / name for name, _ in data.names() if split.get(name, "train") != "train"]
    return [folder / name for _, split, folder in data.folders() if split != "train" for name in listing(folder)]


def _training(data: DataSet) -> Iterator[Path]:
    """The other images."""
    judging = set(_judging(data))
    yield from (path for path in (data.path / name for name, _ in data.names()) if path not in judging)
