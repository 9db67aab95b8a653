"""What a comparison has found, as values: cells, means over seeds, paired tests, crossings, the three arms, the choice.

Computed from the cells' figures and answers alone; starts no run, draws nothing and writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from statistics import fmean, stdev
from typing import Any, Literal

from alexnet.errors import BadRecipe
from alexnet.experiments.cells import Kind, Words, network_of
from alexnet.experiments.choice import Candidate, Choice, choose
from alexnet.experiments.crossing import Amount, Crossing, find_crossing
from alexnet.experiments.paired import Judged, Paired, Wrong, paired_test, pooled_error
from alexnet.experiments.plan import seconds_of
from alexnet.experiments.report_words import ENGLISH, PageWords
from alexnet.experiments.typed import typed


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One run of the comparison, or why there is none (`error`). Errors are shares; times in seconds or milliseconds per picture.

    judged_error: of the test pictures, or of the validation pictures where there is no test set; interval is its 95%.
    train_seconds: reading, training, test and report; of a frozen cell its network's too, without which it cannot be had.
    """

    model: str
    kind: Kind
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
    """A system at one amount of pictures: means over its seeds. errors: the judged error of each seed. spread: their standard deviation.

    interval: 95% of `error`, as wide as the number of different pictures judged makes it; what another seed changes is in `spread`.
    """

    model: str
    kind: Kind
    fraction: float
    pictures_per_class: float
    error: float
    interval: tuple[float, float]
    pictures_judged: int
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
    """The paired test of two systems at one amount of pictures."""

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
    pictures_per_class: float
    errors: tuple[float, float, float]  # of the three, in this order
    learned: Paired | None
    together: Paired | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that a comparison says; `to_json` is what the command line prints."""

    words: Words
    dataset: str
    classes: int
    run: str
    report: str
    command: str
    split: Literal["test", "validation"]  # whose pictures were judged; validation where there is no test set
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
        """The systems at the largest amount of pictures, lowest error first."""
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
        pairs = typed(tuple[Mapping[str, Any], ...], values.get("pairs"), "pairs")
        parts = {
            "words": {name: values.get(name) for name in ("models", "fractions", "seeds", "budget")} | {"data": values.get("data")},
            "pairs": [{**pair, "test": pair} for pair in pairs],
        }
        read = typed(Comparison, {**values, **parts}, "the comparison")
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
        if not all(0 <= share <= 1 for share in (one.error, *one.interval)) or min(one.fraction, one.pictures_per_class) <= 0:
            raise ValueError(f"a share of {one.model} is not between 0 and 1, or an amount is not above 0")


@dataclass(frozen=True, slots=True)
class Findings:
    """What follows from the cells: the computed part of a Comparison."""

    systems: list[SystemResult]
    pairs: list[Pair]
    crossings: list[Crossing]
    arms: list[Arms]
    choice: Choice


def find(cells: Iterable[CellResult], answers: Mapping[tuple[str, float, int], Wrong], classes: int) -> Findings:
    """All that follows from the finished cells and their answers, by (model, fraction, seed); at least one cell has finished."""
    done = [cell for cell in cells if cell.error is None and cell.judged_error is not None]
    judged: dict[tuple[str, float], dict[int, Wrong]] = {}
    for cell in done:
        judged.setdefault((cell.model, cell.fraction), {})[cell.seed] = answers[cell.model, cell.fraction, cell.seed]
    systems = [_system([c for c in done if (c.model, c.fraction) == key], judged[key], classes) for key in judged]
    pairs = _pairs(systems, judged)
    arms = [one for system in systems if system.kind == "frozen" and (one := _arms(system, systems, pairs))]
    return Findings(systems, pairs, crossings_of(systems, pairs), arms, choice_of(systems, pairs))


def choice_of(systems: Sequence[SystemResult], pairs: Sequence[Pair], words: PageWords = ENGLISH) -> Choice:
    """Which of the systems at the largest amount to take."""
    most = systems_at(systems, max(system.fraction for system in systems))
    return choose([_candidate(one, most[0].fraction, pairs, most) for one in most], words)


def crossings_of(systems: Sequence[SystemResult], pairs: Sequence[Pair], words: PageWords = ENGLISH) -> list[Crossing]:
    """Where the curves of hand-crafted systems and networks cross."""
    return [_crossing(hand, network, systems, pairs, words) for hand, network in _rivals(systems)]


def systems_at(systems: Iterable[SystemResult], fraction: float) -> list[SystemResult]:
    """The systems at that amount, lowest error first."""
    return sorted((system for system in systems if system.fraction == fraction), key=lambda system: system.error)


def find_test(pairs: Iterable[Pair], first: str, second: str, fraction: float) -> Paired | None:
    """The paired test of two systems in this order; None if they judged no picture in common."""
    for pair in pairs:
        if pair.fraction == fraction and {pair.first, pair.second} == {first, second}:
            return pair.test if pair.first == first else pair.test.reversed()
    return None


def _system(cells: Sequence[CellResult], judged: Judged, classes: int) -> SystemResult:
    error, interval, pictures = pooled_error(judged)
    errors = tuple(cell.judged_error for cell in cells if cell.judged_error is not None)
    return SystemResult(
        model=cells[0].model,
        kind=cells[0].kind,
        fraction=cells[0].fraction,
        pictures_per_class=(_mean(cell.n_train for cell in cells) or 0.0) / classes,
        error=error,
        interval=interval,
        pictures_judged=pictures,
        errors=errors,
        spread=stdev(errors) if len(errors) > 1 else None,
        validation_error=_mean(cell.validation_error for cell in cells) or 0.0,
        train_seconds=_mean(cell.train_seconds for cell in cells) or 0.0,
        predict_milliseconds=_mean(cell.predict_milliseconds for cell in cells),
        bytes=_whole(_mean(cell.bytes for cell in cells)),
        parameters=_whole(_mean(cell.parameters for cell in cells)),
        macs=_whole(_mean(cell.macs for cell in cells)),
        memory_bytes=max((cell.memory_bytes for cell in cells if cell.memory_bytes is not None), default=None),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _pairs(systems: Sequence[SystemResult], judged: Mapping[tuple[str, float], Judged]) -> list[Pair]:
    return [
        Pair(first=one.model, second=other.model, fraction=one.fraction, test=test)
        for one, other in combinations(systems, 2)
        if one.fraction == other.fraction
        and (test := paired_test(judged[one.model, one.fraction], judged[other.model, other.fraction])) is not None
    ]


def _rivals(systems: Sequence[SystemResult]) -> list[tuple[str, str]]:
    """Each network with the best hand-crafted system at the largest amount, and with the best at the smallest where that is another."""
    hand_crafted = [system for system in systems if system.kind == "hand-crafted"]
    if not hand_crafted:
        return []
    amounts = sorted({system.fraction for system in hand_crafted}, reverse=True)
    best = dict.fromkeys(_best(hand_crafted, fraction).model for fraction in (amounts[0], amounts[-1]))
    networks = dict.fromkeys(system.model for system in systems if system.kind == "network")
    return [(hand, network) for network in networks for hand in best if _common(systems, hand, network)]


def _best(systems: Sequence[SystemResult], fraction: float) -> SystemResult:
    """The lowest validation error at that amount."""
    return min((system for system in systems if system.fraction == fraction), key=lambda system: system.validation_error)


def _common(systems: Sequence[SystemResult], first: str, second: str) -> list[tuple[SystemResult, SystemResult]]:
    """Both systems at the amounts that both have."""
    return [(a, b) for a in systems for b in systems if (a.model, b.model) == (first, second) and a.fraction == b.fraction]


def _crossing(hand: str, network: str, systems: Sequence[SystemResult], pairs: Sequence[Pair], words: PageWords) -> Crossing:
    amounts = []
    for one, other in _common(systems, hand, network):
        test = find_test(pairs, hand, network, one.fraction)
        shown = test is not None and test.shown
        amounts.append(
            Amount(pictures_per_class=one.pictures_per_class, first_error=one.error, second_error=other.error, shown=shown),
        )
    return find_crossing(hand, network, amounts, words)


def _arms(frozen: SystemResult, systems: Sequence[SystemResult], pairs: Sequence[Pair]) -> Arms | None:
    """The three arms at one amount; None where one of them has not finished."""
    name = network_of(frozen.model)
    network = next((one for one in systems if (one.model, one.fraction) == (name, frozen.fraction)), None)
    hands = [one for one in systems if one.kind == "hand-crafted" and one.fraction == frozen.fraction]
    if network is None or not hands:
        return None
    hand = _best(hands, frozen.fraction)
    return Arms(
        hand_crafted=hand.model,
        frozen=frozen.model,
        network=name,
        fraction=frozen.fraction,
        pictures_per_class=frozen.pictures_per_class,
        errors=(hand.error, frozen.error, network.error),
        learned=find_test(pairs, hand.model, frozen.model, frozen.fraction),
        together=find_test(pairs, frozen.model, name, frozen.fraction),
    )


def _candidate(system: SystemResult, fraction: float, pairs: Sequence[Pair], rivals: Sequence[SystemResult]) -> Candidate:
    tests = {rival.model: find_test(pairs, system.model, rival.model, fraction) for rival in rivals if rival.model != system.model}
    return Candidate(
        model=system.model,
        error=system.error,
        validation_error=system.validation_error,
        train_seconds=system.train_seconds,
        predict_milliseconds=system.predict_milliseconds,
        against={model: test for model, test in tests.items() if test is not None},
    )
