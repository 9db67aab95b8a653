"""explanation.json: everything that the page of an explanation shows, so that it can be rebuilt in another language."""

from dataclasses import dataclass
from pathlib import Path

from alexnet.errors import BadRun
from alexnet.explanations.part import MadePart
from alexnet.storage.files import read_record

FOLDER = "explanation"  # of a run
RECORD, PAGE = "explanation.json", "report.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """The content of explanation.json."""

    run: str
    model: str
    dataset: str
    parts: tuple[MadePart, ...] = ()


def read_explanation(folder: Path) -> Explained:
    """The record of an explanation; raises BadRun if it is missing or damaged."""
    path = folder / RECORD
    if not path.exists():
        raise BadRun(f"{folder} holds no {RECORD}. To make one: alexnet explain RUN --out {folder}")
    return read_record(path, Explained, "delete it and explain the run again: alexnet explain RUN")
