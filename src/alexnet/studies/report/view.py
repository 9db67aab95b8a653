"""The content of a study's page around its claims, and the lines for the terminal. Independent of HTML except for emphasis."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from markupsafe import Markup

from alexnet.i18n.phrases import share
from alexnet.i18n.places import data_name, without_home
from alexnet.i18n.translate import Lang
from alexnet.i18n.units import MISSING, count, finite, percent, readable, toml_text
from alexnet.studies.claim import Measure
from alexnet.studies.findings import RATIO_MARGIN, RULES, Effect, Finding, StudyReport
from alexnet.studies.report.claim_view import ClaimView
from alexnet.studies.report.gist import gist
from alexnet.studies.report.outcome_text import TARGET
from alexnet.studies.report.phrases import VERDICTS, StudyWords, factor, ratio
from alexnet.studies.report.plots import interval_mark, reach, reach_in_words

UNDERFIT = 0.02  # error on judged images minus error on training images; below this, regularisation has nothing to gain

COSTS = {
    "seconds": "study.short_time",
    "memory": "study.short_memory",
    "parameters": "study.short_parameters",
    "macs": "study.short_macs",
}


def study_lines(report: StudyReport, lang: Lang = "en") -> list[str]:
    """For the terminal: one line of plain text per claim, including those that do not apply; of a single claim also what it means."""
    words = StudyWords(lang)
    lines = [words.line(finding, report.margin) for finding in report.findings]
    if len(report.findings) == 1:
        lines += [part.striptags() for part in gist(report.findings[0], words, margin=report.margin)]
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
        return self.words.plain("study.title", dataset=data_name(self.report.dataset))

    @cached_property
    def headline(self) -> Markup:
        """How many of the claims that can be judged hold here, and how many have which other verdict; of a single claim, its verdict."""
        found = Counter(finding.verdict for finding in self.report.findings)
        judged = len(self.report.findings) - found["cannot-be-judged"]
        if not judged:
            name = "study.headline_unjudged" if self.report.findings else "study.headline_none"
            return self.words.say(name, dataset=data_name(self.report.dataset))
        if len(self.report.findings) == 1:
            only = self.report.findings[0]
            return self.words.say("study.headline_one", claim=self.words.claim(only.claim), verdict=self.words.verdict(only.verdict))
        others = [(self.words.verdict(verdict), found[verdict]) for verdict in VERDICTS if verdict != "holds" and found[verdict]]
        said = [self.words.plain("study.headline_other", verdict=verdict, n=n) for verdict, n in others]
        numbers = {"all": judged, "holds": found["holds"], "others": self.words.plain("report.semicolon").join(said)}
        return self.words.say("study.headline" if said else "study.headline_all", **numbers)

    @property
    def lead(self) -> Markup:
        """What the result of a single claim means; empty for several, which say it one by one."""
        single = self.report.findings if len(self.report.findings) == 1 else []
        return self.words.sentences([part for one in single for part in gist(one, self.words, margin=self.report.margin)])

    @property
    def judged_before(self) -> bool:
        """Whether an earlier version judged, by other rules."""
        return self.report.rules < RULES

    @property
    def meaning(self) -> Markup:
        """What the verdicts mean, by the rules of the version that judged."""
        if self.judged_before:
            return self.words.say("study.verdicts_mean_before", target=TARGET)
        looks = [self.words.say("study.looks")] if self.report.auto else []
        margins = {"margin": f"{100 * self.report.margin:g}", "factor": factor(RATIO_MARGIN)}
        return self.words.sentences([self.words.say("study.verdicts_mean", target=TARGET, **margins), *looks])

    @property
    def eyebrow(self) -> Markup:
        """The data set and the seeds in figures."""
        return self.words.say(
            "study.eyebrow",
            dataset=data_name(self.report.dataset),
            classes=count(len(self.report.classes)),
            n_train=count(self.report.n_train),
            images=count(self.report.n_judged),
            seeds=self.seeds,
        )

    @property
    def seeds(self) -> str:
        """The seeds of the claims: "3 seeds", or "3 to 7 seeds" if some claims needed more."""
        each = {finding.effect.seeds for finding in self.report.findings if finding.effect is not None} | {self.report.seeds}
        if not self.report.auto or len(each) == 1:
            return self.words.seeds(self.report.seeds)
        return self.words.plain("study.seeds_from_to", least=min(each), most=max(each))

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
        shares: tuple[Measure, ...] = ("shifts", "probes")
        ratios: tuple[Measure, ...] = ("epochs", "seconds", "gradients", "gradients-epoch")
        parts += [self.words.say(f"study.axis_{measure}", points=halves[measure]) for measure in shares if measure in halves]
        parts += [self.words.say(f"study.axis_{measure}", factor=halves[measure]) for measure in ratios if measure in halves]
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
            (words.plain("study.figure_seeds"), self.seeds),
            (words.plain("study.figure_margin"), words.plain("study.within_points", points=f"{100 * self.report.margin:g}")),
            (words.plain("study.figure_seconds"), words.duration(self.report.seconds)),
            (words.plain("study.figure_overhead"), percent(self.report.overhead)),
        ]

    @property
    def left_out(self) -> Markup:
        """Which arms the budget did not hold; empty if it held all."""
        return Markup() if self.report.extent == "all" else self.words.say(f"study.left_out_{self.report.extent}")

    @property
    def recipe(self) -> str:
        """The common recipe as TOML."""
        return without_home(toml_text(self.report.recipe))
