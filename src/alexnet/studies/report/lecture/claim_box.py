"""A claim on the lecture's page: its verdict, difference, arms, published results and the command. Independent of HTML but for emphasis."""

import math
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from alexnet.i18n.places import data_name
from alexnet.i18n.units import MISSING, count, percent
from alexnet.studies.answers import Answer, Result, Word
from alexnet.studies.claim import GRADIENTS, RATIOS, TARGET_ERROR, Measure
from alexnet.studies.preconditions import TRAINED
from alexnet.studies.report.arm_view import ArmView
from alexnet.studies.report.layer_plots import layer_plots
from alexnet.studies.report.lecture.arm_rows import ArmRow, arm_rows, common_axis
from alexnet.studies.report.outcome_text import also_sentences
from alexnet.studies.report.phrases import StudyWords
from alexnet.studies.report.plots import interval_mark

STYLES: dict[Word, tuple[str, str]] = {  # symbol, CSS class
    "holds": ("✓", "holds"),
    "reversed": ("✗", "reversed"),
    "no-difference": ("≈", "same"),
    "too-few": ("○", "unshown"),
    "cannot-be-judged": ("◌", "none"),
    "does-not-apply": ("–", "none"),
    "not-measured": ("…", "none"),
}
HALVES: dict[Measure, float] = {  # of the small plots
    **dict.fromkeys(("error", "shifts", "probes"), 0.10),
    **dict.fromkeys(("epochs", "seconds"), math.log(2.5)),
    **dict.fromkeys(GRADIENTS, math.log(20)),
}
ABOUT_LAYERS = ("activation", "activation-gradients", "initialisation", "pooling-gradients", "probes")  # claims


@dataclass(frozen=True)
class ResultView:
    """One result of a claim in words."""

    result: Result
    words: StudyWords

    @property
    def badge(self) -> tuple[str, str, str]:
        """The verdict as a word, its symbol, its CSS class."""
        return badge(self.result.word, self.words)

    @property
    def whose(self) -> str:
        """Whose study it is."""
        return self.words.plain("lecture.yours" if self.result.yours else "lecture.ours")

    @property
    def conditions(self) -> str:
        """Data set, seeds, images."""
        report, effect = self.result.report, self.result.finding.effect
        dataset = data_name(report.dataset)
        return self.words.plain(
            "lecture.claim_on",
            dataset=self.words.plain("lecture.made_up", dataset=dataset) if report.made_up else dataset,
            seeds=self.words.seeds(effect.seeds if effect else report.seeds),
            n_train=self._trained_on(),
            images=count(effect.images if effect and effect.images else report.n_judged),
        )

    def _trained_on(self) -> str:
        finding = self.result.finding
        amounts = dict.fromkeys(finding.arm(side).n_train for side in (finding.better, finding.worse))
        return " / ".join(count(amount) for amount in amounts if amount) or count(self.result.report.n_train)

    @property
    def difference(self) -> Markup:
        """The effect and its interval; empty if there is none or it means nothing."""
        effect = self.result.finding.effect
        if effect is None or self.result.word == "does-not-apply":
            return Markup()
        return self.words.say("lecture.difference", difference=self.words.difference(effect), interval=self.words.interval(effect))

    @property
    def mark(self) -> Markup:
        """The interval as a small plot."""
        effect = self.result.finding.effect
        if effect is None or self.result.word == "does-not-apply":
            return Markup()
        return interval_mark(effect, HALVES[effect.measure], self.words)

    @property
    def detail(self) -> str:
        """What the verdict adds in a few words: by at least how much it holds, or how many more seeds would decide."""
        result = self.result
        return "" if result.word != result.finding.verdict else self.words.detail(result.finding, result.report.margin)

    @property
    def _arms(self) -> dict[str, ArmView]:
        finding = self.result.finding
        return {arm.name: ArmView(arm, self.words.arm(arm.name), place, self.words) for place, arm in enumerate(finding.arms)}

    @property
    def _still_falls(self) -> bool:
        """Whether a part of the network cannot be judged though it has few training errors: their number still falls."""
        arm, finding = self.result.arm, self.result.finding
        low = arm is not None and arm.training_error is not None and arm.training_error < TRAINED
        return low and self.result.reason == "underfits" and finding.needs == "fits"

    @property
    def reasons(self) -> list[str]:
        """Why it cannot be judged, how its version judged it, the same with patience or company, whether it stands among all claims."""
        result, sentences = self.result, list[str]()
        if result.word == "cannot-be-judged" and result.reason is not None:
            arm, training = ("", MISSING) if result.arm is None else (self.words.arm(result.arm.name), percent(result.arm.training_error))
            name = "lecture.reason_still-falls" if self._still_falls else f"lecture.reason_{result.reason}"
            sentences.append(self.words.plain(name, arm=arm, training=training))
        if result.before is not None:
            sentences.append(self.words.plain("lecture.judged_before", verdict=self.words.verdict(result.before)))
        sentences += also_sentences(result.finding, self._arms, self.words)
        if result.finding.holm is not None and result.word == result.finding.verdict:
            sentences.append(self.words.plain("study.holm_stands" if result.finding.holm else "study.holm_falls"))
        return sentences


