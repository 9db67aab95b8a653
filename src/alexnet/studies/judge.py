"""From the outcomes of a study's runs to its findings: each arm, each difference, the verdicts.

All claims are judged together, since their pairs of arms share what they teach about the noise between seeds, and since many verdicts at
once need Holm's correction. Independent of how runs are executed and shown; the statistics are in evaluation.seed_statistics.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from scipy.special import ndtr

from alexnet.evaluation.moderation import SeedPrior, seed_prior
from alexnet.evaluation.multiplicity import holm
from alexnet.evaluation.seed_forecast import More, more_needed
from alexnet.evaluation.seed_ratio import ratio_effect, times_effect
from alexnet.evaluation.seed_statistics import LEVEL, Difference, Judging, difference_components, error_effect
from alexnet.evaluation.sequential import FIRST_LOOK, level_at, sequential_p
from alexnet.evaluation.variance_components import Components
from alexnet.studies.arm_summary import (
    cost_ratios,
    gradient_of,
    has_result,
    moved_of,
    passes_of,
    probed_of,
    step_time_of,
    summary_of,
    wrong_of,
)
from alexnet.studies.claim import GRADIENTS, RATIOS, Measure, Study
from alexnet.studies.findings import RATIO_MARGIN, Effect, Finding, Reason, Verdict
from alexnet.studies.outcome import Outcome
from alexnet.studies.preconditions import is_saturated, unmet

Outcomes = Mapping[str, Sequence[Outcome]]  # an arm's name -> one outcome per seed, in the same order of seeds
Pairs = Sequence[tuple[Outcome, Outcome]]  # runs of better and worse with the same seed

MARGIN = 0.01  # a smaller difference of errors does not matter


class Compare(Protocol):
    """Compares two arms of a claim, by the claim's own measure if none is named; None without a pair that has measured it."""

    def __call__(self, better: str, worse: str, measure: Measure | None = None) -> Difference | None:
        """The difference over the seeds for which both arms have a result."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimRuns:
    """The runs of one claim. outcomes: of each arm, one per seed, including failed ones; arms may have different numbers of seeds.

    changes: of each arm, dotted fields with their resolved values. models: of each arm.
    """

    study: Study
    outcomes: Outcomes
    changes: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How a study is judged. judging: on which images. chance_error: of always answering the most frequent class of the judged images.

    margin: the difference of errors below which it does not matter. auto: whether seeds are added until a claim is clear, so that every
    look has a level of its own (`evaluation.sequential`).
    """

    judging: Judging
    chance_error: float
    margin: float = MARGIN
    auto: bool = False

    def level(self, seeds: int) -> float:
        """The two-sided level of an interval over that many seeds."""
        return level_at(max(FIRST_LOOK, seeds)) if self.auto else LEVEL

    def p(self, p: float, seeds: int) -> float:
        """A p value that allows for all looks until now."""
        return sequential_p(p, max(FIRST_LOOK, seeds)) if self.auto else p


def judge(claims: Sequence[ClaimRuns], rules: Rules) -> list[Finding]:
    """The finding on each claim. Two arms are compared over the seeds for which both have a result."""
    prior = seed_prior(list(_components(claims, rules.judging)))
    return _with_holm([_finding(claim, rules, prior) for claim in claims])


def _components(claims: Sequence[ClaimRuns], judging: Judging) -> Iterator[Components]:
    """The variance components of each distinct pair of arms, every arm with the first one of its claim and the claim's own pair.

    Runs of a claim about time are hardly trained: how much their errors vary says nothing about the others.
    """
    seen = set()
    for claim in (one for one in claims if one.study.measure != "seconds"):
        first = claim.study.arms[0].name
        for better, worse in [*((arm.name, first) for arm in claim.study.arms[1:]), (claim.study.better, claim.study.worse)]:
            pairs = _pairs(claim.outcomes, better, worse)
            runs = frozenset({tuple(one.key for one, _ in pairs), tuple(other.key for _, other in pairs)})
            if runs in seen or len(runs) < 2:
                continue
            seen.add(runs)
            parts = difference_components(wrong_of(one for one, _ in pairs), wrong_of(other for _, other in pairs), judging)
            if parts is not None:
                yield parts


