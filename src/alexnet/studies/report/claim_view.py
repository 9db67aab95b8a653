"""The content of one claim's section: its paragraph, table rows and plots. Independent of HTML except for emphasis."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from alexnet.i18n.places import data_name
from alexnet.i18n.units import MISSING, count, finite, readable
from alexnet.studies.findings import Finding, StudyReport, Verdict
from alexnet.studies.report.arm_view import ArmView, helped_and_hurt
from alexnet.studies.report.gist import gist
from alexnet.studies.report.layer_plots import layer_plots
from alexnet.studies.report.outcome_text import TARGET, also_sentences, outcome_sentences
from alexnet.studies.report.phrases import VERDICTS, StudyWords, factor, points
from alexnet.studies.report.plots import (
    Band,
    CostDot,
    band,
    cost_against_error,
    training_curves,
)

SAME = 0.02  # costs that differ by less count as equal
UNLIKE_PUBLISHED: dict[Verdict, str] = {
    **dict.fromkeys(("no-difference", "too-few", "not-shown"), "study.differs_unshown"),
    "reversed": "study.differs_reversed",
}
COSTS = {
    "seconds": "study.cost_time",
    "memory": "study.cost_memory",
    "parameters": "study.cost_parameters",
    "macs": "study.cost_macs",
}


@dataclass(frozen=True)
class ClaimView:
    """One finding as its template reads it. number: its place on the page, from 1."""

    finding: Finding
    report: StudyReport
    words: StudyWords
    number: int

    @property
    def anchor(self) -> str:
        """The id of its section."""
        plain = re.fullmatch(r"[a-z][a-z0-9-]*", self.finding.claim)
        return f"claim-{self.finding.claim if plain else self.number}"

    @property
    def title(self) -> str:
        """The claim."""
        return self.words.claim(self.finding.claim)

    @property
    def question(self) -> str:
        """The claim as a question; empty if there is none."""
        return self.words.question(self.finding.claim)

    @property
    def section(self) -> Markup:
        """The section of the paper, or whose question it is."""
        section = readable(self.finding.section)
        if section[:1].isdigit():
            return self.words.say("study.section_of", section=section)
        return self.words.say("study.asked_by", section=self.words.foreign(section))

    @property
    def verdict(self) -> tuple[str, str, str]:
        """The verdict as a word, its symbol, and its CSS class."""
        _, symbol, kind = VERDICTS[self.finding.verdict]
        return self.words.verdict(self.finding.verdict), symbol, kind

    @property
    def detail(self) -> str:
        """What the verdict adds: by at least how much, or what is missing."""
        return self.words.detail(self.finding, self.report.margin)

    @property
    def difference(self) -> tuple[str, str]:
        """The effect with its unit, and its interval."""
        effect = self.finding.effect
        return (MISSING, "") if effect is None else (self.words.difference(effect), self.words.interval(effect))

    @property
    def published(self) -> list[tuple[Markup, Markup, Markup]]:
        """Published results: what was found, source, setting."""
        return [
            (self.words.published("published", one.name), self.words.foreign(one.source), self.words.published("setting", one.setting))
            for one in self.finding.published
        ]

    @cached_property
    def arms(self) -> list[ArmView]:
        """The arms in the study's order, each with its marker."""
        return [
            ArmView(arm, self.words.arm(arm.name), place, self.words, self.finding.measure) for place, arm in enumerate(self.finding.arms)
        ]

    @property
    def first(self) -> ArmView:
        """The arm that the others are compared with."""
        return self.arms[0]

    def _side(self, name: str) -> ArmView:
        return next(arm for arm in self.arms if arm.found.name == name)

    @property
    def _by_name(self) -> dict[str, ArmView]:
        return {arm.found.name: arm for arm in self.arms}

    @property
    def _sides(self) -> tuple[ArmView, ArmView]:
        """The arms that the claim is about: the one that should be better, and the other."""
        return self._side(self.finding.better), self._side(self.finding.worse)

    @property
    def _seeds(self) -> int:
        """The seeds of the two arms that the claim is about."""
        return max(len(arm.found.errors) for arm in self._sides)

    @property
    def several_amounts(self) -> bool:
        """Whether the arms had different numbers of training images."""
        return len({arm.found.n_train for arm in self.arms}) > 1

    @property
    def searched(self) -> bool:
        """Whether the learning rate of any arm was searched."""
        return any(arm.found.rates for arm in self.arms)

    @property
    def failed(self) -> bool:
        """Whether any run of any arm has failed."""
        return any(arm.found.failures for arm in self.arms)

    @cached_property
    def paragraph(self) -> Markup:
        """What the result means (of a single claim it is below the title), what was compared, the result, cost, published results."""
        parts = [
            *(gist(self.finding, self.words, margin=self.report.margin) if len(self.report.findings) > 1 else []),
            self._compared(),
            *outcome_sentences(self.finding, self._by_name, self.report, self.words),
            *also_sentences(self.finding, self._by_name, self.words),
            *self._missed(),
            self._price(),
            *self._published(),
            self._differs(),
        ]
        return self.words.sentences(parts)

    def _compared(self) -> Markup:
        (better, worse), effect = self._sides, self.finding.effect
        amounts = dict.fromkeys(count(arm.found.n_train) for arm in (better, worse) if arm.found.n_train)
        return self.words.say(
            "study.compared_test" if self.finding.judged == "test" else "study.compared_validation",
            better=better.name,
            worse=worse.name,
            dataset=data_name(self.report.dataset),
            seeds=self.words.seeds(self._seeds),
            n_train=" / ".join(amounts) or count(self.report.n_train),
            images=count(effect.images if effect and effect.images else self.report.n_judged),
        )

    def _missed(self) -> list[Markup]:
        if self.finding.measure != "epochs":
            return []
        return [
            self.words.say("study.not_reached", arm=arm.name, target=TARGET, missed=arm.missed, all=len(arm.found.errors))
            for arm in self._sides
            if arm.missed
        ]

    def _price(self) -> Markup:
        known = {name: value for name in COSTS if (value := finite(self.finding.cost.get(name))) is not None}
        if not known:
            return Markup()
        other = [self.words.plain(COSTS[name], ratio=factor(value)) for name, value in known.items() if abs(value - 1) >= SAME]
        if not other:
            return self.words.say("study.costs_equal", percent=f"{SAME:.0%}")
        return self.words.say("study.costs", costs=self.words.plain("report.counted_comma").join(other))

    def _published(self) -> list[Markup]:
        if not self.finding.published:
            return [self.words.say("study.unpublished")]
        return [self.words.say("study.published", what=what, source=source, setting=setting) for what, source, setting in self.published]

    def _differs(self) -> Markup:
        name = UNLIKE_PUBLISHED.get(self.finding.verdict)
        if name is None or not any(one.supports for one in self.finding.published):
            return Markup()
        scale, settings = self.report.scale, dict.fromkeys(setting for _, _, setting in self.published)
        figures = {name: self.words.number(scale.get(name)) for name in ("size", "width", "epochs")}
        there = self.words.plain("report.semicolon").join(settings)
        return self.words.say(name, n_train=count(self.report.n_train), settings=Markup(there), **figures)  # noqa: S704  # escaped

    @cached_property
    def plots(self) -> list[Markup]:
        """Training curves, and cost against error; each only if there is something to draw."""
        drawn = []
        if bands := self._bands():
            drawn.append(training_curves(f"{self.anchor}-curves", bands, self.words))
        if dots := self._dots():
            drawn.append(cost_against_error(f"{self.anchor}-cost", dots, self.words))
        return drawn

    def _bands(self) -> list[Band]:
        found = [band(arm.name, arm.place, arm.found.curves, validation=validation) for arm in self.arms for validation in (False, True)]
        return [one for one in found if one is not None]

    def _dots(self) -> list[CostDot]:
        return [
            CostDot(arm.name, arm.place, seconds, error, arm.found.interval)
            for arm in self.arms
            if (seconds := finite(arm.found.seconds)) is not None and (error := finite(arm.found.mean)) is not None
        ]

    @property
    def head_against(self) -> str:
        """The message over the column in which arms are compared with the first one."""
        return "study.head_against" if self.finding.measure == "error" else f"study.head_against_{self.finding.measure}"

    @property
    def target(self) -> str:
        """The training error to reach, in studies that measure epochs."""
        return TARGET

    @property
    def target_rows(self) -> list[ArmView]:
        """The arms, in a study that measures epochs."""
        return self.arms if self.finding.measure == "epochs" else []

    @property
    def longest(self) -> tuple[float, float]:
        """The values of the longest bars: epochs and seconds to the target."""
        return (
            max((arm.epochs or 0.0 for arm in self.arms), default=0.0),
            max((arm.found.seconds_to_target or 0.0 for arm in self.arms), default=0.0),
        )

    @cached_property
    def layer_plots(self) -> list[Markup]:
        """Gradients and outputs of each layer before training; in claims that ask for them, gradients during training and probes."""
        named = [(arm.name, arm.found) for arm in self.arms]
        return layer_plots(self.anchor, named, self.words)

    @property
    def about_layers(self) -> bool:
        """Whether the study is about the layers; if so, these plots are shown open."""
        changed = any(name in {"network.initialisation", "network.activation"} for arm in self.arms for name in arm.found.changes)
        return changed or self.finding.measure == "probes"

    @cached_property
    def class_rows(self) -> list[tuple[ArmView, list[str], list[str]]]:
        """Each arm with the classes that it improves and worsens most compared with the first arm."""
        rows = []
        for arm in self.arms[1:]:
            helped, hurt = helped_and_hurt(self.first.found, arm.found)
            if helped or hurt:
                rows.append((arm, self._classes(helped), self._classes(hurt)))
        return rows

    def _classes(self, changes: Sequence[tuple[str, float]]) -> list[str]:
        return [self.words.plain("study.class_change", class_name=readable(name), points=points(change)) for name, change in changes]

    @property
    def about_classes(self) -> bool:
        """Whether the study is about augmentation; if so, its classes are shown open."""
        return any(name.startswith("augment.") for arm in self.arms for name in arm.found.changes)
