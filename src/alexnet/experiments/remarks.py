"""What a reader must know before believing a comparison: seeds, many tests, unequal pictures, failed cells, time. Sentences only."""

from collections.abc import Iterable, Mapping, Sequence

from alexnet.experiments.cells import Words, kind_of
from alexnet.experiments.comparison import CellResult, Pair
from alexnet.experiments.paired import CHANCE, Wrong
from alexnet.experiments.words import count, duration

MANY_TESTS = 10  # from here on, the tests that chance alone lets come out are worth a word
OVERRUN = 1.05  # of the budget, from which it is said

Answers = Mapping[tuple[str, float, int], Wrong]  # by model, fraction and seed


def remarks_on(words: Words, cells: Sequence[CellResult], pairs: Sequence[Pair], answers: Answers, seconds: float) -> list[str]:
    """The remarks that apply, each one or two plain sentences."""
    found = (_seeds(words), _many_tests(pairs), _unequal(answers), _failed(cells), _passes(words), _overrun(words, seconds))
    return [remark for remark in found if remark]


def _seeds(words: Words) -> str:
    if words.seeds == 1:
        return (
            "Each system was trained once. Another seed can move a network's error by some tenths of a point, and the paired tests do not "
            "know of that: they speak of these trained models. --seeds 3 would show how much it is here."
        )
    return (
        f"Errors are means over {words.seeds} seeds. Their intervals are as wide as the number of different pictures makes them; how far "
        "one training lies from another is in the column of the spread (standard deviation over seeds)."
    )


def _many_tests(pairs: Sequence[Pair]) -> str:
    if len(pairs) < MANY_TESTS:
        return ""
    expected = max(1, round(CHANCE * len(pairs)))
    return (
        f"{count(len(pairs))} paired tests were made. If no two systems differed at all, about {expected} of them would still come out as "
        "shown, by chance alone."
    )


def _unequal(answers: Answers) -> str:
    """Splits of one seed are equal for all systems, unless near copies are told apart at one picture size and not at another."""
    by_seed: dict[int, list[frozenset[str]]] = {}
    for (_, _, seed), wrong in answers.items():
        by_seed.setdefault(seed, []).append(frozenset(wrong))
    unequal = [seed for seed, sets in by_seed.items() if len(set(sets)) > 1]
    if not unequal:
        return ""
    common = min(len(frozenset.intersection(*by_seed[seed])) for seed in unequal)
    return (
        f"Not all systems judged the same pictures with seed {_listed(unequal)}: what counts as a near copy can depend on the size that a "
        f"system sees. Paired tests use the pictures that both systems judged; {count(common)} are common to all."
    )


def _failed(cells: Sequence[CellResult]) -> str:
    failed = [cell for cell in cells if cell.error is not None]
    if not failed:
        return ""
    models = dict.fromkeys(cell.model for cell in failed)
    return f"{len(failed)} of {len(cells)} cells have no result ({', '.join(models)}); the list of cells says why."


def _passes(words: Words) -> str:
    if words.budget is None or all(kind_of(model) == "hand-crafted" for model in words.models):
        return ""
    return (
        f"Networks were trained as long as the budget of {words.budget} let them, in proportion to the amount of pictures; with more time "
        "they may do better."
    )


def _overrun(words: Words, seconds: float) -> str:
    budget = words.budget_seconds
    if budget is None or seconds <= OVERRUN * budget:
        return ""
    return f"It took {duration(seconds)} of a budget of {duration(budget)}: systems without epochs take the time that they take."


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
