"""The systems that a search for the best one has tried, as its run's result and report hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from alexnet.evaluation.metrics import error_interval
from alexnet.i18n.phrases import ENGLISH, PageWords
from alexnet.i18n.units import percent

WhyNot = Literal["missing", "too_long", "too_short", "interrupted", "perfect", "failed"]  # report.why_NAME says it in words


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A system and its error on the validation images.

    seconds: that it took. error: None without a result, whose reason is `why_not`; `needed` and `left` are seconds, `detail` is the text of
    an error. image_size (px), width and epochs: of a network. fraction: of the training images, where all would have taken too long.
    balance: of classes of different size, as the attempt was asked for. balanced_error: the mean of the classes' errors, which decides
    where classes differ by much in size. balanced: whether all classes of an SVM weigh the same, where validation has chosen; else None.
    folder: its name among the candidates' while the search runs, which tells the attempts of one system apart.
    """

    model: str
    seconds: float = 0.0
    error: float | None = None
    why_not: WhyNot | None = None
    needed: float | None = None
    left: float | None = None
    detail: str = ""
    image_size: int | None = None
    width: float | None = None
    epochs: float | None = None
    fraction: float = 1.0
    balance: str | None = None
    balanced_error: float | None = None
    balanced: bool | None = None
    folder: str = ""

    @property
    def judged(self) -> float | None:
        """The error that decides between attempts."""
        return self.error if self.balanced_error is None else self.balanced_error

    @property
    def rank(self) -> tuple[float, float]:
        """The order of attempts: the lowest error first, of equal ones the faster, those without a result last."""
        return (1.0 if self.judged is None else self.judged), self.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A finished search. budget_seconds: that were allowed; validation: images that chose; tried: in the order of the attempts.

    effective: as many images of classes of equal size would tell the mean of the classes' errors as surely; None: as `validation`.
    """

    budget_seconds: float
    validation: int
    tried: tuple[Tried, ...]
    effective: int | None = None

    @property
    def ranked(self) -> Sequence[Tried]:
        """The systems with a result, each once with its best attempt; the lowest error first, of equal ones the faster."""
        first: dict[str, Tried] = {}
        for one in sorted((one for one in self.tried if one.error is not None), key=lambda one: one.rank):
            first.setdefault(one.model, one)
        return list(first.values())


def choice_of(search: Search, words: PageWords = ENGLISH) -> Markup:
    """One sentence, as HTML: how many systems were tried, which came second, and whether the difference says anything."""
    ranked, n = search.ranked, f"{search.validation:,}"
    winner = ranked[0]
    tried = len({one.model for one in search.tried if one.error is not None})
    measure = "_balanced" if winner.balanced_error is not None else ""
    if len(ranked) == 1:
        return words.say(f"report.chosen_alone{measure}", model=winner.model, n=n, error=percent(winner.judged))
    second = ranked[1]
    figures = {"error": percent(winner.judged), "other": second.model, "other_error": percent(second.judged), "n": n, "tried": tried}
    name = "report.chosen_either" if is_close(search) else "report.chosen"
    return words.say(f"{name}{measure}", model=winner.model, **figures)


def reason_of(one: Tried, words: PageWords = ENGLISH) -> str:
    """Why a system has no result, in words; empty if it has one."""
    if one.why_not is None:
        return ""
    return words.plain(f"report.why_{one.why_not}", needed=words.duration(one.needed), left=words.duration(one.left), detail=one.detail)


def is_close(search: Search) -> bool:
    """Whether the 95% interval of the winner's validation error includes the error of the second."""
    winner, second = search.ranked[:2]
    n = search.effective if winner.balanced_error is not None and search.effective else search.validation
    return (second.judged or 0.0) <= error_interval(round((winner.judged or 0.0) * n), n)[1]
