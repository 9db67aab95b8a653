"""A network beside a fast hand-crafted system on the same images: whether it is worth it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.i18n.phrases import PageWords, beside
from alexnet.i18n.units import finite
from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.evaluation import first_of

SENTENCE = "in a sentence"
SAID_OF = {SENTENCE, "model", "test_error", "validation_error", "seconds"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """baseline: any names and values, possibly nested, the first a sentence; None for a run without one."""

    baseline: Mapping[str, Any] | None = None


def collect(finished: FinishedRun) -> Beside:
    """The system's values, and the sentence that compares it."""
    if finished.baseline is None:
        return Beside()
    values = asdict(finished.baseline)
    return Beside(baseline={SENTENCE: beside(values, finished.first.top1_error), **values})


def view(page: RunPage) -> Mapping[str, Any] | None:
    """The values; the sentence, if it follows from them, in the page's language."""
    kept = page.part(Beside)
    if kept is None or not kept.baseline:
        return None
    values = kept.baseline
    if page.words.lang == "en" or not values.keys() >= SAID_OF:
        return values
    error = finite(first_of(page).get("top1_error"))
    if values[SENTENCE] != beside(values, error, PageWords("en")):
        return values
    return {**values, SENTENCE: beside(values, error, page.words)}


SECTION = Section(name="baseline", view=view, part=Part(kind=Beside, collect=collect))
