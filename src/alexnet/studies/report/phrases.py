"""Short texts of a study: verdicts, differences, ratios, names of claims and arms. Independent of pages and runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from markupsafe import Markup, escape

from alexnet.evaluation.seed_ratio import LARGEST_RATIO
from alexnet.i18n.phrases import PageWords
from alexnet.i18n.translate import say, table
from alexnet.i18n.units import MISSING, count, finite, readable
from alexnet.studies.claim import PATIENT
from alexnet.studies.findings import RATIO_MARGIN, Effect, Finding, Verdict

VERDICTS: dict[Verdict, tuple[str, str, str]] = {  # message, symbol, CSS class
    "holds": ("study.holds", "✓", "holds"),
    "reversed": ("study.reversed", "✗", "reversed"),
    "no-difference": ("study.same", "≈", "same"),
    "too-few": ("study.too_few", "○", "unshown"),
    "not-shown": ("study.unshown", "○", "unshown"),
    "cannot-be-judged": ("study.unjudged", MISSING, "none"),
    "does-not-apply": ("study.not_applicable", MISSING, "none"),
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

    def use(self, claim: str) -> Markup:
        """What to do with the result of a claim, as HTML; empty if there is no message."""
        return self.say(f"claims.{claim}-use") if f"claims.{claim}-use" in table() else Markup()

    def arm(self, name: str) -> str:
        """The description of an arm; its name if it has no message."""
        plain = name.removesuffix(PATIENT)
        if plain != name and "claims.patient" in table():
            return self.plain("claims.patient", arm=self.arm(plain))
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
        """The verdict: "holds here", "reversed here" and so on."""
        return self.plain(VERDICTS[verdict][0])

    def detail(self, finding: Finding, margin: float) -> str:
        """What a verdict adds in a few words: by at least how much, or what is missing; empty for verdicts of earlier versions."""
        effect, verdict = finding.effect, finding.verdict
        if verdict == "cannot-be-judged" and finding.reason is not None:
            return self.plain(f"study.short_{finding.reason.replace('-', '_')}")
        if effect is None:
            return ""
        if verdict == "no-difference":
            return self._within(effect, margin)
        if verdict == "too-few":
            return self.more(finding.more or {})
        return self._at_least(effect) if verdict in {"holds", "reversed"} else ""

    def _within(self, effect: Effect, margin: float) -> str:
        if effect.is_ratio:
            return self.plain("study.within_times", factor=factor(RATIO_MARGIN))
        return self.plain("study.within_points", points=f"{100 * margin:g}")

    def _at_least(self, effect: Effect) -> str:
        """The end of the interval that is nearest to no effect."""
        low, high = effect.interval
        if effect.is_ratio:
            return self.plain("study.at_least_times", factor=factor(low if low > 1 else 1 / high))
        return self.plain("study.at_least_points", points=points(min(abs(low), abs(high)), _digits(effect)).lstrip("+"))

    def more(self, more: Mapping[str, int | None]) -> str:
        """How many more seeds, or else images, would decide; seeds come first, because images are harder to get."""
        seeds, images = more.get("seeds"), more.get("images")
        if seeds is not None:
            return self.plain("study.more_seed" if seeds == 1 else "study.more_seeds", n=seeds)
        return self.plain("study.more_neither") if images is None else self.plain("study.more_images", n=count(images))

    def difference(self, effect: Effect | None) -> str:
        """The effect with its unit: "+1.2 points", or "2.31 times" for epochs."""
        if effect is None:
            return MISSING
        if effect.is_ratio:
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

    def line(self, finding: Finding, margin: float) -> str:
        """The result of a claim as one line of plain text."""
        verdict, detail = self.verdict(finding.verdict), self.detail(finding, margin)
        verdict = self.plain("study.verdict_detail", verdict=verdict, detail=detail) if detail else verdict
        claim = self.claim(finding.claim)
        if finding.effect is None:
            return self.plain("study.line_nothing", claim=claim, verdict=verdict)
        return self.plain("study.line", result=self._result(finding.effect), claim=claim, verdict=verdict)

    def _result(self, effect: Effect) -> str:
        interval = self.interval(effect)
        if effect.is_ratio:
            return self.plain(f"study.line_{effect.measure}", factor=factor(effect.difference), interval=interval)
        kind = effect.measure
        if effect.difference < 0:
            effect = replace(effect, difference=-effect.difference, interval=(-effect.interval[1], -effect.interval[0]))
            return self.plain(f"study.line_{kind}_more", points=bare(effect).lstrip("+"), interval=self.interval(effect))
        return self.plain(f"study.line_{kind}_less", points=bare(effect).lstrip("+"), interval=interval)


def bare(effect: Effect) -> str:
    """The effect as a number without its unit: "+1.2" points, or "2.31" times."""
    return factor(effect.difference) if effect.is_ratio else points(effect.difference, _digits(effect))


def _ends(effect: Effect) -> tuple[str, str]:
    low, high = effect.interval
    if effect.is_ratio:
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