def _pairs(outcomes: Outcomes, better: str, worse: str) -> Pairs:
    """The runs of both arms over the seeds for which both have a result."""
    return [(b, w) for b, w in zip(outcomes[better], outcomes[worse], strict=False) if has_result(b) and has_result(w)]


def _finding(claim: ClaimRuns, rules: Rules, prior: SeedPrior | None) -> Finding:
    study, compare = claim.study, _comparing(claim, rules, prior)
    first = study.arms[0].name
    arms = {
        arm.name: summary_of(
            arm,
            claim.outcomes[arm.name],
            rules.judging,
            changes=claim.changes[arm.name],
            model=claim.models[arm.name],
            against=None if arm.name == first else _effect(claim, arm.name, first, compare(arm.name, first), rules),
        )
        for arm in study.arms
    }
    found = compare(study.better, study.worse)
    effect = _effect(claim, study.better, study.worse, found, rules)
    verdict, reason = _verdict(claim, effect, rules)
    return Finding(
        claim=study.claim,
        section=study.section,
        measure=study.measure,
        better=study.better,
        worse=study.worse,
        arms=list(arms.values()),
        effect=effect,
        verdict=verdict,
        published=study.published,
        cost=cost_ratios(arms[study.better], arms[study.worse]),
        judged=next((one.judged for of_arm in claim.outcomes.values() for one in of_arm if has_result(one)), "test"),
        needs=study.needs,
        reason=reason,
        also=_also(claim, compare, rules),
        more=asdict(_more(study, found, rules)) if verdict == "too-few" and found is not None else None,
    )


def _also(claim: ClaimRuns, compare: Compare, rules: Rules) -> list[Effect]:
    """The effects of the study's further pairs, and of its own by further measures, that have a result."""
    study = claim.study
    found = [_effect(claim, better, worse, compare(better, worse), rules) for better, worse in study.also]
    for measure in study.further_measures:
        difference = compare(study.better, study.worse, measure)
        found.append(_effect(claim, study.better, study.worse, difference, rules, measure))
    return [effect for effect in found if effect is not None]


def _comparing(claim: ClaimRuns, rules: Rules, prior: SeedPrior | None) -> Compare:
    """A function that compares two arms of the claim."""

    def compare(better: str, worse: str, measure: Measure | None = None) -> Difference | None:
        pairs, level = _pairs(claim.outcomes, better, worse), rules.level(_looks(claim.outcomes, better, worse))
        chosen = measure or claim.study.measure
        if chosen in RATIOS:
            return _ratio(chosen, pairs, level)
        return _of_images(chosen, pairs, rules.judging, prior, level)

    return compare


def _ratio(measure: Measure, pairs: Pairs, level: float) -> Difference | None:
    """How many times as many epochs or seconds `worse` takes; how many times as large the gradients of `better` are."""
    firsts, seconds = [b for b, _ in pairs], [w for _, w in pairs]
    if measure in GRADIENTS:
        return times_effect([gradient_of(one, measure) for one in firsts], [gradient_of(one, measure) for one in seconds], level=level)
    if measure == "seconds":
        return times_effect([step_time_of(one) for one in seconds], [step_time_of(one) for one in firsts], level=level)
    return ratio_effect([passes_of(one) for one in firsts], [passes_of(one) for one in seconds], level=level)


def _of_images(measure: Measure, pairs: Pairs, judging: Judging, prior: SeedPrior | None, level: float) -> Difference | None:
    """Of how many more images `worse` is wrong, or changes its mind; only errors share what the study's pairs teach about the noise."""
    firsts, seconds = [b for b, _ in pairs], [w for _, w in pairs]
    if measure == "error":
        return error_effect(wrong_of(firsts), wrong_of(seconds), judging, prior=prior, level=level)
    bits_of = moved_of if measure == "shifts" else probed_of
    better, worse = bits_of(firsts), bits_of(seconds)
    if not pairs or not all(len(one) for one in (*better, *worse)):
        return None
    return error_effect(better, worse, judging, level=level)


