"""Everything that a run's page shows, as a JSON file, and back.

The keys are the fields of the parts. A file may come from anywhere: what it holds is checked where it is read, so that the page is drawn of
values as good as a run's own. What a section keeps can be damaged, and the page loses that section alone.
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
    """The JSON text of all that the page shows."""
    values: dict[str, Any] = {}
    for part in PARTS:
        kept = report.about if part is ABOUT else report.part(part.kind)
        values |= {} if kept is None else part.write(kept)
    return json.dumps(values, ensure_ascii=False, default=_of_another_kind)


def read_report(path: Path) -> RunReport:
    """The report that `report_text` wrote, this version's or an earlier one's; parts that are damaged are named in it.

    Raises BadRun, with what to do, for a file that is no such report, or that does not say what was trained.
    """
    try:
        values = read_json(path)
        about = ABOUT.from_values(values)
    except (OSError, ValueError) as error:
        what = f"{path} is damaged ({error})"
        raise BadRun(f"{what}. Copy the run again; its numbers can be measured again: alexnet evaluate {path.parent}") from None
    kept, damaged = [], {}
    for part in PARTS[1:]:
        try:
            kept.append(part.from_values(values))
        except ValueError as error:
            damaged[part.kind] = str(error)
    return RunReport(about=about, parts=kept, damaged=damaged)


def _of_another_kind(value: object) -> object:
    """A number of NumPy's as Python's; a mapping or sequence of another type as what JSON knows; the rest as the page writes it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else str(value)
