"""Which system to use, and why: the best one, or a much cheaper one that is not shown to be worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from alexnet.evaluation.paired_test import Paired
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import count, percent

CLEARLY_CHEAPER = 0.5  # at most this share of the training time and of the time per image
MOST_WORSE = 0.01  # the most error that a cheaper system may add: a small test set shows no difference, however large it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A system to choose from. against: its paired test against each other system, with this one first."""

    model: str
    error: float
    validation_error: float
    train_seconds: float
    predict_milliseconds: float | None
    against: Mapping[str, Paired]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The system to use for this data, and the reason in plain sentences."""

    model: str
    reason: str


def choose(candidates: Sequence[Candidate], words: PageWords = ENGLISH) -> Choice:
    """The system with the lowest validation error, or the cheapest one that is clearly cheaper and not shown to be worse than it.

    Clearly cheaper: at most CLEARLY_CHEAPER of its training time and of its time per image, with at most MOST_WORSE more error.
    """
    best = min(candidates, key=lambda one: (one.validation_error, _cost(one)))
    cheaper = [one for one in candidates if _is_cheaper(one, best) and _is_no_worse(one, best)]
    if not cheaper:
        return Choice(model=best.model, reason=_best_reason(best, candidates, words))
    chosen = min(cheaper, key=_cost)
    return Choice(model=chosen.model, reason=_cheaper_reason(chosen, best, words))


def _cost(one: Candidate) -> float:
    """Training time multiplied by time per image: a product needs no weights to argue about."""
    return one.train_seconds * (one.predict_milliseconds or 0.0)


def _is_cheaper(one: Candidate, best: Candidate) -> bool:
    if one.predict_milliseconds is None or best.predict_milliseconds is None:
        return False
    trains = one.train_seconds <= CLEARLY_CHEAPER * best.train_seconds
    return trains and one.predict_milliseconds <= CLEARLY_CHEAPER * best.predict_milliseconds


def _is_no_worse(one: Candidate, best: Candidate) -> bool:
    test = one.against.get(best.model)
    return test is not None and not (test.shown and test.difference > 0) and test.difference <= MOST_WORSE


def _best_reason(best: Candidate, candidates: Sequence[Candidate], words: PageWords) -> str:
    figures = {"model": best.model, "error": percent(best.error)}
    if len(candidates) == 1:
        return words.plain("compare.only_system", **figures)
    equals = [one.model for one in candidates if (test := one.against.get(best.model)) is not None and not test.shown]
    worse = [one.model for one in candidates if (test := one.against.get(best.model)) is not None and test.shown and test.difference > 0]
    ahead = [one.model for one in candidates if (test := one.against.get(best.model)) is not None and test.shown and test.difference < 0]
    sentences = [words.plain("compare.lowest_error", validation_error=percent(best.validation_error), **figures)]
    if worse and not equals and not ahead:
        sentences.append(words.plain("compare.others_worse"))
    if equals:
        sentences.append(words.plain("compare.others_equal", models=_listed(equals, words)))
    if ahead:
        sentences.append(words.plain("compare.others_ahead", models=_listed(ahead, words)))
    return reduce(lambda first, second: words.plain("compare.between_sentences", first=first, second=second), sentences)


def _listed(models: Sequence[str], words: PageWords) -> str:
    return words.plain("compare.comma").join(models)


def _cheaper_reason(chosen: Candidate, best: Candidate, words: PageWords) -> str:
    test = chosen.against[best.model]
    return words.plain(
        "compare.cheaper_better" if test.shown else "compare.cheaper_no_worse",
        model=chosen.model,
        best=best.model,
        error=percent(chosen.error),
        best_error=percent(best.error),
        n=count(test.n),
        first_only=count(test.first_only),
        second_only=count(test.second_only),
        p=probability(test.p, words),
        train=words.duration(chosen.train_seconds),
        best_train=words.duration(best.train_seconds),
        milliseconds=words.number(chosen.predict_milliseconds),
        best_milliseconds=words.number(best.predict_milliseconds),
    )


def probability(p: float, words: PageWords = ENGLISH) -> str:
    """A p value for a reader: 0.31, 0.0042, "under 0.001"."""
    return words.plain("compare.p_tiny") if p < 0.001 else f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"
