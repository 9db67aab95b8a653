"""Measurements of this project, which the package brings along: studies, and single results that are no studies.

`measured/NAME.json` is the result of a study without its curves (`python -m tools.measured STUDY...` writes it), and
`measured/results.json` are the others. Nothing is measured here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from alexnet.storage.records import convert, parse_json
from alexnet.studies.findings import StudyReport

FOLDER, RESULTS = "measured", "results.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A single result. value and control: shares; control: the same with nothing learned. seeds: as text. minutes: of one thread."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    control: float | None = None
    n: int
    seeds: str
    minutes: float | None = None
    cpu: str
    command: str


@cache
def shipped_studies() -> tuple[StudyReport, ...]:
    """The studies of this project, in the order of their files' names."""
    names = sorted(file.name for file in _folder().iterdir() if file.name.endswith(".json") and file.name != RESULTS)
    return tuple(StudyReport.from_json(_read(name)) for name in names)


@cache
def shipped_results() -> Mapping[str, Sequence[Measured]]:
    """Single results by the name of the drawing that shows them."""
    return {name: [convert(Measured, one, name) for one in rows] for name, rows in _read(RESULTS).items()}


def _folder() -> Any:
    return files("alexnet.studies").joinpath(FOLDER)


def _read(name: str) -> dict[str, Any]:
    return parse_json(_folder().joinpath(name).read_bytes())
