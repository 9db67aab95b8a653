"""The content of a study's page around its claims, and the lines for the terminal. Independent of HTML except for emphasis."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from markupsafe import Markup

from alexnet.i18n.phrases import share
from alexnet.i18n.translate import Lang
from alexnet.i18n.units import MISSING, count, finite, percent, readable, toml_text
from alexnet.studies.claim import Measure
from alexnet.studies.findings import Effect, Finding, StudyReport
from alexnet.studies.report.claim_view import TARGET, ClaimView
from alexnet.studies.report.phrases import StudyWords, ratio
from alexnet.studies.report.plots import interval_mark, reach, reach_in_words

UNDERFIT = 0.02  # error on judged images minus error on training images; below this, regularisation has nothing to gain

COSTS = {
    "seconds": "study.short_time",
    "memory": "study.short_memory",
    "parameters": "study.short_parameters",
    "macs": "study.short_macs",
}


def study_lines(report: StudyReport, lang: Lang = "en") -> list[str]:
    """For the terminal: one line of plain text per claim, including those that do not apply."""
    words = StudyWords(lang)
    lines = [words.line(finding) for finding in report.findings]
    for claim, reason in report.not_applicable.items():
        lines.append(words.plain("study.line_not_applicable", claim=words.claim(claim), reason=readable(reason)))
    return lines


@dataclass(frozen=True)
class StudyView:
    """A study as its template reads it."""

    report: StudyReport
    lang: Lang = "en"

    @cached_property
    def words(self) -> StudyWords:
        """The text in the page's language."""
        return StudyWords(self.lang)

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.words.plain("study.title", dataset=readable(self.report.dataset))

    @cached_property
    def headline(self) -> Markup:
        """How many claims hold here, are not shown, are reversed."""
        found = Counter(finding.verdict for finding in self.report.findings)
        if not found:
            return self.words.say("study.headline_none", dataset=readable(self.report.dataset))
        return self.words.say(
            "study.headline",
            all=len(self.report.findings),
            holds=found["holds here"],
            unshown=found["not shown"],
            reversed=found["reversed here"],
            none=found["no result"],
        )

    @property
    def eyebrow(self) -> Markup:
        """The data set and the seeds in figures."""
        return self.words.say(
            "study.eyebrow",
            dataset=readable(self.report.dataset),
            classes=count(len(self.report.classes)),
            n_train=count(self.report.n_train),
            images=count(self.report.n_judged),
            seeds=self.words.seeds(self.report.seeds),
        )

    @property
    def untested(self) -> bool:
        """Whether any error was measured on validation images."""
        return any(finding.judged != "test" for finding in self.report.findings)

    @property
    def underfits(self) -> Markup:
        """The caution that these networks are underfitted: as many errors on training images as on others; empty if they are not."""
        arms = [arm for finding in self.report.findings for arm in finding.arms]
        known = [(arm.mean, arm.training_error) for arm in arms if arm.mean is not None and arm.training_error is not None]
        if not known or (gap := median(error - training for error, training in known)) >= UNDERFIT:
            return Markup()
        return self.words.say("study.underfits", points=f"{100 * gap:.1f}".replace("-", "−"))

    @cached_property
    def claims(self) -> list[ClaimView]:
        """One view per finding, in the report's order."""
        return [ClaimView(finding, self.report, self.words, number) for number, finding in enumerate(self.report.findings, 1)]

    @cached_property
    def _halves(self) -> dict[Measure, float]:
        """Half the length of the common axis of each measure that has any effect."""
        found: dict[Measure, list[Effect]] = {}
        for finding in self.report.findings:
            if finding.effect is not None:
                found.setdefault(finding.measure, []).append(finding.effect)
        return {measure: reach(effects) for measure, effects in found.items()}

    def mark(self, finding: Finding) -> Markup:
        """The interval of the effect as a small plot; empty if there is no effect."""
        if finding.effect is None:
            return Markup()
        return interval_mark(finding.effect, self._halves[finding.measure], self.words)

    @property
    def axes(self) -> Markup:
        """The values at the edges of the small plots."""
        halves = {measure: reach_in_words(half, measure) for measure, half in self._halves.items()}
        parts = [self.words.say("study.axis_errors", points=halves["error"])] if "error" in halves else []
        if "epochs" in halves:
            parts.append(self.words.say("study.axis_epochs", factor=halves["epochs"]))
        return self.words.sentences(parts)

    def costs(self, finding: Finding) -> list[tuple[str, str]]:
        """Time, memory, parameters and multiply-accumulates as ratios, each with its name."""
        return [(ratio(finding.cost.get(cost)), self.words.plain(name)) for cost, name in COSTS.items()]

    @property
    def target(self) -> str:
        """The training error to reach, in studies that measure epochs."""
        return TARGET

    @property
    def not_applicable(self) -> list[tuple[str, Markup]]:
        """The claims that do not apply, each with the reason."""
        return [(self.words.claim(claim), self.words.foreign(reason)) for claim, reason in self.report.not_applicable.items()]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The conditions of the study, as name and value."""
        scale, words = self.report.scale, self.words
        pixels = finite(scale.get("size"))
        return [
            (words.plain("study.figure_size"), MISSING if pixels is None else words.plain("study.pixels", n=f"{pixels:g}")),
            (words.plain("study.figure_width"), ratio(scale.get("width"))),
            (words.plain("study.figure_share"), MISSING if "fraction" not in scale else share(scale["fraction"])),
            (words.plain("study.figure_epochs"), words.number(scale.get("epochs"))),
            (words.plain("study.figure_seeds"), str(self.report.seeds)),
            (words.plain("study.figure_seconds"), words.duration(self.report.seconds)),
            (words.plain("study.figure_overhead"), percent(self.report.overhead)),
        ]

    @property
    def recipe(self) -> str:
        """The common recipe as TOML."""
        return toml_text(self.report.recipe)
