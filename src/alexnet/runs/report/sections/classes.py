"""The first evaluation class by class, worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.units import finite
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.confusion import MOST_MAPPED
from alexnet.runs.report.sections.evaluation import first_of, names_of

WORST_CLASSES = 20  # bars on the open page; the others are one click away


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassesView:
    """open, folded: rows, worst first; classes without images last. worst_error: the longest bar."""

    open: Sequence[Mapping[str, Any]]
    folded: Sequence[Mapping[str, Any]]
    worst_error: float


def view(page: RunPage) -> ClassesView | None:
    """The rows of the first evaluation; a handful more than WORST_CLASSES is shown rather than folded."""
    names = names_of(page)
    rows = [{**row, "class": _class_name(row.get("class"), names)} for row in first_of(page).get("per_class") or ()]
    if not rows:
        return None
    rows.sort(key=lambda row: -1.0 if (error := finite(row.get("error"))) is None else error, reverse=True)
    worst = max((error for row in rows if (error := finite(row.get("error"))) is not None), default=0.0)
    n_open = WORST_CLASSES if len(rows) > MOST_MAPPED else len(rows)
    return ClassesView(open=rows[:n_open], folded=rows[n_open:], worst_error=worst)


def _class_name(given: object, names: Sequence[str]) -> str:
    """The class's name, if an index is given instead of the name."""
    return names[given] if isinstance(given, int) and given < len(names) else str(given)


SECTION = Section(name="classes", view=view)
