"""The arms of a claim as rows: what each measured, and its place on their common axis, in CSS percentages. Independent of HTML."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.i18n.units import MISSING, percent
from alexnet.studies.answers import mean_epochs
from alexnet.studies.arm_summary import gradients_of
from alexnet.studies.claim import GRADIENTS, RATIOS, Measure
from alexnet.studies.findings import ArmFound, Finding
from alexnet.studies.report.phrases import StudyWords, factor

ROOM = 0.08  # at both ends of the axis, of its length
Axis = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmRow:
    """An arm in words, and its dot and whisker; empty where there is nothing to draw. each: its seeds, or its interval."""

    name: str
    value: str
    training: str
    macs: str
    each: str
    at: str = ""
    low: str = ""
    width: str = ""


def arm_rows(finding: Finding, words: StudyWords) -> list[ArmRow]:
    """The arms of a finding, each with its place on their common axis."""
    axis = common_axis(finding)
    return [_row(finding.measure, arm, axis, words) for arm in finding.arms]


def _row(measure: Measure, arm: ArmFound, axis: Axis | None, words: StudyWords) -> ArmRow:
    middle, (low, high) = _middle(measure, arm), _ends(measure, arm)
    at, start, end = (_along(value, axis) for value in (middle, low, high))
    return ArmRow(
        name=words.arm(arm.name),
        value=words.plain("lecture.never") if middle is None and measure == "epochs" else shown(middle, measure),
        training=percent(arm.training_error),
        macs=words.number(arm.macs) if arm.macs else MISSING,
        each=_each(measure, arm, words),
        at="" if at is None else f"{at:.1f}%",
        low="" if start is None else f"{start:.1f}%",
        width="" if start is None or end is None else f"{end - start:.1f}%",
    )


def shown(value: float | None, measure: Measure) -> str:
    """What an arm measured, as text: a share, epochs, or a norm."""
    if value is None:
        return MISSING
    if measure == "epochs":
        return f"{value:.1f}"
    return factor(value) if measure in RATIOS else percent(value)


def _each(measure: Measure, arm: ArmFound, words: StudyWords) -> str:
    if measure == "epochs":
        each = [words.plain("lecture.never") if one is None else f"{one:.1f}" for one in arm.epochs_to_target]
        return words.plain("report.counted_comma").join(each)
    return words.between(*arm.interval) if measure == "error" and arm.interval is not None else ""


def _middle(measure: Measure, arm: ArmFound) -> float | None:
    match measure:
        case "epochs":
            return mean_epochs(arm)
        case "shifts":
            return arm.moved
        case "probes":
            return arm.last_probe
        case "seconds":
            return arm.step_times.get("step")
    if measure in GRADIENTS:
        return _geometric_mean([value for value in gradients_of(arm, measure).values() if value > 0])
    return arm.mean


def _geometric_mean(values: Sequence[float]) -> float | None:
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def _ends(measure: Measure, arm: ArmFound) -> tuple[float | None, float | None]:
    if measure == "epochs":
        reached = [one for one in arm.epochs_to_target if one is not None]
        return (min(reached), max(reached)) if reached else (None, None)
    return arm.interval if measure == "error" and arm.interval is not None else (None, None)


def common_axis(finding: Finding) -> Axis | None:
    """The ends of the axis that holds all arms; None if there is nothing to draw."""
    measure = finding.measure
    values = [value for arm in finding.arms for value in (_middle(measure, arm), *_ends(measure, arm)) if value is not None]
    if not values:
        return None
    room = ROOM * (max(values) - min(values)) or 0.01
    return max(0.0, min(values) - room), max(values) + room


def _along(value: float | None, axis: Axis | None) -> float | None:
    return None if value is None or axis is None else 100 * (value - axis[0]) / (axis[1] - axis[0])
