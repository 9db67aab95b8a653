"""What is known about each claim of the lecture: the reader's own studies first, then this project's. Independent of pages.

A verdict is one of today's words, whatever version judged it. Earlier versions (rules 1) did not ask whether the networks could show the
effect; that is asked here, from what they saved, and a finding that could not is not counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from alexnet.studies.claim import Study
from alexnet.studies.findings import ArmFound, Effect, Finding, Reason, StudyReport, Verdict
from alexnet.studies.preconditions import TRAINED, unmet_overfitting
from alexnet.studies.registry import STUDIES

Word = Literal["holds", "reversed", "no-difference", "too-few", "cannot-be-judged", "does-not-apply", "not-measured"]

DECIDED: tuple[Word, ...] = ("holds", "reversed", "no-difference")
UNDECIDED: tuple[Word, ...] = ("too-few", "cannot-be-judged", "does-not-apply")  # in the order in which they say something
RULES_WITH_REGIME = 2  # of judging; before them nobody asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A finding with its verdict.

    reason, arm: why it cannot be judged, and which arm shows that. before: how an earlier version judged what today's rules cannot.
    """

    report: StudyReport
    finding: Finding
    word: Word
    yours: bool = False
    reason: Reason | None = None
    arm: ArmFound | None = None
    before: Verdict | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NotApplicable:
    """A study whose images a claim does not apply to, with the reason."""

    report: StudyReport
    reason: str
    yours: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is known about a claim. results: the one that counts first; empty if it has not been measured."""

    study: Study
    results: Sequence[Result] = ()
    not_applicable: Sequence[NotApplicable] = ()

    @property
    def word(self) -> Word:
        """The verdict that counts."""
        if self.results:
            return self.results[0].word
        return "does-not-apply" if self.not_applicable else "not-measured"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The answers to all claims. yours: the reader's studies; shipped: this project's."""

    by_claim: Mapping[str, Answer]
    yours: Sequence[StudyReport] = ()
    shipped: Sequence[StudyReport] = ()

    def of(self, claims: Iterable[str]) -> list[Answer]:
        """The answers to those of the claims that this version can study."""
        return [self.by_claim[claim] for claim in claims if claim in self.by_claim]


def answers(yours: Sequence[StudyReport], shipped: Sequence[StudyReport]) -> Answers:
    """The answer to every claim. The reader's results come first; then those on photographs; among equals those that decide something."""
    reports = [*((report, True) for report in yours), *((report, False) for report in shipped)]
    by_claim = {claim: _answer(study, reports) for claim, study in STUDIES.items()}
    return Answers(by_claim=by_claim, yours=yours, shipped=shipped)


def _answer(study: Study, reports: Sequence[tuple[StudyReport, bool]]) -> Answer:
    found = [judged(report, one, yours=own) for report, own in reports for one in report.findings if one.claim == study.claim]
    excluded = [
        NotApplicable(report=report, reason=report.not_applicable[study.claim], yours=own)
        for report, own in reports
        if study.claim in report.not_applicable
    ]
    return Answer(study=study, results=sorted(found, key=_order), not_applicable=excluded)


def _order(result: Result) -> tuple[bool, bool, bool, int]:
    rank = UNDECIDED.index(result.word) if result.word in UNDECIDED else 0
    return not result.yours, result.report.made_up, result.word not in DECIDED, rank


def judged(report: StudyReport, finding: Finding, *, yours: bool = False) -> Result:
    """The finding with its verdict in today's words."""
    if report.rules >= RULES_WITH_REGIME and finding.verdict != "not-shown":
        return Result(report=report, finding=finding, word=finding.verdict, yours=yours, reason=finding.reason, arm=_shows(finding))
    if identical(finding):
        return Result(report=report, finding=finding, word="does-not-apply", yours=yours)
    reason = unmet(finding, len(report.classes))
    if reason is None and finding.effect is not None:
        return Result(report=report, finding=finding, word=_word(finding, finding.effect, report.margin), yours=yours)
    return Result(
        report=report,
        finding=finding,
        word="cannot-be-judged",
        yours=yours,
        reason=reason or "no-runs",
        arm=_shows(finding),
        before=finding.verdict,
    )


def _word(finding: Finding, effect: Effect, margin: float) -> Word:
    if finding.verdict in ("holds", "reversed"):
        return finding.verdict
    low, high = effect.interval
    return "no-difference" if not effect.is_ratio and -margin <= low and high <= margin else "too-few"


def identical(finding: Finding) -> bool:
    """Whether both sides have the same errors with every seed, as when these images make them the same."""
    better, worse = finding.arm(finding.better), finding.arm(finding.worse)
    return bool(better.errors) and better.errors == worse.errors and finding.measure == "error"


def unmet(finding: Finding, classes: int) -> Reason | None:
    """Why a finding of an earlier version cannot be judged; None if it can. A finding does not say how an arm's last epochs went."""
    plain, sides = _plain(finding), (finding.arm(finding.better), finding.arm(finding.worse))
    match STUDIES[finding.claim].needs:
        case "overfits" if plain.mean is not None:
            return unmet_overfitting(plain.training_error, plain.mean)
        case "fits":
            return "underfits" if any((arm.training_error or 0.0) >= TRAINED for arm in sides) else None
        case "learns":
            chance = 1 - 1 / max(2, classes)
            return "at-chance" if all(arm.mean is not None and arm.mean >= chance for arm in sides) else None
    return None


def _plain(finding: Finding) -> ArmFound:
    """The arm without the regulariser."""
    name = STUDIES[finding.claim].unregularised
    return next((arm for arm in finding.arms if arm.name == name), finding.arm(finding.worse))


def _shows(finding: Finding) -> ArmFound:
    """The arm that shows why a claim cannot be judged: the one without the regulariser, or the side with more training error."""
    if STUDIES[finding.claim].needs == "overfits":
        return _plain(finding)
    return max((finding.arm(finding.better), finding.arm(finding.worse)), key=lambda arm: arm.training_error or 0.0)


def mean_epochs(arm: ArmFound) -> float | None:
    """Epochs to the target, mean over the seeds that reached it."""
    reached = [epochs for epochs in arm.epochs_to_target if epochs is not None]
    return fmean(reached) if reached else None