def _looks(outcomes: Outcomes, better: str, worse: str) -> int:
    """The seeds that have been run for both arms, whether or not they have a result."""
    return min(len(outcomes[better]), len(outcomes[worse]))


def _effect(
    claim: ClaimRuns, better: str, worse: str, found: Difference | None, rules: Rules, measure: Measure | None = None
) -> Effect | None:
    if found is None:
        return None
    chosen = measure or claim.study.measure
    return Effect(
        better=better,
        worse=worse,
        measure=chosen,
        difference=found.difference,
        interval=found.interval,
        repeat_noise=math.sqrt(found.seed_variance),
        image_noise=math.sqrt(found.alone),
        seeds=found.seeds,
        images=found.images,
        p=rules.p(found.p, _looks(claim.outcomes, better, worse)),
        wins=_wins(chosen, found),
    )


def _wins(measure: Measure, found: Difference) -> float | None:
    """How often one run of `better` beats one of `worse` with the same seed: normal around the difference; None for a single pair."""
    if found.seeds < 2:
        return None
    size = math.log(found.difference) if measure in RATIOS else found.difference
    noise = math.sqrt(found.seed_variance)
    return float(ndtr(size / noise)) if noise else 0.5 + 0.5 * math.copysign(size != 0, size)


def _verdict(claim: ClaimRuns, effect: Effect | None, rules: Rules) -> tuple[Verdict, Reason | None]:
    """The verdict, and why there can be none."""
    runs = {name: [one for one in of_arm if has_result(one)] for name, of_arm in claim.outcomes.items()}
    if (reason := unmet(claim.study, runs, chance_error=rules.chance_error)) is not None:
        return "cannot-be-judged", reason
    if effect is None:  # no run of either arm has reached the target, or none of the same seed
        return "cannot-be-judged", "underfits" if claim.study.measure == "epochs" else "no-runs"
    found = verdict(effect, margin=rules.margin)
    if found in {"no-difference", "too-few"} and effect.measure == "error" and is_saturated(claim.study, runs, margin=rules.margin):
        return "cannot-be-judged", "saturated"
    return found, None


def verdict(effect: Effect, *, margin: float = MARGIN) -> Verdict:
    """The verdict from an effect alone: on which side of no effect its whole interval lies, or whether all of it is within the margin.

    One seed shows nothing, since it cannot tell how much another training would differ.
    """
    low, high = effect.interval
    if effect.seeds < 2:
        return "too-few"
    if low > effect.nothing:
        return "holds"
    if high < effect.nothing:
        return "reversed"
    least, most = (1 / RATIO_MARGIN, RATIO_MARGIN) if effect.is_ratio else (-margin, margin)
    return "no-difference" if least <= low and high <= most else "too-few"


def _more(study: Study, found: Difference, rules: Rules) -> More:
    """How many more seeds or images would probably decide; none if a run that never reached the target leaves the wrong side open."""
    if (found.at_most and found.difference > 1) or (found.at_least and found.difference < 1):
        return More(seeds=None, images=None)
    if found.seeds < 2:
        return More(seeds=FIRST_LOOK - found.seeds, images=None)
    if study.measure in RATIOS:
        return more_needed(replace(found, difference=math.log(found.difference)), margin=math.log(RATIO_MARGIN), level=rules.level)
    return more_needed(found, margin=rules.margin, level=rules.level)


def _with_holm(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with Holm's mark on those that hold or are reversed, over all claims that can be judged."""
    judged = [finding for finding in findings if finding.verdict != "cannot-be-judged" and finding.effect is not None]
    adjusted = holm([1.0 if one.effect is None or one.effect.p is None else one.effect.p for one in judged])
    stands = {one.claim: p <= LEVEL for one, p in zip(judged, adjusted, strict=True)}
    return [replace(one, holm=stands[one.claim]) if one.verdict in {"holds", "reversed"} else one for one in findings]
