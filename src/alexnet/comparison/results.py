"""The result of a comparison as values: cells, means over seeds, paired tests, crossings, the three arms, the choice.

Reads and writes JSON values; runs nothing, draws nothing and writes no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from alexnet.comparison.crossing import Crossing
from alexnet.comparison.recommendation import Choice
from alexnet.comparison.request import ComparisonRequest
from alexnet.errors import BadRecipe
from alexnet.evaluation.paired_test import Paired
from alexnet.i18n.notebook import html_table, with_interval
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import seconds_of
from alexnet.models.kinds import KindName
from alexnet.storage.records import convert

MOST = 1e12  # images of a class, seconds, milliseconds: what a page can draw


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One run of the comparison, or the reason it failed (`error`). Error rates are shares; times in seconds or milliseconds per image.

    judged_error: on the test images, or on the validation images if there is no test set. interval: its 95% interval.
    train_seconds: reading, training, testing and the report; for a frozen cell also those of its network, which it needs.
    """

    model: str
    kind: KindName
    fraction: float
    seed: int
    n_train: int | None = None
    test_error: float | None = None
    validation_error: float | None = None
    judged_error: float | None = None
    interval: tuple[float, float] | None = None
    train_seconds: float | None = None
    predict_milliseconds: float | None = None
    bytes: int | None = None
    parameters: int | None = None
    macs: int | None = None
    memory_bytes: int | None = None
    run: str | None = None
    report: str | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemResult:
    """A system at one share of the training images: means over its seeds. errors: one per seed. spread: their standard deviation.

    interval: 95% interval of `error` from the number of distinct images judged; it does not include the variation over seeds (`spread`).
    """

    model: str
    kind: KindName
    fraction: float
    images_per_class: float
    error: float
    interval: tuple[float, float]
    images_judged: int
    errors: tuple[float, ...]
    spread: float | None
    validation_error: float
    train_seconds: float
    predict_milliseconds: float | None
    bytes: int | None
    parameters: int | None
    macs: int | None
    memory_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The paired test of two systems at one share of the training images."""

    first: str
    second: str
    fraction: float
    test: Paired


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """The lecture's question: fixed features, learned features with the same kind of classifier, or both trained jointly.

    learned: the hand-crafted system against the network's frozen features, both with an SVM: the effect of learning the features.
    together: the frozen features with an SVM against the network itself: the effect of training features and classifier jointly.
    """

    hand_crafted: str
    frozen: str
    network: str
    fraction: float
    images_per_class: float
    errors: tuple[float, float, float]  # of the three, in this order
    learned: Paired | None
    together: Paired | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The whole result of a comparison; `to_json` is what `alexnet compare --json` prints."""

    request: ComparisonRequest
    dataset: str
    classes: int
    run: str
    report: str
    command: str
    split: Literal["test", "validation"]  # the images judged; validation if there is no test set
    cells: Sequence[CellResult]
    systems: Sequence[SystemResult]
    pairs: Sequence[Pair]
    crossings: Sequence[Crossing]
    arms: Sequence[Arms]
    choice: Choice
    remarks: Sequence[str] = ()
    seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """As a notebook shows it: the systems at the largest share, and the recommendation."""
        largest = self.largest if self.systems else []
        rows = [(one.model, with_interval(one.error, one.interval), f"{one.train_seconds:,.1f}") for one in largest]
        return html_table(f"{self.dataset}: {self.report}", rows, ("model", f"{self.split} error", "training seconds"))

    @property
    def largest(self) -> list[SystemResult]:
        """The systems at the largest share of the training images, lowest error first."""
        return systems_at(self.systems, max(system.fraction for system in self.systems))

    @property
    def caution(self) -> str:
        """How far to trust the error of the recommended system."""
        return self.caution_in(ENGLISH)

    def caution_in(self, words: PageWords) -> str:
        """The caution in another language."""
        return words.plain("compare.caution" if self.split == "test" else "compare.caution_untested")

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values; undefined ones are None."""
        return {
            "data": self.request.data,
            "dataset": self.dataset,
            "run": self.run,
            "report": self.report,
            "command": self.command,
            "models": list(self.request.models),
            "fractions": list(self.request.fractions),
            "seeds": self.request.seeds,
            "budget": self.request.budget,
            "classes": self.classes,
            "split": self.split,
            "seconds": self.seconds,
            "cells": [asdict(cell) for cell in self.cells],
            "systems": [asdict(system) for system in self.systems],
            "pairs": [
                {"first": pair.first, "second": pair.second, "fraction": pair.fraction, **asdict(pair.test), "shown": pair.test.shown}
                for pair in self.pairs
            ],
            "crossings": [asdict(crossing) for crossing in self.crossings],
            "arms": [asdict(arms) for arms in self.arms],
            "choice": asdict(self.choice) | {"caution": self.caution},
            "remarks": list(self.remarks),
            "environment": dict(self.environment),
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Comparison":
        """The inverse of `to_json`; raises ValueError, with what is wrong, for values that no comparison has."""
        pairs = convert(tuple[Mapping[str, Any], ...], values.get("pairs"), "pairs")
        parts = {
            "request": {name: values.get(name) for name in ("models", "fractions", "seeds", "budget")} | {"data": values.get("data")},
            "pairs": [{**pair, "test": pair} for pair in pairs],
        }
        read = convert(Comparison, {**values, **parts})
        _check(read)
        return read


def _check(read: Comparison) -> None:
    """Raise ValueError unless the parts of a comparison are consistent."""
    if not read.systems or read.choice.model not in {system.model for system in read.largest}:
        raise ValueError("the recommended system is not among those with the most training pictures")
    if not {system.model for system in read.systems} <= set(read.request.models):
        raise ValueError("it has a system that is not among its models")
    try:
        if read.request.budget is not None:
            seconds_of(read.request.budget)
    except BadRecipe as error:
        raise ValueError(f"the budget: {error}") from None
    for one in read.systems:
        if not all(0 <= share <= 1 for share in (one.error, *one.interval)) or min(one.fraction, one.images_per_class) <= 0:
            raise ValueError(f"an error of {one.model} is not between 0 and 1, or its amount is not above 0")
        if not all(0 <= amount <= MOST for amount in (one.images_per_class, one.train_seconds, one.predict_milliseconds or 0.0)):
            raise ValueError(f"an amount or a time of {one.model} is not between 0 and {MOST:g}")


def relocated(comparison: Comparison, folder: Path) -> Comparison:
    """The comparison with the paths it has in `folder`; with Path() they are relative to its folder, as in result.json.

    Files of earlier versions hold the paths of the place where the comparison was made; those inside its folder are rewritten too.
    """

    def moved(path: str | None) -> str | None:
        inside = path is not None and Path(path).is_relative_to(comparison.run)
        return str(folder / Path(path).relative_to(comparison.run)) if path is not None and inside else path

    cells = [replace(cell, run=moved(cell.run), report=moved(cell.report)) for cell in comparison.cells]
    return replace(comparison, run=str(folder), report=moved(comparison.report) or comparison.report, cells=cells)


def systems_at(systems: Iterable[SystemResult], fraction: float) -> list[SystemResult]:
    """The systems at that share of the training images, lowest error first."""
    return sorted((system for system in systems if system.fraction == fraction), key=lambda system: system.error)
