"""The content of a comparison's page: its values as sentences, table rows and plots. Independent of HTML except for emphasis."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from markupsafe import Markup

from alexnet.comparison.analysis import choice_of, crossings_of
from alexnet.comparison.caveats import remarks_on
from alexnet.comparison.recommendation import probability
from alexnet.comparison.report.plots import Dot, Line, learning_curves, times
from alexnet.comparison.results import Arms, CellResult, Comparison, Pair, SystemResult
from alexnet.evaluation.paired_test import Paired
from alexnet.i18n.phrases import ENGLISH, PageWords, share
from alexnet.i18n.places import data_name, without_home
from alexnet.i18n.units import MISSING, count, percent


def points(difference: float) -> str:
    """A difference of errors: 0.0123 -> "+1.2"."""
    return f"{100 * difference:+.1f}".replace("-", "−")


@dataclass(frozen=True)
class CompareView:
    """A comparison as its template reads it."""

    comparison: Comparison
    words: PageWords = ENGLISH

    @cached_property
    def headline(self) -> Markup:
        """The recommendation in one sentence; the system is <strong>, the interval <small>."""
        chosen = next(one for one in self.systems if one.model == self.comparison.choice.model)
        low, high = chosen.interval
        return self.words.say(
            "compare.take_tested" if self.comparison.split == "test" else "compare.take_validated",
            dataset=data_name(self.comparison.dataset),
            model=chosen.model,
            right=percent(1 - chosen.error),
            n=count(chosen.images_judged),
            low=percent(1 - high),
            high=percent(1 - low),
        )

    @cached_property
    def _translations(self) -> dict[str, str]:
        return {} if self.words.lang == "en" else translations(self.comparison, self.words)

    def translated(self, sentence: str) -> str:
        """A sentence of the comparison in the page's language; unchanged if it cannot be translated."""
        return self._translations.get(sentence, sentence)

    @property
    def remarks(self) -> list[str]:
        """The caveats."""
        return [without_home(self.translated(remark)) for remark in self.comparison.remarks]

    @property
    def caution(self) -> str:
        """How far to trust the error of the recommended system."""
        return self.comparison.caution_in(self.words)

    @cached_property
    def systems(self) -> list[SystemResult]:
        """The systems at the largest share of the training images, lowest error first."""
        return self.comparison.largest

    @property
    def several_seeds(self) -> bool:
        """Whether there is a spread over seeds to show."""
        return any(system.spread is not None for system in self.systems)

    @property
    def worst_error(self) -> float:
        """The error that the longest bar stands for."""
        return max(system.error for system in self.systems)

    @property
    def fractions(self) -> list[float]:
        """The shares of the training images at which any system has a result, ascending."""
        return sorted({system.fraction for system in self.comparison.systems})

    @cached_property
    def amounts(self) -> list[tuple[str, str]]:
        """Each share with its images per class, as text."""
        return [(share(fraction), self._per_class(fraction)) for fraction in self.fractions]

    @cached_property
    def by_amount(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Each system with its errors and intervals, one entry per share of the training images."""
        found = {(system.model, system.fraction): system for system in self.comparison.systems}
        return [
            (model, [self._error_cell(found.get((model, fraction))) for fraction in self.fractions])
            for model in dict.fromkeys(system.model for system in self.systems) | dict.fromkeys(s.model for s in self.comparison.systems)
        ]

    @cached_property
    def plots(self) -> list[Markup]:
        """Error against images per class (given two shares or more), and against training time."""
        drawn = [times("times", self._lines(times=True), self.words)]
        return [learning_curves("amounts", self._lines(times=False), self.words), *drawn] if len(self.fractions) > 1 else drawn

    def _lines(self, *, times: bool) -> list[Line]:
        order = [model for model in self.comparison.request.models if any(one.model == model for one in self.comparison.systems)]
        lines = []
        for place, model in enumerate(order):
            rows = sorted((one for one in self.comparison.systems if one.model == model), key=lambda one: one.fraction)
            dots = [Dot(one.train_seconds if times else one.images_per_class, one.error, *one.interval) for one in rows]
            lines.append(Line(model, rows[0].kind, place, [Dot(max(dot.x, 1e-3), dot.error, dot.low, dot.high) for dot in dots]))
        return lines

    @cached_property
    def pairs(self) -> list[tuple[str, str, list[list[str]]]]:
        """Per share of the training images, largest first: the share, images per class, and the paired tests as rows."""
        return [
            (share(fraction), self._per_class(fraction), rows)
            for fraction in reversed(self.fractions)
            if (rows := [self._pair_row(pair) for pair in self.comparison.pairs if pair.fraction == fraction])
        ]

    @cached_property
    def arms(self) -> list[tuple[Arms, list[str]]]:
        """The three arms at each share, largest first, with a sentence on the effect of each step."""
        ordered = sorted(self.comparison.arms, key=lambda arms: -arms.fraction)
        return [(arms, self._arms_sentences(arms)) for arms in ordered]

    @cached_property
    def cells(self) -> list[tuple[CellResult, str | None]]:
        """Every cell, with a link to its own report if there is one."""
        return [(cell, self._link(cell)) for cell in self.comparison.cells]

    def _link(self, cell: CellResult) -> str | None:
        """The link to a cell's report, relative to the page so that the folder can be moved."""
        if cell.report is None or not Path(cell.report).is_relative_to(self.comparison.run):
            return None
        return quote(str(PurePosixPath(Path(cell.report).relative_to(self.comparison.run))), errors="replace")

    def _per_class(self, fraction: float) -> str:
        """Images per class at that share, as text."""
        amount = next(system.images_per_class for system in self.comparison.systems if system.fraction == fraction)
        return self.words.number(round(amount) if amount >= 10 else amount)

    def _error_cell(self, system: SystemResult | None) -> tuple[str, str]:
        """An error and its interval as text."""
        return (MISSING, "") if system is None else (percent(system.error), self.words.between(*system.interval))

    def _pair_row(self, pair: Pair) -> list[str]:
        """First, second, difference, interval, wrong alone (first / second), p, verdict."""
        test = pair.test
        low, high = test.interval
        alone = f"{count(test.first_only)} / {count(test.second_only)}"
        between = self.words.plain("report.between", low=points(low), high=points(high))
        return [pair.first, pair.second, points(test.difference), between, alone, probability(test.p, self.words), self._verdict(pair)]

    def _verdict(self, pair: Pair) -> str:
        """The better system, if the test shows one."""
        if not pair.test.shown:
            return self.words.plain("compare.verdict_none")
        return self.words.plain("compare.verdict_ahead", model=pair.first if pair.test.difference < 0 else pair.second)

    def _arms_sentences(self, arms: Arms) -> list[str]:
        fixed, frozen, joint = map(percent, arms.errors)
        learned = {"first": fixed, "hand_crafted": arms.hand_crafted, "second": frozen, "frozen": arms.frozen}
        together = {"first": frozen, "second": joint, "network": arms.network}
        return [
            self.words.plain("compare.arms_learned", shown=self._shown(arms.learned), **learned),
            self.words.plain("compare.arms_together", shown=self._shown(arms.together), **together),
        ]

    def _shown(self, test: Paired | None) -> str:
        if test is None:
            return self.words.plain("compare.arms_unjudged")
        p = probability(test.p, self.words)
        if not test.shown:
            return self.words.plain("compare.arms_not_shown", p=p)
        return self.words.plain("compare.arms_surely" if test.p < 0.001 else "compare.arms_shown", p=p)


def translations(comparison: Comparison, words: PageWords) -> dict[str, str]:
    """English sentence -> the sentence in that language, for all sentences that can be rebuilt from the comparison's figures.

    Missing are those that need more than the figures (images that not all systems judged, why a cell failed) and those that another
    version of the program worded differently; they stay in English.
    """
    return dict(zip(_sentences(comparison, ENGLISH), _sentences(comparison, words), strict=True))


def _sentences(comparison: Comparison, words: PageWords) -> Iterator[str]:
    yield choice_of(comparison.systems, comparison.pairs, words).reason
    for crossing in crossings_of(comparison.systems, comparison.pairs, words):
        yield crossing.sentence
    yield from remarks_on(comparison.request, comparison.cells, comparison.pairs, {}, comparison.seconds, words)
