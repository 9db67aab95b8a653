"""Which system to take, and why: the best one, or a much cheaper one that is not shown to be worse. Knows figures, not their origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet.experiments.paired import Paired
from alexnet.experiments.words import count, duration, number, percent

CLEARLY_CHEAPER = 0.5  # of the time to train, and of the time per picture, at most
MOST_WORSE = 0.01  # of error, at most, that a cheaper system may lie behind: few test pictures show no difference, however large it is
CAUTION = (
    "The best system is the one with the lowest validation error. The test pictures served to ask whether a cheaper one is worse, so the "
    "test error of the system chosen may be a little too low; pictures that took no part in any choice would say it exactly."
)
UNTESTED = (
    "There is no test set: the validation pictures chose the settings of each system and then the system, so expect more errors than "
    "these on new pictures."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A system that may be chosen. against: its paired test against each other system, this one being the first."""

    model: str
    error: float
    validation_error: float
    train_seconds: float
    predict_milliseconds: float | None
    against: Mapping[str, Paired]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The system to take for this data, and why, in plain sentences."""

    model: str
    reason: str


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The lowest validation error, or a clearly cheaper system that is not shown to be worse than that one and at most MOST_WORSE behind.

    Clearly cheaper: at most CLEARLY_CHEAPER of the time to train and of the time per picture. Of several the cheapest is taken.
    """
    best = min(candidates, key=lambda one: (one.validation_error, _cost(one)))
    cheaper = [one for one in candidates if _is_cheaper(one, best) and _is_no_worse(one, best)]
    if not cheaper:
        return Choice(model=best.model, reason=_best_reason(best, candidates))
    chosen = min(cheaper, key=_cost)
    return Choice(model=chosen.model, reason=_cheaper_reason(chosen, best))


def _cost(one: Candidate) -> float:
    """Time to train times time per picture: no weights to argue about."""
    return one.train_seconds * (one.predict_milliseconds or 0.0)


def _is_cheaper(one: Candidate, best: Candidate) -> bool:
    if one.predict_milliseconds is None or best.predict_milliseconds is None:
        return False
    trains = one.train_seconds <= CLEARLY_CHEAPER * best.train_seconds
    return trains and one.predict_milliseconds <= CLEARLY_CHEAPER * best.predict_milliseconds


def _is_no_worse(one: Candidate, best: Candidate) -> bool:
    test = one.against.get(best.model)
    return test is not None and not (test.shown and test.difference > 0) and test.difference <= MOST_WORSE


def _best_reason(best: Candidate, candidates: Sequence[Candidate]) -> str:
    if len(candidates) == 1:
        return f"{best.model} is the only system that has finished with the most pictures ({percent(best.error)} error)."
    reason = (
        f"{best.model} has the lowest validation error ({percent(best.validation_error)}; {percent(best.error)} on the pictures judged)"
    )
    equals = [one.model for one in candidates if (test := one.against.get(best.model)) is not None and not test.shown]
    worse = [one.model for one in candidates if (test := one.against.get(best.model)) is not None and test.shown and test.difference > 0]
    ahead = [one.model for one in candidates if (test := one.against.get(best.model)) is not None and test.shown and test.difference < 0]
    sentences = [f"{reason}, and no system that is clearly cheaper does as well."]
    if worse and not equals and not ahead:
        sentences.append("Every other system is shown to be worse.")
    if equals:
        sentences.append(f"Not shown to differ from it: {', '.join(equals)}.")
    if ahead:
        sentences.append(f"Shown to be ahead of it on the pictures judged: {', '.join(ahead)}.")
    return " ".join(sentences)


def _cheaper_reason(chosen: Candidate, best: Candidate) -> str:
    test = chosen.against[best.model]
    alone = (
        f"of {count(test.n)} pictures {count(test.first_only)} are wrong with it alone, {count(test.second_only)} with {best.model} alone"
    )
    verdict = "is shown to be better than" if test.shown else "is not shown to be worse than"
    return (
        f"{chosen.model} {verdict} {best.model}, which has the lowest validation error ({percent(chosen.error)} against "
        f"{percent(best.error)} error; {alone}, p = {probability(test.p)}), and is clearly cheaper: it trains in "
        f"{duration(chosen.train_seconds)} instead of {duration(best.train_seconds)}, and a picture takes "
        f"{number(chosen.predict_milliseconds)} instead of {number(best.predict_milliseconds)} ms."
    )


def probability(p: float) -> str:
    """A p value as one reads it: 0.31, 0.0042, "under 0.001"."""
    return "under 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"