@dataclass(frozen=True)
class ClaimBox:
    """A claim with all that is known about it."""

    answer: Answer
    words: StudyWords

    @property
    def anchor(self) -> str:
        """The id of its box."""
        return f"claim-{self.answer.study.claim}"

    @property
    def title(self) -> str:
        """The claim."""
        return self.words.claim(self.answer.study.claim)

    @property
    def badge(self) -> tuple[str, str, str]:
        """The verdict that counts."""
        return badge(self.answer.word, self.words)

    @cached_property
    def results(self) -> list[ResultView]:
        """Every result, the one that counts first."""
        return [ResultView(result, self.words) for result in self.answer.results]

    @property
    def main(self) -> ResultView | None:
        """The result that counts."""
        return self.results[0] if self.results else None

    @property
    def excluded(self) -> list[Markup]:
        """The studies whose images the claim does not apply to, each with its reason."""
        return [
            self.words.say("lecture.excluded", dataset=data_name(one.report.dataset), reason=self.words.foreign(one.reason))
            for one in self.answer.not_applicable
        ]

    @property
    def layer_plots(self) -> list[Markup]:
        """Of claims about layers: what was measured of each, if the study saved it."""
        if self.answer.study.claim not in ABOUT_LAYERS or not self.answer.results:
            return []
        arms = [(self.words.arm(arm.name), arm) for arm in self.answer.results[0].finding.arms]
        return layer_plots(self.anchor, arms, self.words)

    @property
    def command(self) -> str:
        """What measures the claim on the reader's images."""
        return f"alexnet study photos --claims {self.answer.study.claim} --budget 30m --out runs/study"

    @property
    def published(self) -> list[Markup]:
        """Published results with source and setting."""
        return [
            self.words.say(
                "lecture.published_one",
                what=self.words.published("published", one.name),
                source=self.words.foreign(one.source),
                setting=self.words.published("setting", one.setting),
            )
            for one in self.answer.study.published
        ]

    @property
    def measure(self) -> Measure:
        """What the claim compares."""
        return self.answer.study.measure

    @property
    def heads(self) -> tuple[str, str]:
        """The heads of the columns of what was measured, and of its seeds or interval."""
        if self.measure == "epochs":
            return self.words.plain("lecture.head_epochs", target=f"{TARGET_ERROR:.0%}"), self.words.plain("lecture.head_each")
        interval = self.words.plain("lecture.head_interval") if self.measure == "error" else ""
        return self.words.plain(f"lecture.head_{self.measure}"), interval

    @cached_property
    def arms(self) -> list[ArmRow]:
        """The arms of the result that counts."""
        return arm_rows(self.answer.results[0].finding, self.words) if self.answer.results else []

    @property
    def axis(self) -> str:
        """The ends of the arms' axis in words."""
        ends = common_axis(self.answer.results[0].finding) if self.answer.results else None
        if ends is None:
            return ""
        shares = self.measure not in RATIOS
        low, high = (f"{end:.0%}" if shares else f"{end:.2g}" for end in ends)
        return self.words.plain("lecture.axis_ends", low=low, high=high)


def badge(word: Word, words: StudyWords) -> tuple[str, str, str]:
    """A verdict as a word, its symbol, its CSS class."""
    return (words.plain(f"lecture.verdict_{word}"), *STYLES[word])
