"""The evaluations, one row each; other sections show the first of them in detail."""

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

    If its title contains "validation" or "training", the headline does not call the images unseen.
    """

    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationView:
    """rows: title in the page's language, and the evaluation with its interval as text under "between". classes: how many."""

    rows: Sequence[tuple[str, Mapping[str, Any]]]
    classes: int


def collect(finished: FinishedRun) -> Evaluations:
    """The evaluation of every view."""
    return Evaluations(evaluations={title: found.to_json() for title, found in finished.evaluations.items()})


def read(values: Mapping[str, Any]) -> Evaluations:
    """The evaluations, checked: the lengths of their lists agree with the number of classes."""
    part = convert(Evaluations, values, WHOLE)
    classes = len(convert(tuple[str, ...], values.get("classes"), f"{WHOLE}.classes"))
    for title, found in part.evaluations.items():
        _check_classes(found, classes, f"evaluations.{title}")
    return part


def _check_classes(values: Mapping[str, Any], classes: int, name: str) -> None:
    """Check the lists of an evaluation: class names, rows per class, the square matrix of counts, and the interval; raises ValueError."""
    if values.get("classes") is not None:
        classes = len(convert(tuple[str, ...], values["classes"], f"{name}.classes"))
    for row in convert(tuple[Mapping[str, Any], ...], values.get("per_class") or (), f"{name}.per_class"):
        kind = row.get("class")
        if not isinstance(kind, str) and not (isinstance(kind, int) and 0 <= kind < MOST_CLASSES):
            raise ValueError(f"{name}.per_class has the class {kind!r:.40}")
    confusion = convert(tuple[tuple[int, ...], ...], values.get("confusion") or (), f"{name}.confusion")
    if confusion and {len(confusion), *map(len, confusion)} != {classes}:
        raise ValueError(f"{name}.confusion is not a matrix of {classes} x {classes}")
    if any(not 0 <= n <= MOST_COUNTED for row in confusion for n in row):
        raise ValueError(f"{name}.confusion has a number that is not a count of pictures")
    interval = values.get("interval")
    if interval is not None and not isinstance(interval, Mapping):
        convert(tuple[float, float], interval, f"{name}.interval")


def evaluations_of(page: RunPage) -> Mapping[str, Mapping[str, Any]]:
    """All evaluations, by their titles."""
    part = page.part(Evaluations)
    return part.evaluations if part else {}


def first_of(page: RunPage) -> Mapping[str, Any]:
    """The first evaluation with any image; empty without one."""
    measured = (found for found in evaluations_of(page).values() if found.get("n") and finite(found.get("top1_error")) is not None)
    return next(measured, {})


def images_role(page: RunPage) -> str:
    """The role of the first evaluation's images: "unseen", or "validation" or "training" if its title contains the word."""
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
    interval = evaluation.get("interval")
    if isinstance(interval, Mapping):
        interval = (interval.get("low"), interval.get("high"))
    low, high = map(finite, interval or (None, None))
    return None if low is None or high is None else (low, high)


def interval_text(page: RunPage, evaluation: Mapping[str, Any]) -> str:
    """The interval as text: "8.2% to 9.3%"."""
    interval = interval_of(evaluation)
    return page.words.between(*interval) if interval else MISSING


def rows_of(page: RunPage) -> list[tuple[str, Mapping[str, Any]]]:
    """The evaluations as table rows."""
    return [(page.words.view(title), {**row, "between": interval_text(page, row)}) for title, row in evaluations_of(page).items()]


def view(page: RunPage) -> EvaluationView:
    """The table; empty if nothing was evaluated, for which the template has a sentence."""
    return EvaluationView(rows=rows_of(page), classes=len(page.about.classes))


SECTION = Section(name="evaluation", view=view, part=Part(kind=Evaluations, collect=collect, read=read))
