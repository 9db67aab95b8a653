"""Moving and deleting images of a data set, so that each step can be undone: what is deleted waits in the data set's bin.

A step is a file in NAME/.bin that says what was moved where; it is written first, and undone from the last to the first. The bin is hidden,
so that no training reads it.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from alexnet.data.class_names import is_text
from alexnet.errors import BadRun
from alexnet.storage.files import read_record, write_atomically
from alexnet.studio.datasets import BIN, DataSet, Place
from alexnet.studio.refusal import Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What was moved: pairs of paths below the data set's folder, from and to. removed: the class that went with its images.

    judging: former path -> split of the images that a fixed split judges by, so that they judge again once the step is undone.
    """

    moves: tuple[tuple[str, str], ...]
    deleted: bool
    removed: str = ""
    judging: dict[str, str] = field(default_factory=dict)


def move(data: DataSet, places: Sequence[Place], to: str) -> Step:
    """Move images to another class, within their splits; raises Refusal if one is not there."""
    sources = data.files(places)
    folders = {split: data.folder(to, split) for split in {place.split for place in sources.values()}}
    pairs: list[tuple[str, str]] = []
    taken: set[Path] = set()
    for source, place in sources.items():
        folder = folders[place.split]
        folder.mkdir(exist_ok=True)
        if folder != source.parent:
            target = _free(folder / source.name, taken)
            taken.add(target)
            pairs.append((_below(data, source), _below(data, target)))
    return _do(data, Step(moves=tuple(pairs), deleted=False))


def delete(data: DataSet, places: Sequence[Place]) -> Step:
    """Put images into the bin; raises Refusal if one is not there."""
    files = data.files(places)
    number = _next(data)
    pairs = tuple((_below(data, file), f"{BIN}/{number:06}-{place}{file.suffix}") for place, file in enumerate(files))
    return _do(data, Step(moves=pairs, deleted=True))


def remove_class(data: DataSet, name: str) -> Step:
    """Put all images of a class into the bin, and its folders away; raises Refusal (404) if there is no such class."""
    data.folder(name, None if not data.splits else next(iter(data.splits)))
    folders = [folder for class_name, _, folder in data.folders() if class_name == name]
    number = _next(data)
    moves = tuple((_below(data, folder), f"{BIN}/{number:06}-{place}") for place, folder in enumerate(folders) if folder.is_dir())
    return _do(data, Step(moves=moves, deleted=True, removed=name))


def undo(data: DataSet) -> Step:
    """Take the last step back; raises Refusal (404) if there is none."""
    steps = _steps(data)
    if not steps:
        raise Refusal("nothing_to_undo", 404)
    step = _read(steps[-1])
    for source, target in reversed(step.moves):
        _put_back(data.path / target, data.path / source)
    steps[-1].unlink()
    return replace(step, moves=tuple((target, source) for source, target in step.moves))


def _put_back(new: Path, old: Path) -> None:
    """Move a file or a folder to where it was. What has come there since stays, and another image goes beside it."""
    if new.is_dir() and old.is_dir():
        for part in sorted(new.iterdir()):
            _put_back(part, old / part.name)
        new.rmdir()
    elif new.is_file() and old.is_file() and new.read_bytes() == old.read_bytes():
        new.unlink()
    elif new.exists():
        old.parent.mkdir(parents=True, exist_ok=True)
        new.replace(_free(old, set()))


def empty(data: DataSet) -> None:
    """Delete for good what is in the bin; nothing can be undone then."""
    shutil.rmtree(data.path / BIN, ignore_errors=True)


def summary(data: DataSet) -> dict[str, int]:
    """How many steps can be undone, and how many files the bin holds."""
    folder = data.path / BIN
    if not folder.is_dir():
        return {"steps": 0, "files": 0}
    return {"steps": len(_steps(data)), "files": sum(1 for path in folder.rglob("*") if path.suffix != ".json" and path.is_file())}


def _do(data: DataSet, step: Step) -> Step:
    if not step.moves:
        return step
    step = replace(step, judging=_judging(data, [source for source, _ in step.moves]))
    record = data.path / BIN / f"{_next(data):06}.json"
    record.parent.mkdir(exist_ok=True)
    write_atomically(record, json.dumps(asdict(step), ensure_ascii=False))
    for source, target in step.moves:
        (data.path / source).replace(data.path / target)
    return step


def _judging(data: DataSet, sources: Sequence[str]) -> dict[str, str]:
    """The splits of the images among `sources`, or in a folder among them, that a fixed split judges by."""
    chosen = set(sources)
    split = data.fixed_split().items()
    return {name: word for name, word in split if word != "train" and not chosen.isdisjoint((name, name.rpartition("/")[0]))}


def _steps(data: DataSet) -> list[Path]:
    return sorted(path for path in (data.path / BIN).glob("*.json") if path.stem.isdecimal())


def _next(data: DataSet) -> int:
    steps = _steps(data)
    return int(steps[-1].stem) + 1 if steps else 1


def _read(path: Path) -> Step:
    step = read_record(path, Step, "delete it to undo what was before it.")
    if not all(_is_below(part) for pair in step.moves for part in pair):
        raise BadRun(f"{path} is damaged (it leads out of the data set); delete it to undo what was before it.")
    return step


def _is_below(part: str) -> bool:
    return is_text(part) and "\0" not in part and not Path(part).is_absolute() and ".." not in Path(part).parts


def _below(data: DataSet, path: Path) -> str:
    return path.relative_to(data.path).as_posix()


def _free(path: Path, taken: set[Path]) -> Path:
    """The path, with a number behind its stem while something is there or will be."""
    number, free = 1, path
    while free in taken or free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
