"""`--seeds auto`: one seed at a time for the claims that are not clear yet. Independent of the statistics, which are handed in."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet.runtime.events import Message
from alexnet.studies.arms import Arms
from alexnet.studies.claim import PATIENCE
from alexnet.studies.findings import Effect, Finding
from alexnet.studies.outcome import Outcome
from alexnet.studies.runner import StudyState, make_splits_of_seeds, run_all, trials_of
from alexnet.studies.scale import CLOSING_SECONDS

SPLITS_AT_ONCE = 5  # seeds whose splits are made together, since each time all images are read

Judge = Callable[[Mapping[str, Arms], Mapping[str, Outcome]], Sequence[Finding]]
ArmsByClaim = dict[str, Arms]
Outcomes = dict[str, Outcome]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Round:
    """What gets further seeds.

    pair_of: the two arms of a claim that does, None for one that does not. longer: its longest run, in times of the average one. told: what
    the message says of the claims.
    """

    pair_of: Callable[[Arms, Finding, float], Pair | None]
    longer: float
    told: str


def run_until_clear(state: StudyState, arms: ArmsByClaim, judge: Judge) -> tuple[ArmsByClaim, Outcomes]:
    """Run all arms with the seeds that every claim has; then, with AUTO, the compared arms of unclear claims with further seeds.

    A claim is clear when it has a verdict, or cannot be judged. It ends unclear after `most_seeds`, or when the budget does not hold
    another seed; where one side fits more slowly, the pair in which it has more epochs then gets further seeds until that is clear. Which
    seeds run depends on the results only, except for the end of the budget. Returns the arms with all their seeds, and the outcomes.
    """
    outcomes = run_all(state, arms)
    for one in ROUNDS:
        arms, outcomes = _with_further_seeds(state, arms, outcomes, judge, one)
    return arms, outcomes


def _with_further_seeds(state: StudyState, arms: ArmsByClaim, outcomes: Outcomes, judge: Judge, one: Round) -> tuple[ArmsByClaim, Outcomes]:
    for seed in range(state.request.seeds, state.request.most_seeds):
        found = {finding.claim: one.pair_of(arms[finding.claim], finding, state.request.margin / 100) for finding in judge(arms, outcomes)}
        pairs = {claim: pair for claim, pair in found.items() if pair is not None}
        further = {claim: _compared(arms[claim], pair, seed) for claim, pair in pairs.items()}
        if not further or not _fits(state, further, outcomes, one.longer):
            break
        if _todo(state, further):
            state.listen(Message(f"Seed {seed + 1} of at most {state.request.most_seeds}, for {one.told}: {', '.join(pairs)}."))
        if not state.folder.splits_of(seed).exists():
            make_splits_of_seeds(state, min(seed + SPLITS_AT_ONCE, state.request.most_seeds))
        outcomes |= run_all(state, further)
        arms = arms | {claim: _with_seed(arms[claim], pair, seed) for claim, pair in pairs.items()}
    return arms, outcomes


def _own_pair(arms: Arms, finding: Finding, _: float) -> Pair | None:
    """The two arms that an unclear claim is about."""
    return (arms.study.better, arms.study.worse) if finding.verdict == "too-few" else None


def _patient_pair(arms: Arms, finding: Finding, margin: float) -> Pair | None:
    """The same of an unclear claim with more epochs for what fits more slowly, unless that is clear."""
    pair = arms.study.patient_pair
    if pair is None or finding.verdict != "too-few":
        return None
    return next((pair for one in finding.also if (one.better, one.worse) == pair and not _is_clear(one, margin)), None)


def _is_clear(effect: Effect, margin: float) -> bool:
    """Whether an effect has a sign, or does not matter."""
    low, high = effect.interval
    return not low <= effect.nothing <= high or max(abs(low), abs(high)) <= margin


ROUNDS = (
    Round(_own_pair, 1.0, "what is not clear yet"),
    Round(_patient_pair, PATIENCE, "what is not clear yet, with more epochs for what fits more slowly"),
)


def _compared(arms: Arms, pair: Pair, seed: int) -> Arms:
    """The two arms with that seed only."""
    return replace(arms, arms={name: arms.arms[name].of_seed(seed) for name in pair})


def _with_seed(arms: Arms, pair: Pair, seed: int) -> Arms:
    """The claim with one more seed of the two arms, unless they have it."""
    more = {name: arms.arms[name].with_seed(seed) for name in pair if not arms.arms[name].has_seed(seed)}
    return replace(arms, arms={name: more.get(name, arm) for name, arm in arms.arms.items()})


def _fits(state: StudyState, further: Mapping[str, Arms], outcomes: Mapping[str, Outcome], longer: float) -> bool:
    """Whether these runs, each so many times as long as the others on average, end within the budget; finished ones cost nothing."""
    todo = _todo(state, further)
    spent = [one.seconds + one.evaluation_seconds + one.overhead_seconds for one in outcomes.values() if one.failure is None]
    each = longer * sum(spent) / len(spent) if spent else 0.0
    left = state.request.budget_seconds - CLOSING_SECONDS - (time.monotonic() - state.started)
    return each * -(-todo // state.processes) <= left if todo else True


def _todo(state: StudyState, further: Mapping[str, Arms]) -> int:
    """How many of these runs have not finished."""
    return sum(trial.done() is None for trial in trials_of(state, further).values())
