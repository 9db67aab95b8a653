"""From finished cells to findings: means, paired tests, crossings, a choice."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

from alexnet.comparison.cells import network_of
from alexnet.comparison.crossing import Amount, Crossing, find_crossing
from alexnet.comparison.recommendation import Candidate, Choice, choose
from alexnet.comparison.results import Arms, CellResult, Pair, SystemResult, systems_at
from alexnet.evaluation.paired_test import Z95, Judged, Paired, Wrong, paired_test, pooled_error
from alexnet.i18n.phrases import ENGLISH, PageWords


@dataclass(frozen=True, slots=True)
class Findings:
    """The part of a Comparison that is computed from its cells."""

    systems: list[SystemResult]
    pairs: list[Pair]
    crossings: list[Crossing]
    arms: list[Arms]
    choice: Choice


def analyse(cells: Iterable[CellResult], wrong: Mapping[tuple[str, float, int], Wrong], classes: int) -> Findings:
    """Means, tests, crossings, arms and the choice.

    wrong: of each finished cell, by (model, fraction, seed), which judged images it misclassified. At least one cell has finished.
    """
    done = [cell for cell in cells if cell.error is None and cell.judged_error is not None]
    judged: dict[tuple[str, float], dict[int, Wrong]] = {}
    for cell in done:
        judged.setdefault((cell.model, cell.fraction), {})[cell.seed] = wrong[cell.model, cell.fraction, cell.seed]
    systems = [_system([c for c in done if (c.model, c.fraction) == key], judged[key], classes) for key in judged]
    pairs = _pairs(systems, judged)
    arms = [one for system in systems if system.kind == "frozen" and (one := _arms(system, systems, pairs))]
    return Findings(systems, pairs, crossings_of(systems, pairs), arms, choice_of(systems, pairs))


def choice_of(systems: Sequence[SystemResult], pairs: Sequence[Pair], words: PageWords = ENGLISH) -> Choice:
    """The system to use, among those at the largest share of the training images."""
    most = systems_at(systems, max(system.fraction for system in systems))
    return choose([_candidate(one, most[0].fraction, pairs, most) for one in most], words)


def crossings_of(systems: Sequence[SystemResult], pairs: Sequence[Pair], words: PageWords = ENGLISH) -> list[Crossing]:
    """The crossings of hand-crafted systems and networks."""
    return [_crossing(hand, network, systems, pairs, words) for hand, network in _rivals(systems)]


def find_test(pairs: Iterable[Pair], first: str, second: str, fraction: float) -> Paired | None:
    """The paired test of two systems in this order; None if they have no judged image in common."""
    for pair in pairs:
        if pair.fraction == fraction and {pair.first, pair.second} == {first, second}:
            return pair.test if pair.first == first else pair.test.reversed()
    return None


def _system(cells: Sequence[CellResult], judged: Judged, classes: int) -> SystemResult:
    error, interval, images = pooled_error(judged)
    errors = tuple(cell.judged_error for cell in cells if cell.judged_error is not None)
    return SystemResult(
        model=cells[0].model,
        kind=cells[0].kind,
        fraction=cells[0].fraction,
        images_per_class=(_mean(cell.n_train for cell in cells) or 0.0) / classes,
        error=error,
        interval=interval,
        images_judged=images,
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
    """Each network paired with the hand-crafted systems that are best at the largest and at the smallest share."""
    hand_crafted = [system for system in systems if system.kind == "hand-crafted"]
    if not hand_crafted:
        return []
    amounts = sorted({system.fraction for system in hand_crafted}, reverse=True)
    best = dict.fromkeys(_best(hand_crafted, fraction).model for fraction in (amounts[0], amounts[-1]))
    networks = dict.fromkeys(system.model for system in systems if system.kind == "network")
    return [(hand, network) for network in networks for hand in best if _common(systems, hand, network)]


def _best(systems: Sequence[SystemResult], fraction: float) -> SystemResult:
    """The system with the lowest validation error at that share."""
    return min((system for system in systems if system.fraction == fraction), key=lambda system: system.validation_error)


def _common(systems: Sequence[SystemResult], first: str, second: str) -> list[tuple[SystemResult, SystemResult]]:
    """Both systems at each share that both have."""
    return [(a, b) for a in systems for b in systems if (a.model, b.model) == (first, second) and a.fraction == b.fraction]


def _crossing(hand: str, network: str, systems: Sequence[SystemResult], pairs: Sequence[Pair], words: PageWords) -> Crossing:
    amounts = []
    for one, other in _common(systems, hand, network):
        test = find_test(pairs, hand, network, one.fraction)
        shown = test is not None and test.shown
        amounts.append(
            Amount(
                images_per_class=one.images_per_class,
                first_error=one.error,
                second_error=other.error,
                shown=shown,
                standard_error=_standard_error(one, other, test),
            ),
        )
    return find_crossing(hand, network, amounts, words)


def _standard_error(one: SystemResult, other: SystemResult, test: Paired | None) -> float | None:
    """Of the difference of two systems' errors: the images' part from the paired test, and with several seeds that of the trainings."""
    if test is None:
        return None
    images = (test.interval[1] - test.interval[0]) / (2 * Z95)
    trainings = sum(system.spread**2 / len(system.errors) for system in (one, other) if system.spread is not None)
    return math.hypot(images, math.sqrt(trainings))


def _arms(frozen: SystemResult, systems: Sequence[SystemResult], pairs: Sequence[Pair]) -> Arms | None:
    """The three arms at one share; None if one of them has no result."""
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
        images_per_class=frozen.images_per_class,
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
