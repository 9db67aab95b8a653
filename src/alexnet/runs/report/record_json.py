"""Writing everything that a run's page shows as JSON, and reading it back.

The keys are the fields of the parts. A file may come from anywhere, so every value is checked when it is read. If a section's part is
damaged, the page loses only that section.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.errors import BadRun
from alexnet.runs.report.part import ABOUT, RunReport
from alexnet.runs.report.sections import PARTS
from alexnet.storage.records import read_json


def report_text(report: RunReport) -> str:
    """The report as JSON text."""
    values: dict[str, Any] = {}
    for part in PARTS:
        data = report.about if part is ABOUT else report.part(part.kind)
        values |= {} if data is None else part.write(data)
    return json.dumps(values, ensure_ascii=False, default=_as_json_type)


def read_report(path: Path) -> RunReport:
    """The report that `report_text` wrote, in this version or earlier versions; damaged parts are listed in its `damaged`.

    Raises BadRun with the next step if the file is not a report, or if its model and data set cannot be read.
    """
    try:
        values = read_json(path)
        about = ABOUT.from_values(values)
    except (OSError, ValueError) as error:
        what = f"{path} is damaged ({error})"
        raise BadRun(f"{what}. Copy the run again, or measure its numbers again: alexnet evaluate {path.parent}") from None
    parts, damaged = [], {}
    for part in PARTS[1:]:
        try:
            parts.append(part.from_values(values))
        except ValueError as error:
            damaged[part.kind] = str(error)
    return RunReport(about=about, parts=parts, damaged=damaged)


def _as_json_type(value: object) -> object:
    """A NumPy number as Python's, a mapping or sequence as dict or list, anything else as text, which is how the page shows it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else str(value)
