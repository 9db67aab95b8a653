"""Images of an archive that wait to be moved into their data set: once all of them are there, the moves are written down.

A studio that is killed while it moves them leaves the rest to the next one, so that all images of an archive arrive or none.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from alexnet.data.class_names import is_text
from alexnet.errors import AlexNetError
from alexnet.storage.files import read_record, write_atomically

SUFFIX = ".stage"  # of the folder in which the images wait
RECORD = "moves.json"  # in it


@dataclass(frozen=True, kw_only=True, slots=True)
class Moves:
    """Pairs of a file in the stage and its path below the data set's folder."""

    data: str  # the name of the data set
    pairs: tuple[tuple[str, str], ...]


def write_moves(stage: Path, data: Path, targets: Mapping[Path, Path]) -> None:
    """Write down where the images of a stage belong; from now on they will arrive. data: the data set's folder."""
    pairs = tuple((file.name, target.relative_to(data).as_posix()) for file, target in targets.items())
    write_atomically(stage / RECORD, json.dumps(asdict(Moves(data=data.name, pairs=pairs)), ensure_ascii=False))


def finish_moves(uploads: Path, sets: Path) -> None:
    """Move what a killed studio had still to move. uploads: the folder of the stages; sets: that of the data sets."""
    for record in uploads.glob(f"*{SUFFIX}/{RECORD}"):
        with suppress(AlexNetError, OSError):  # of a damaged record; what waits there is removed with everything else on its way
            moves = read_record(record, Moves)
            for name, below in moves.pairs:
                if all(map(_is_inside, (name, below, moves.data))) and (sets / moves.data).is_dir():
                    _move(record.parent / name, sets / moves.data / below)


def _move(file: Path, target: Path) -> None:
    if file.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def _is_inside(path: str) -> bool:
    return is_text(path) and "\0" not in path and not Path(path).is_absolute() and ".." not in Path(path).parts
