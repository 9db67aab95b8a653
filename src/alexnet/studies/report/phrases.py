"""What a study says in few words: verdicts, differences, ratios, the names of claims and arms. Knows no page and no run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from markupsafe import Markup, escape

from alexnet.evaluation.seed_statistics import LARGEST_RATIO
from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import say, table
from alexnet.i18n.units import MISSING, finite, readable
from alexnet.studies.findings import Effect, Finding, Verdict

VERDICTS: dict[Verdict, tuple[str, str, str]] = {  # message, symbol, class of the page
    "holds here": ("study.holds", "✓", "holds"),
    "not shown": ("study.unshown", "○", "unshown"),
    "reversed here": ("study.reversed", "✗", "reversed"),
    "no result": ("study.no_result", MISSING, "none"),
}
COARSE = 0.01  # of error: a smaller interval needs a second digit of points
HIDDEN = 0.0005  # of error: less is "0.0" points
CLOSING = ".。"  # the end of a claim, which is a title here


@dataclass(frozen=True, slots=True)
class StudyWords(PageWords):
    """The words of a study in one language."""

    def claim(self, name: str) -> str:
        """The claim as a sentence, without its full stop; its bare name where it has no message."""
        return self._of(f"claims.{name}-claim", name).rstrip(CLOSING)

    def question(self, name: str) -> str:
        """The claim as a question; empty where it has no message."""
        return self._of(f"claims.{name}-question", "")

    def arm(self, name: str) -> str:
        """An arm as a reader knows it; its bare name where it has no message."""
        return self._of(f"claims.arm-{name}", name)

    def fair(self, name: str) -> str:
        """What is done so that the arm's comparison is fair; the bare name where it has no message."""
        return self._of(f"claims.fair-{name}", name)

    def published(self, kind: str, name: str) -> Markup:
        """What others have found (kind "published") or on what ("setting")."""
        return escape(self._of(f"claims.{kind}-{name}", name))

    def _of(self, message: str, otherwise: str) -> str:
        return readable(say(message, self.lang) if message in table() else otherwise)

    def foreign(self, text: str) -> Markup:
        """Words that are kept in English on a page of any language, marked as such."""
        return escape(readable(text)) if self.lang == "en" else Markup('<span lang="en">{}</span>').format(readable(text))

    def verdict(self, verdict: Verdict) -> str:
        """The verdict: "holds here", "not shown", "reversed here" or "no result"."""
        return self.plain(VERDICTS[verdict][0])

    def difference(self, effect: Effect | None) -> str:
        """The effect with its unit: "+1.2 points", or for epochs "2.31 times"."""
        if effect is None:
            return MISSING
        if effect.measure == "epochs":
            return self.plain("study.times", factor=factor(effect.difference))
        return self.plain("study.points", points=bare(effect))

    def interval(self, effect: Effect) -> str:
        """The effect's interval: "+0.3 to +2.1", or for epochs "1.9 to 2.8"."""
        low, high = _ends(effect)
        return self.plain("study.plus_minus", low=low, high=high)

    def seeds(self, n: int) -> str:
        """How many seeds: "3 seeds"."""
        return self.plain("study.seeds_one") if n == 1 else self.plain("study.seeds_many", n=n)

    def sentences(self, parts: Iterable[Markup]) -> Markup:
        """Sentences one behind the other; empty ones are left out."""
        said = [part for part in parts if part]
        return reduce(lambda first, second: self.say("study.two_sentences", first=first, second=second), said) if said else Markup()

    def line(self, finding: Finding) -> str:
        """A claim's end in one line of plain text."""
        figures = {"claim": self.claim(finding.claim), "verdict": self.verdict(finding.verdict)}
        return self.plain("study.line", result=self._result(finding), **figures)

    def _result(self, finding: Finding) -> str:
        effect = finding.effect
        if effect is None or finding.verdict == "no result":
            return self.plain("study.line_nothing")
        interval = self.interval(effect)
        if effect.measure == "epochs":
            return self.plain("study.line_epochs", factor=factor(effect.difference), interval=interval)
        if effect.difference < 0:
            effect = replace(effect, difference=-effect.difference, interval=(-effect.interval[1], -effect.interval[0]))
            return self.plain("study.line_error_more", points=bare(effect).lstrip("+"), interval=self.interval(effect))
        return self.plain("study.line_error_less", points=bare(effect).lstrip("+"), interval=interval)


def bare(effect: Effect) -> str:
    """The effect as a number without its unit: "+1.2" points, or "2.31" times."""
    return factor(effect.difference) if effect.measure == "epochs" else points(effect.difference, _digits(effect))


def _ends(effect: Effect) -> tuple[str, str]:
    low, high = effect.interval
    if effect.measure == "epochs":
        return _open_or(low), _open_or(high)
    return points(low, _digits(effect)), points(high, _digits(effect))


def _open_or(end: float) -> str:
    """The end of a ratio's interval; one that nothing bounds is said as such."""
    if end >= LARGEST_RATIO:
        return f"≥{LARGEST_RATIO:.0f}"
    return f"≤{1 / LARGEST_RATIO:g}" if end <= 1 / LARGEST_RATIO else factor(end)


def _digits(effect: Effect) -> int:
    """One, or two where with one nothing could be told from zero."""
    values = [abs(value) for value in (effect.difference, *effect.interval)]
    return 2 if max(values) < COARSE or any(0 < value < HIDDEN for value in values) else 1


def points(share: object, digits: int = 1) -> str:
    """A difference of errors: 0.0123 -> "+1.2"; nothing at all is "0.0"."""
    if (known := finite(share)) is None:
        return MISSING
    text = f"{100 * known:+.{digits}f}".replace("-", "−")
    return text if float(text[1:]) else text[1:]


def factor(value: object) -> str:
    """A ratio with three digits: 2.3071 -> "2.31", 12.34 -> "12.3", 1 -> "1.00"."""
    if (known := finite(value)) is None:
        return MISSING
    return f"{known:.2f}" if 0.1 <= known < 10 else f"{known:.1f}" if 10 <= known < 100 else f"{known:.3g}"


def ratio(value: object) -> str:
    """A cost as a ratio: 1.306 -> "×1.31"."""
    return MISSING if finite(value) is None else f"×{factor(value)}"
