"""What a reader must know before believing a comparison: seeds, many tests, unequal images, failed cells, time. Sentences only."""

from collections.abc import Mapping, Sequence

from alexnet.comparison.request import ComparisonRequest
from alexnet.comparison.results import CellResult, Pair
from alexnet.evaluation.paired_test import CHANCE, Wrong
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import count
from alexnet.models.kinds import HANDCRAFTED, kind_of

MANY_TESTS = 10  # from here on, the tests that chance alone lets come out are worth a word
OVERRUN = 1.05  # of the budget, from which it is said

Answers = Mapping[tuple[str, float, int], Wrong]  # by model, fraction and seed


def remarks_on(
    asked: ComparisonRequest,
    cells: Sequence[CellResult],
    pairs: Sequence[Pair],
    answers: Answers,
    seconds: float,
    words: PageWords = ENGLISH,
) -> list[str]:
    """The remarks that apply to what was asked for and what it gave, each one or two plain sentences."""
    found = (
        _seeds(asked, words),
        _many_tests(pairs, words),
        _unequal(answers, words),
        _failed(cells, words),
        _passes(asked, words),
        _overrun(asked, seconds, words),
    )
    return [remark for remark in found if remark]


def _seeds(asked: ComparisonRequest, words: PageWords) -> str:
    return words.plain("compare.one_seed") if asked.seeds == 1 else words.plain("compare.several_seeds", n=asked.seeds)


def _many_tests(pairs: Sequence[Pair], words: PageWords) -> str:
    if len(pairs) < MANY_TESTS:
        return ""
    return words.plain("compare.many_tests", n=count(len(pairs)), expected=max(1, round(CHANCE * len(pairs))))


def _unequal(answers: Answers, words: PageWords) -> str:
    """Splits of one seed are equal for all systems, unless near copies are told apart at one image size and not at another."""
    by_seed: dict[int, list[frozenset[str]]] = {}
    for (_, _, seed), wrong in answers.items():
        by_seed.setdefault(seed, []).append(frozenset(wrong))
    unequal = [seed for seed, sets in by_seed.items() if len(set(sets)) > 1]
    if not unequal:
        return ""
    common = min(len(frozenset.intersection(*by_seed[seed])) for seed in unequal)
    return words.plain("compare.unequal_pictures", seeds=", ".join(map(str, unequal)), n=count(common))


def _failed(cells: Sequence[CellResult], words: PageWords) -> str:
    failed = [cell for cell in cells if cell.error is not None]
    if not failed:
        return ""
    models = words.plain("compare.comma").join(dict.fromkeys(cell.model for cell in failed))
    return words.plain("compare.failed_cells", failed=len(failed), n=len(cells), models=models)


def _passes(asked: ComparisonRequest, words: PageWords) -> str:
    if asked.budget is None or all(kind_of(model) is HANDCRAFTED for model in asked.models):
        return ""
    return words.plain("compare.budget_passes", budget=asked.budget)


def _overrun(asked: ComparisonRequest, seconds: float, words: PageWords) -> str:
    budget = asked.budget_seconds
    if budget is None or seconds <= OVERRUN * budget:
        return ""
    return words.plain("compare.budget_overrun", seconds=words.duration(seconds), budget=words.duration(budget))
