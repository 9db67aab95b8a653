"""The caveats of a comparison in sentences: seeds, multiple tests, unequal images, failed cells, time."""

from collections.abc import Mapping, Sequence

from alexnet.comparison.request import ComparisonRequest
from alexnet.comparison.results import CellResult, Pair
from alexnet.evaluation.paired_test import CHANCE, Wrong
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import count
from alexnet.models.kinds import kind_of

MANY_TESTS = 10  # from this many on, the reader is warned of differences by chance
OVERRUN = 1.05  # times the budget, from which the overrun is mentioned

WrongByCell = Mapping[tuple[str, float, int], Wrong]  # images misclassified, by model, fraction and seed


def remarks_on(
    request: ComparisonRequest,
    cells: Sequence[CellResult],
    pairs: Sequence[Pair],
    wrong: WrongByCell,
    seconds: float,
    words: PageWords = ENGLISH,
) -> list[str]:
    """The remarks that apply to this request and its result, each of one or two plain sentences."""
    found = (
        _seeds(request, words),
        _many_tests(pairs, words),
        _unequal(wrong, words),
        _failed(cells, words),
        _passes(request, words),
        _overrun(request, seconds, words),
    )
    return [remark for remark in found if remark]


def _seeds(request: ComparisonRequest, words: PageWords) -> str:
    return words.plain("compare.one_seed") if request.seeds == 1 else words.plain("compare.several_seeds", n=request.seeds)


def _many_tests(pairs: Sequence[Pair], words: PageWords) -> str:
    if len(pairs) < MANY_TESTS:
        return ""
    return words.plain("compare.many_tests", n=count(len(pairs)), expected=max(1, round(CHANCE * len(pairs))))


def _unequal(wrong: WrongByCell, words: PageWords) -> str:
    """Systems share the split of a seed; their images can still differ, as near duplicates may be found at one image size only."""
    by_seed: dict[int, list[frozenset[str]]] = {}
    for (_, _, seed), of_cell in wrong.items():
        by_seed.setdefault(seed, []).append(frozenset(of_cell))
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


def _passes(request: ComparisonRequest, words: PageWords) -> str:
    if request.budget is None or all(kind_of(model).fixed_features for model in request.models):
        return ""
    return words.plain("compare.budget_passes", budget=request.budget)


def _overrun(request: ComparisonRequest, seconds: float, words: PageWords) -> str:
    budget = request.budget_seconds
    if budget is None or seconds <= OVERRUN * budget:
        return ""
    return words.plain("compare.budget_overrun", seconds=words.duration(seconds), budget=words.duration(budget))
