"""A network compared with a fast hand-crafted baseline on the same images: whether it is worth it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.i18n.phrases import baseline_name, beside
from alexnet.i18n.units import finite
from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.sections.evaluation import first_of

SENTENCE = "in a sentence"
SENTENCE_NEEDS = {SENTENCE, "model", "test_error", "validation_error", "seconds"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The comparison. baseline: names and values, possibly nested, the first of them a sentence; None for a run without a baseline."""

    baseline: Mapping[str, Any] | None = None


def collect(finished: FinishedRun) -> Comparison:
    """The baseline's values, and a sentence that compares it with the network."""
    if finished.baseline is None:
        return Comparison()
    values = asdict(finished.baseline)
    return Comparison(baseline={SENTENCE: beside(values, finished.first.top1_error), **values})


def view(page: RunPage) -> Mapping[str, Any] | None:
    """The values; if the sentence can be derived from them, it and the name of the system are in the page's language."""
    part = page.part(Comparison)
    if part is None or not part.baseline:
        return None
    values = part.baseline
    if not values.keys() >= SENTENCE_NEEDS:
        return values
    error = finite(first_of(page).get("top1_error"))
    known = (beside(values, error), beside({**values, "kernel": None}, error))  # earlier versions had the model's name in it
    if values[SENTENCE] not in known:
        return values
    return {**values, SENTENCE: beside(values, error, page.words), "model": baseline_name(values, page.words)}


SECTION = Section(name="baseline", view=view, part=Part(kind=Comparison, collect=collect))
