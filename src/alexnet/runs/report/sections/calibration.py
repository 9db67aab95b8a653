"""Whether the model's probabilities are reliable: calibration error and reliability diagram of the first evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from alexnet.evaluation.metrics import ReliabilityBin
from alexnet.i18n.units import finite
from alexnet.pages.plots import reliability
from alexnet.runs.report.part import WHOLE, FinishedRun, Part, values_of
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.evaluation import first_of
from alexnet.storage.records import convert


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """reliability: the bins of the first evaluation."""

    reliability: Sequence[ReliabilityBin] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationView:
    """error: the expected calibration error; None if it was not measured. diagram: None without bins."""

    error: float | None
    diagram: Markup | None


def collect(finished: FinishedRun) -> Reliability:
    """The bins of the first evaluation."""
    return Reliability(reliability=finished.first.reliability)


def write(part: Reliability) -> Mapping[str, Any]:
    """The bins as objects."""
    return {"reliability": [values_of(each) for each in part.reliability]}


def read(values: Mapping[str, Any]) -> Reliability:
    """The bins, checked: their shares lie between 0 and 1."""
    part = convert(Reliability, values, WHOLE)
    for each in part.reliability:
        if each.n < 0 or not all(0 <= share <= 1 for share in (each.confidence, each.accuracy) if share is not None):
            raise ValueError("a bin of reliability has a share outside 0 to 1")
    return part


def view(page: RunPage) -> CalibrationView | None:
    """The calibration error and the diagram, if either exists."""
    part, error = page.part(Reliability), finite(first_of(page).get("calibration_error"))
    diagram = reliability(f"{page.prefix}calibration", part.reliability, page.words) if part and part.reliability else None
    return None if error is None and diagram is None else CalibrationView(error=error, diagram=diagram)


SECTION = Section(name="calibration", view=view, part=Part(kind=Reliability, collect=collect, write=write, read=read))
