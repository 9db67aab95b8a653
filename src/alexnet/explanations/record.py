"""explanation.json: everything that the page of an explanation shows, so that it can be rebuilt in another language."""

from dataclasses import dataclass
from pathlib import Path

from alexnet.errors import BadRun
from alexnet.explanations.part import MadePart
from alexnet.storage.files import read_record

FOLDER = "explanation"  # of a run
RECORD, PAGE = "explanation.json", "report.html"
REMEDY = "delete it and explain the run again: alexnet explain RUN"  # for a damaged record


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """The content of explanation.json. finished: whether all parts have been tried; false while `explain` works, and if it was killed."""

    run: str
    model: str
    dataset: str
    parts: tuple[MadePart, ...] = ()
    finished: bool = True


def read_explanation(folder: Path) -> Explained:
    """The record of an explanation; raises BadRun if it is missing, damaged, or not finished."""
    path = folder / RECORD
    if not path.exists():
        raise BadRun(f"{folder} holds no {RECORD}. To make one: alexnet explain RUN --out {folder}")
    record = read_record(path, Explained, REMEDY)
    if not record.finished:
        raise BadRun(f"The explanation in {folder} was not finished. To finish it: alexnet explain {record.run} --out {folder}")
    return record
