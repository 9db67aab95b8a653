"""The content of one arm: its name and marker, its seeds, what it changes, which classes it improves. Independent of HTML."""

import json
from dataclasses import dataclass
from statistics import fmean

from alexnet.i18n.units import MISSING, percent
from alexnet.pages.palette import SeriesStyle
from alexnet.studies.claim import Measure
from alexnet.studies.findings import ArmFound
from alexnet.studies.outcome import RateTried, best_rate
from alexnet.studies.report.phrases import StudyWords, bare

MOST_CLASSES = 3  # listed as improved, and as worsened


@dataclass(frozen=True, slots=True)
class ArmView:
    """An arm with its name in words and its place among the markers of the plots."""

    found: ArmFound
    name: str
    place: int
    words: StudyWords
    measure: Measure = "error"

    @property
    def style(self) -> SeriesStyle:
        """The arm's colour and marker in text and plots."""
        return SeriesStyle(self.place)

    @property
    def seeds(self) -> list[str]:
        """The error of each seed, or that its run failed."""
        return [self.words.plain("study.run_failed") if error is None else percent(error) for error in self.found.errors]

    @property
    def against(self) -> tuple[str, str]:
        """The difference from the first arm, and its interval."""
        effect = self.found.against
        return (MISSING, "") if effect is None else (bare(effect), self.words.interval(effect))

    @property
    def interval(self) -> str:
        """The interval of the mean error."""
        return "" if self.found.interval is None else self.words.between(*self.found.interval)

    @property
    def changes(self) -> list[str]:
        """The changed fields, as in a recipe."""
        return [f"{name} = {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in self.found.changes.items()]

    @property
    def rates(self) -> list[tuple[str, bool]]:
        """The learning rates of the search with what they led to, and whether it is the rate that the arm has."""
        if not self.found.rates:
            return []
        best = best_rate(self.found.rates, self.measure)
        return [(self._rate(one), one.rate == best) for one in self.found.rates]

    def _rate(self, one: RateTried) -> str:
        if self.measure == "epochs":
            epochs = self.words.plain("study.never") if one.epochs_to_target is None else f"{one.epochs_to_target:.1f}"
            return self.words.plain("study.rate_epochs", rate=f"{one.rate:g}", epochs=epochs)
        error = self.words.plain("study.run_failed") if one.validation_error is None else percent(one.validation_error)
        return self.words.plain("study.rate_tried", rate=f"{one.rate:g}", error=error)

    @property
    def epochs(self) -> float | None:
        """Epochs to the target, mean over the seeds that reached it."""
        reached = [epochs for epochs in self.found.epochs_to_target if epochs is not None]
        return fmean(reached) if reached else None

    @property
    def each_epochs(self) -> list[str]:
        """Epochs to the target of each seed."""
        return [self.words.plain("study.never") if epochs is None else f"{epochs:.1f}" for epochs in self.found.epochs_to_target]

    @property
    def missed(self) -> int:
        """The number of runs that succeeded but did not reach the target."""
        return sum(
            epochs is None and error is not None for epochs, error in zip(self.found.epochs_to_target, self.found.errors, strict=False)
        )


def helped_and_hurt(first: ArmFound, arm: ArmFound) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Classes with the change in their error from the first arm: the largest decreases, and the largest increases; ties in their order."""
    changes = {name: error - first.per_class[name] for name, error in arm.per_class.items() if name in first.per_class}
    ordered = sorted(changes.items(), key=lambda pair: round(pair[1], 9))
    helped = [pair for pair in ordered if pair[1] < 0][:MOST_CLASSES]
    return helped, [pair for pair in reversed(ordered) if pair[1] > 0][:MOST_CLASSES]
