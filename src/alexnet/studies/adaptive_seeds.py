"""`--seeds auto`: one seed at a time for the claims that are not clear yet. Independent of the statistics, which are handed in."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from alexnet.runtime.events import Message
from alexnet.studies.arms import Arms
from alexnet.studies.findings import Finding
from alexnet.studies.outcome import Outcome
from alexnet.studies.runner import StudyState, make_splits_of_seeds, run_all, trials_of
from alexnet.studies.scale import CLOSING_SECONDS

SPLITS_AT_ONCE = 5  # seeds whose splits are made together, since each time all images are read

Judge = Callable[[Mapping[str, Arms], Mapping[str, Outcome]], Sequence[Finding]]
ArmsByClaim = dict[str, Arms]


def run_until_clear(state: StudyState, arms: ArmsByClaim, judge: Judge) -> tuple[ArmsByClaim, dict[str, Outcome]]:
    """Run all arms with the seeds that every claim has; then, with AUTO, the compared arms of unclear claims with further seeds.

    A claim is clear when it has a verdict, or cannot be judged. It ends unclear after `most_seeds`, or when the budget does not hold
    another seed. Which seeds run depends on the results only, except for the end of the budget. Returns the arms with all their seeds, and
    the outcomes.
    """
    outcomes = run_all(state, arms)
    for seed in range(state.request.seeds, state.request.most_seeds):
        unclear = [finding.claim for finding in judge(arms, outcomes) if finding.verdict == "too-few"]
        further = {claim: _compared(arms[claim], seed) for claim in unclear}
        if not further or not _fits(state, further, outcomes):
            break
        if _todo(state, further):
            state.listen(
                Message(f"Seed {seed + 1} of at most {state.request.most_seeds}, for what is not clear yet: {', '.join(unclear)}.")
            )
        if not state.folder.splits_of(seed).exists():
            make_splits_of_seeds(state, min(seed + SPLITS_AT_ONCE, state.request.most_seeds))
        outcomes |= run_all(state, further)
        arms = arms | {claim: _with_seed(arms[claim], seed) for claim in unclear}
    return arms, outcomes


def _compared(arms: Arms, seed: int) -> Arms:
    """The two arms that the claim is about, with that seed only."""
    names = (arms.study.better, arms.study.worse)
    return replace(arms, arms={name: arms.arms[name].of_seed(seed) for name in names})


def _with_seed(arms: Arms, seed: int) -> Arms:
    """The claim with one more seed of the two arms that it is about."""
    more = {name: arms.arms[name].with_seed(seed) for name in (arms.study.better, arms.study.worse)}
    return replace(arms, arms={name: more.get(name, arm) for name, arm in arms.arms.items()})


def _fits(state: StudyState, further: Mapping[str, Arms], outcomes: Mapping[str, Outcome]) -> bool:
    """Whether these runs, each as long as the others were on average, end within the budget; finished ones cost nothing."""
    todo = _todo(state, further)
    spent = [one.seconds + one.evaluation_seconds + one.overhead_seconds for one in outcomes.values() if one.failure is None]
    each = sum(spent) / len(spent) if spent else 0.0
    left = state.request.budget_seconds - CLOSING_SECONDS - (time.monotonic() - state.started)
    return each * -(-todo // state.processes) <= left if todo else True


def _todo(state: StudyState, further: Mapping[str, Arms]) -> int:
    """How many of these runs have not finished."""
    return sum(trial.done() is None for trial in trials_of(state, further).values())
