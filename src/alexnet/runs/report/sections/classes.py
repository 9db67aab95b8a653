"""The first evaluation class by class, worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.units import finite
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.confusion import MOST_MAPPED
from alexnet.runs.report.sections.evaluation import first_of, names_of

WORST_CLASSES = 20  # bars shown at once; the others are folded


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassesView:
    """open, folded: rows, worst first; classes without images last. worst_error: that of the longest bar."""

    open: Sequence[Mapping[str, Any]]
    folded: Sequence[Mapping[str, Any]]
    worst_error: float


def view(page: RunPage) -> ClassesView | None:
    """The rows of the first evaluation; up to MOST_MAPPED classes none are folded."""
    names = names_of(page)
    rows = [{**row, "class": _class_name(row.get("class"), names)} for row in first_of(page).get("per_class") or ()]
    if not rows:
        return None
    rows.sort(key=lambda row: -1.0 if (error := finite(row.get("error"))) is None else error, reverse=True)
    worst = max((error for row in rows if (error := finite(row.get("error"))) is not None), default=0.0)
    n_open = WORST_CLASSES if len(rows) > MOST_MAPPED else len(rows)
    return ClassesView(open=rows[:n_open], folded=rows[n_open:], worst_error=worst)


def _class_name(name_or_index: object, names: Sequence[str]) -> str:
    return names[name_or_index] if isinstance(name_or_index, int) and name_or_index < len(names) else str(name_or_index)


SECTION = Section(name="classes", view=view)
