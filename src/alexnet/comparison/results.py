"""What a comparison has found, as values: cells, means over seeds, paired tests, crossings, the three arms, the choice.

Computed from the cells' figures and answers alone; starts no run, draws nothing and writes nothing.
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
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import seconds_of
from alexnet.models.kinds import KindName
from alexnet.storage.records import convert


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One run of the comparison, or why there is none (`error`). Errors are shares; times in seconds or milliseconds per image.

    judged_error: of the test images, or of the validation images where there is no test set; interval is its 95%.
    train_seconds: reading, training, test and report; of a frozen cell its network's too, without which it cannot be had.
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
    """A system at one amount of images: means over its seeds. errors: the judged error of each seed. spread: their standard deviation.

    interval: 95% of `error`, as wide as the number of different images judged makes it; what another seed changes is in `spread`.
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
    """The paired test of two systems at one amount of images."""

    first: str
    second: str
    fraction: float
    test: Paired


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """The lecture's question: fixed features, learned features under the same kind of machine, or all learned together.

    learned: the hand-crafted system against the network's frozen features, both under an SVM: what learning the features gives.
    together: the frozen features under an SVM against the network itself: what training features and classifier together gives.
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
    """Everything that a comparison says; `to_json` is what the command line prints."""

    words: ComparisonRequest
    dataset: str
    classes: int
    run: str
    report: str
    command: str
    split: Literal["test", "validation"]  # whose images were judged; validation where there is no test set
    cells: Sequence[CellResult]
    systems: Sequence[SystemResult]
    pairs: Sequence[Pair]
    crossings: Sequence[Crossing]
    arms: Sequence[Arms]
    choice: Choice
    remarks: Sequence[str] = ()
    seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def largest(self) -> list[SystemResult]:
        """The systems at the largest amount of images, lowest error first."""
        return systems_at(self.systems, max(system.fraction for system in self.systems))

    @property
    def caution(self) -> str:
        """How far the error of the system chosen can be believed."""
        return self.caution_in(ENGLISH)

    def caution_in(self, words: PageWords) -> str:
        """The same in another language."""
        return words.plain("compare.caution" if self.split == "test" else "compare.caution_untested")

    def to_json(self) -> dict[str, Any]:
        """The whole of it for a program: plain values, undefined ones None."""
        return {
            "data": self.words.data,
            "dataset": self.dataset,
            "run": self.run,
            "report": self.report,
            "command": self.command,
            "models": list(self.words.models),
            "fractions": list(self.words.fractions),
            "seeds": self.words.seeds,
            "budget": self.words.budget,
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
        """The comparison that `to_json` gave; raises ValueError, which says what is wrong, for values that none could have given."""
        pairs = convert(tuple[Mapping[str, Any], ...], values.get("pairs"), "pairs")
        parts = {
            "words": {name: values.get(name) for name in ("models", "fractions", "seeds", "budget")} | {"data": values.get("data")},
            "pairs": [{**pair, "test": pair} for pair in pairs],
        }
        read = convert(Comparison, {**values, **parts})
        _check(read)
        return read


def _check(read: Comparison) -> None:
    """That the parts of a comparison belong together, as those of one that was found here do; raises ValueError."""
    if not read.systems or read.choice.model not in {system.model for system in read.largest}:
        raise ValueError("the system chosen is not among those with the most pictures")
    if not {system.model for system in read.systems} <= set(read.words.models):
        raise ValueError("a system was not asked for")
    try:
        if read.words.budget is not None:
            seconds_of(read.words.budget)
    except BadRecipe as error:
        raise ValueError(f"the budget: {error}") from None
    for one in read.systems:
        if not all(0 <= share <= 1 for share in (one.error, *one.interval)) or min(one.fraction, one.images_per_class) <= 0:
            raise ValueError(f"a share of {one.model} is not between 0 and 1, or an amount is not above 0")


def placed_in(comparison: Comparison, folder: Path) -> Comparison:
    """The same with its paths as they are when its folder is `folder`; Path() makes them relative to it, as result.json keeps them.

    Files of earlier versions hold the paths of the place where the comparison was made; those within its folder are moved along.
    """

    def placed(path: str | None) -> str | None:
        inside = path is not None and Path(path).is_relative_to(comparison.run)
        return str(folder / Path(path).relative_to(comparison.run)) if path is not None and inside else path

    cells = [replace(cell, run=placed(cell.run), report=placed(cell.report)) for cell in comparison.cells]
    return replace(comparison, run=str(folder), report=placed(comparison.report) or comparison.report, cells=cells)


def systems_at(systems: Iterable[SystemResult], fraction: float) -> list[SystemResult]:
    """The systems at that amount, lowest error first."""
    return sorted((system for system in systems if system.fraction == fraction), key=lambda system: system.error)
