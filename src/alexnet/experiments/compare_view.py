"""What the page of a comparison says: its values as sentences, table rows and plots. Knows no HTML but emphasis."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from markupsafe import Markup

from alexnet.experiments.choice import probability
from alexnet.experiments.compare_plots import Dot, Line, learning_curves, times
from alexnet.experiments.comparison import Arms, CellResult, Comparison, Pair, SystemResult
from alexnet.experiments.paired import Paired
from alexnet.experiments.words import MISSING, count, finite, number, percent, readable

_HEADLINE = Markup(
    "For {}, take <strong>{}</strong>: it names {} of {} {} pictures correctly <small>(between {} and {}, 95% interval)</small>"
)
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(n_bytes: object) -> str:
    """12345678 -> "12.3 MB"."""
    if (known := finite(n_bytes)) is None:
        return MISSING
    return next((f"{known / unit:.3g} {word}" for unit, word in UNITS if known >= unit), f"{known:.0f} B")


def points(difference: float) -> str:
    """A difference of errors: 0.0123 -> "+1.2"."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def share(fraction: float) -> str:
    """A share of the training pictures: 0.1 -> "10%"."""
    return f"{100 * fraction:.3g}%"


@dataclass(frozen=True)
class CompareView:
    """What the template asks of a comparison."""

    comparison: Comparison

    @cached_property
    def headline(self) -> Markup:
        """The choice in one sentence; the name is <strong>, the interval <small>."""
        chosen = next(one for one in self.systems if one.model == self.comparison.choice.model)
        low, high = chosen.interval
        right, judged = percent(1 - chosen.error), count(chosen.pictures_judged)
        between = percent(1 - high), percent(1 - low)
        return _HEADLINE.format(readable(self.comparison.dataset), chosen.model, right, judged, self.comparison.split, *between)

    @cached_property
    def systems(self) -> list[SystemResult]:
        """The systems at the largest amount of pictures, lowest error first."""
        return self.comparison.largest

    @property
    def several_seeds(self) -> bool:
        """Whether there is a spread over seeds to show."""
        return any(system.spread is not None for system in self.systems)

    @property
    def worst_error(self) -> float:
        """The longest bar."""
        return max(system.error for system in self.systems)

    @property
    def fractions(self) -> list[float]:
        """The amounts at which any system has finished, rising."""
        return sorted({system.fraction for system in self.comparison.systems})

    @cached_property
    def amounts(self) -> list[tuple[str, str]]:
        """Each amount as share and pictures per class."""
        return [(share(fraction), _per_class(self.comparison.systems, fraction)) for fraction in self.fractions]

    @cached_property
    def by_amount(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Each system's errors with intervals, an entry per amount."""
        found = {(system.model, system.fraction): system for system in self.comparison.systems}
        return [
            (model, [_error_cell(found.get((model, fraction))) for fraction in self.fractions])
            for model in dict.fromkeys(system.model for system in self.systems) | dict.fromkeys(s.model for s in self.comparison.systems)
        ]

    @cached_property
    def plots(self) -> list[Markup]:
        """Error against pictures per class (with two amounts or more), and against training time."""
        drawn = [times("times", self._lines(times=True))]
        return [learning_curves("amounts", self._lines(times=False)), *drawn] if len(self.fractions) > 1 else drawn

    def _lines(self, *, times: bool) -> list[Line]:
        order = [model for model in self.comparison.words.models if any(one.model == model for one in self.comparison.systems)]
        lines = []
        for place, model in enumerate(order):
            rows = sorted((one for one in self.comparison.systems if one.model == model), key=lambda one: one.fraction)
            dots = [Dot(one.train_seconds if times else one.pictures_per_class, one.error, *one.interval) for one in rows]
            lines.append(Line(model, rows[0].kind, place, [Dot(max(dot.x, 1e-3), dot.error, dot.low, dot.high) for dot in dots]))
        return lines

    @cached_property
    def pairs(self) -> list[tuple[str, str, list[list[str]]]]:
        """Per amount, the largest first: share, pictures per class, and the paired tests as rows."""
        return [
            (share(fraction), _per_class(self.comparison.systems, fraction), rows)
            for fraction in reversed(self.fractions)
            if (rows := [_pair_row(pair) for pair in self.comparison.pairs if pair.fraction == fraction])
        ]

    @cached_property
    def arms(self) -> list[tuple[Arms, list[str]]]:
        """The three arms at each amount, the largest first, with the sentences that say what each step gives."""
        ordered = sorted(self.comparison.arms, key=lambda arms: -arms.fraction)
        return [(arms, _arms_sentences(arms)) for arms in ordered]

    @cached_property
    def cells(self) -> list[tuple[CellResult, str | None]]:
        """Every cell, with the link to its own report where there is one."""
        return [(cell, self._link(cell)) for cell in self.comparison.cells]

    def _link(self, cell: CellResult) -> str | None:
        """Relative to the page, so that the folder can be moved."""
        if cell.report is None or not Path(cell.report).is_relative_to(self.comparison.run):
            return None
        return quote(str(PurePosixPath(Path(cell.report).relative_to(self.comparison.run))))

    @cached_property
    def contents(self) -> list[tuple[str, str]]:
        """Anchor and short title of every section, in the page's order."""
        shown = (
            ("choice", "The choice", True),
            ("systems", "Systems", True),
            ("amounts", "Amounts of pictures", True),
            ("arms", "Three arms", self.arms),
            ("pairs", "Paired tests", self.pairs),
            ("cells", "Cells", True),
            ("repeat", "Repeat it", True),
            ("environment", "Environment", self.comparison.environment),
        )
        return [(anchor, title) for anchor, title, there in shown if there]


def _per_class(systems: Sequence[SystemResult], fraction: float) -> str:
    """Pictures per class at that amount, as a number."""
    amount = next(system.pictures_per_class for system in systems if system.fraction == fraction)
    return number(round(amount) if amount >= 10 else amount)


def _error_cell(system: SystemResult | None) -> tuple[str, str]:
    """An error and its interval as text."""
    if system is None:
        return MISSING, ""
    return percent(system.error), f"{percent(system.interval[0])} to {percent(system.interval[1])}"


def _pair_row(pair: Pair) -> list[str]:
    """First, second, difference, interval, wrong alone (first / second), p, verdict."""
    test = pair.test
    low, high = test.interval
    alone = f"{count(test.first_only)} / {count(test.second_only)}"
    between = f"{points(low)} to {points(high)}"
    return [pair.first, pair.second, points(test.difference), between, alone, probability(test.p), verdict(pair)]


def verdict(pair: Pair) -> str:
    """Who is ahead, if that is shown."""
    if not pair.test.shown:
        return "no difference shown"
    return f"{pair.first if pair.test.difference < 0 else pair.second} is ahead"


def _arms_sentences(arms: Arms) -> list[str]:
    fixed, frozen, joint = map(percent, arms.errors)
    learned = f"Learning the features takes the error from {fixed} ({arms.hand_crafted}) to {frozen} ({arms.frozen})"
    together = f"Training features and classifier together takes it from {frozen} to {joint} ({arms.network})"
    return [f"{learned}{_shown(arms.learned)}", f"{together}{_shown(arms.together)}"]


def _shown(test: Paired | None) -> str:
    if test is None:
        return "; no picture was judged by both."
    if not test.shown:
        return f"; no difference is shown (p = {probability(test.p)})."
    return f"; the difference is shown (p {'' if test.p < 0.001 else '= '}{probability(test.p)})."
