"""The judging of a study in its folder: by which rules, of which runs, or as an earlier version did. Runs nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from alexnet.evaluation.seed_statistics import Judging
from alexnet.storage.records import read_json
from alexnet.studies.arms import Arms
from alexnet.studies.findings import RULES, Finding, StudyReport
from alexnet.studies.judge import ClaimRuns, Rules, judge
from alexnet.studies.outcome import Outcome
from alexnet.studies.request import StudyFolder, StudyRequest, load_study_request
from alexnet.studies.runner import StudyState, judging_images, split_ratio


def rules_of(state: StudyState) -> Rules:
    """How the study is judged: on which images, with which margin, and whether after each seed."""
    share = split_ratio(state.folder)
    return Rules(
        judging=Judging(same_images=share == 0.0, test_share=share),
        chance_error=_chance_error(state),
        margin=state.request.margin / 100,
        auto=state.request.auto,
    )


def _chance_error(state: StudyState) -> float:
    """The error of always answering the most frequent class of the judged images."""
    judged = set(judging_images(state.folder, 0))
    labels = Counter(item.label for item in state.dataset.items if item.name in judged)
    return 1 - max(labels.values()) / labels.total()


def findings_of(arms: Mapping[str, Arms], outcomes: Mapping[str, Outcome], rules: Rules) -> list[Finding]:
    """The findings on all claims that apply."""
    found = judge([_runs_of(one, outcomes) for one in arms.values() if one.reason is None], rules)
    return [_with_rates(finding, arms[finding.claim]) for finding in found]


def _with_rates(finding: Finding, arms: Arms) -> Finding:
    """The finding with the learning rates that were tried for each arm."""
    return replace(finding, arms=[replace(arm, rates=tuple(arms.tried.get(arm.name, ()))) for arm in finding.arms])


def _runs_of(arms: Arms, outcomes: Mapping[str, Outcome]) -> ClaimRuns:
    return ClaimRuns(
        study=arms.study,
        outcomes={name: one.outcomes(outcomes, arms.seeds) for name, one in arms.arms.items()},
        changes={name: one.changes for name, one in arms.arms.items()},
        models={name: one.model for name, one in arms.arms.items()},
    )


def judged_before(folder: StudyFolder, asked: StudyRequest) -> StudyReport | None:
    """The result in the folder, if an earlier version judged it and nothing is added to it; None otherwise, or if it is damaged."""
    if not folder.result.exists() or load_study_request(folder.request) != asked:
        return None
    try:
        found = StudyReport.from_json(read_json(folder.result))
    except (OSError, ValueError):
        return None
    return found if found.rules < RULES else None
