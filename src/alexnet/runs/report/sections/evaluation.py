"""What the evaluations found, one row each; other sections show the first of them class by class."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alexnet.i18n.units import MISSING, finite
from alexnet.runs.report.part import WHOLE, FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section
from alexnet.storage.records import convert

MOST_CLASSES = 100_000
MOST_COUNTED = 10**12  # images in a cell of a confusion matrix


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluations:
    """evaluations: title ("test, centre crop") -> Evaluation.to_json(). The first one makes the headline.

    A title that contains "validation" or "training" is not announced as unseen images.
    """

    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationView:
    """rows: title in the page's language, and the evaluation with its interval as text under "between". classes: how many."""

    rows: Sequence[tuple[str, Mapping[str, Any]]]
    classes: int


def collect(finished: FinishedRun) -> Evaluations:
    """Every view of the images that judged the model."""
    return Evaluations(evaluations={title: found.to_json() for title, found in finished.evaluations.items()})


def read(values: Mapping[str, Any]) -> Evaluations:
    """The evaluations, whose lists belong to as many classes as they name."""
    kept = convert(Evaluations, values, WHOLE)
    classes = len(convert(tuple[str, ...], values.get("classes"), f"{WHOLE}.classes"))
    for title, found in kept.evaluations.items():
        _check_classes(found, classes, f"evaluations.{title}")
    return kept


def _check_classes(values: Mapping[str, Any], classes: int, name: str) -> None:
    """The lists of an evaluation: names of classes, rows of classes, a square matrix of counts, and an interval."""
    if values.get("classes") is not None:
        classes = len(convert(tuple[str, ...], values["classes"], f"{name}.classes"))
    for row in convert(tuple[Mapping[str, Any], ...], values.get("per_class") or (), f"{name}.per_class"):
        kind = row.get("class")
        if not isinstance(kind, str) and not (isinstance(kind, int) and 0 <= kind < MOST_CLASSES):
            raise ValueError(f"{name}.per_class names a class {kind!r:.40}")
    confusion = convert(tuple[tuple[int, ...], ...], values.get("confusion") or (), f"{name}.confusion")
    if confusion and {len(confusion), *map(len, confusion)} != {classes}:
        raise ValueError(f"{name}.confusion is not a matrix of {classes} x {classes}")
    if any(not 0 <= n <= MOST_COUNTED for row in confusion for n in row):
        raise ValueError(f"{name}.confusion holds a number that counts no pictures")
    interval = values.get("interval")
    if interval is not None and not isinstance(interval, Mapping):
        convert(tuple[float, float], interval, f"{name}.interval")


def evaluations_of(page: RunPage) -> Mapping[str, Mapping[str, Any]]:
    """All evaluations, by their titles."""
    kept = page.part(Evaluations)
    return kept.evaluations if kept else {}


def first_of(page: RunPage) -> Mapping[str, Any]:
    """The first evaluation that judged any image; empty without one."""
    judged = (found for found in evaluations_of(page).values() if found.get("n") and finite(found.get("top1_error")) is not None)
    return next(judged, {})


def seen_as(page: RunPage) -> str:
    """What the first evaluation's images are to the model: unseen, or the split that its title names."""
    first = first_of(page)
    title = next((title for title, found in evaluations_of(page).items() if found is first), "")
    named = re.search("validation|training", title.lower())
    return named[0] if named else "unseen"


def names_of(page: RunPage) -> Sequence[str]:
    """The classes of the first evaluation, in its order."""
    names = first_of(page).get("classes")
    return names if isinstance(names, list | tuple) else page.about.classes


def interval_of(evaluation: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95% interval of the top-1 error, from [low, high] or {"low": ..., "high": ...}."""
    given = evaluation.get("interval")
    if isinstance(given, Mapping):
        given = (given.get("low"), given.get("high"))
    low, high = map(finite, given or (None, None))
    return None if low is None or high is None else (low, high)


def interval_text(page: RunPage, evaluation: Mapping[str, Any]) -> str:
    """The interval in words: "8.2% to 9.3%"."""
    interval = interval_of(evaluation)
    return page.words.between(*interval) if interval else MISSING


def rows_of(page: RunPage) -> list[tuple[str, Mapping[str, Any]]]:
    """The evaluations as table rows."""
    return [(page.words.view(title), {**row, "between": interval_text(page, row)}) for title, row in evaluations_of(page).items()]


def view(page: RunPage) -> EvaluationView:
    """The table; empty for a run without a test set, which the template says."""
    return EvaluationView(rows=rows_of(page), classes=len(page.about.classes))


SECTION = Section(name="evaluation", view=view, part=Part(kind=Evaluations, collect=collect, read=read))
