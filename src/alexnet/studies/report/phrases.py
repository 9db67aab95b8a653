"""Short texts of a study: verdicts, differences, ratios, names of claims and arms. Independent of pages and runs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from markupsafe import Markup, escape

from alexnet.evaluation.seed_statistics import LARGEST_RATIO
from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import say, table
from alexnet.i18n.units import MISSING, finite, readable
from alexnet.studies.findings import Effect, Finding, Verdict

VERDICTS: dict[Verdict, tuple[str, str, str]] = {  # message, symbol, CSS class
    "holds here": ("study.holds", "✓", "holds"),
    "not shown": ("study.unshown", "○", "unshown"),
    "reversed here": ("study.reversed", "✗", "reversed"),
    "no result": ("study.no_result", MISSING, "none"),
}
COARSE = 0.01  # intervals smaller than this error are shown in points with a second decimal
HIDDEN = 0.0005  # smaller errors would be shown as "0.0" points
CLOSING = ".。"  # dropped from the end of a claim that serves as a title


@dataclass(frozen=True, slots=True)
class StudyWords(PageWords):
    """The text of a study in one language."""

    def claim(self, name: str) -> str:
        """The claim as a sentence, without its full stop; its name if it has no message."""
        return self._of(f"claims.{name}-claim", name).rstrip(CLOSING)

    def question(self, name: str) -> str:
        """The claim as a question; empty if it has no message."""
        return self._of(f"claims.{name}-question", "")

    def arm(self, name: str) -> str:
        """The description of an arm; its name if it has no message."""
        return self._of(f"claims.arm-{name}", name)

    def fair(self, name: str) -> str:
        """What keeps the comparison with the arm fair; the name if it has no message."""
        return self._of(f"claims.fair-{name}", name)

    def published(self, kind: str, name: str) -> Markup:
        """What was published (kind "published"), or what it was measured on ("setting")."""
        return escape(self._of(f"claims.{kind}-{name}", name))

    def _of(self, message: str, otherwise: str) -> str:
        return readable(say(message, self.lang) if message in table() else otherwise)

    def foreign(self, text: str) -> Markup:
        """Text that stays in English on a page in any language, marked as English."""
        return escape(readable(text)) if self.lang == "en" else Markup('<span lang="en">{}</span>').format(readable(text))

    def verdict(self, verdict: Verdict) -> str:
        """The verdict: "holds here", "not shown", "reversed here" or "no result"."""
        return self.plain(VERDICTS[verdict][0])

    def difference(self, effect: Effect | None) -> str:
        """The effect with its unit: "+1.2 points", or "2.31 times" for epochs."""
        if effect is None:
            return MISSING
        if effect.measure == "epochs":
            return self.plain("study.times", factor=factor(effect.difference))
        return self.plain("study.points", points=bare(effect))

    def interval(self, effect: Effect) -> str:
        """The interval of the effect: "+0.3 to +2.1", or "1.9 to 2.8" for epochs."""
        low, high = _ends(effect)
        return self.plain("study.plus_minus", low=low, high=high)

    def seeds(self, n: int) -> str:
        """The number of seeds: "3 seeds"."""
        return self.plain("study.seeds_one") if n == 1 else self.plain("study.seeds_many", n=n)

    def sentences(self, parts: Iterable[Markup]) -> Markup:
        """The sentences joined; empty ones are omitted."""
        sentences = [part for part in parts if part]
        return (
            reduce(lambda first, second: self.say("study.two_sentences", first=first, second=second), sentences) if sentences else Markup()
        )

    def line(self, finding: Finding) -> str:
        """The result of a claim as one line of plain text."""
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
    """An end of the interval of a ratio; an unbounded end is shown as ≥ or ≤."""
    if end >= LARGEST_RATIO:
        return f"≥{LARGEST_RATIO:.0f}"
    return f"≤{1 / LARGEST_RATIO:g}" if end <= 1 / LARGEST_RATIO else factor(end)


def _digits(effect: Effect) -> int:
    """Decimals of points: one, or two if one could not be distinguished from zero."""
    values = [abs(value) for value in (effect.difference, *effect.interval)]
    return 2 if max(values) < COARSE or any(0 < value < HIDDEN for value in values) else 1


def points(share: object, digits: int = 1) -> str:
    """A difference of errors in points: 0.0123 -> "+1.2"; zero is "0.0"."""
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
