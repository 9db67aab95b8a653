"""Seeds are added for unclear claims only, to their two arms, until they are clear or the budget does not hold another."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.data.open import open_dataset
from alexnet.runtime.events import silent
from alexnet.studies.adaptive_seeds import run_until_clear
from alexnet.studies.arms import Arms, common_recipe, resolve
from alexnet.studies.findings import Effect, Finding, Verdict
from alexnet.studies.outcome import Outcome, write_outcome
from alexnet.studies.registry import STUDIES
from alexnet.studies.request import StudyFolder, study_request
from alexnet.studies.runner import StudyState, trials_of
from alexnet.studies.scale import Scale

SCALE = Scale(size=15, width=0.02, fraction=1.0, epochs=2.0)
CLAIMS = ("dropout", "weight-decay")


@pytest.fixture
def state(tmp_path: Path) -> StudyState:
    """A study whose runs have all been made already, each in ten seconds."""
    for name in ("ant", "bee"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(np.full((16, 16, 3), 20 * number, np.uint8)).save(tmp_path / "images" / name / f"{number}.png")
    folder = StudyFolder(tmp_path / "study")
    folder.runs.mkdir(parents=True)
    for seed in range(16):
        folder.splits_of(seed).touch()
    request = study_request(str(tmp_path / "images"), claims=CLAIMS, budget="1h")
    return StudyState(
        folder=folder,
        request=request,
        dataset=open_dataset(str(tmp_path / "images")),
        device="cpu",
        processes=1,
        on_ray=False,
        listen=silent,
        should_stop=lambda: False,
    )


def made(state: StudyState, seeds: int) -> dict[str, Arms]:
    """The arms with three seeds each; the outcomes of so many seeds are in the folder."""
    common = common_recipe(state.request.data, state.dataset, SCALE, {})
    for key, trial in trials_of(state, {claim: resolve(STUDIES[claim], common, state.dataset, seeds=seeds) for claim in CLAIMS}).items():
        trial.folder.mkdir()
        write_outcome(Outcome(key=key, seed=trial.recipe.seed, judged_error=1.0, seconds=10.0), trial.outcome)
    return {claim: resolve(STUDIES[claim], common, state.dataset, seeds=3) for claim in CLAIMS}


class Judge:
    """Says of each claim whether it is clear, by the seeds that its two arms have."""

    def __init__(self, clear_at: Mapping[str, int]) -> None:
        self.clear_at = clear_at

    def __call__(self, arms: Mapping[str, Arms], outcomes: Mapping[str, Outcome]) -> Sequence[Finding]:
        return [self.finding_on(claim, one, outcomes) for claim, one in arms.items()]

    def finding_on(self, claim: str, arms: Arms, outcomes: Mapping[str, Outcome]) -> Finding:
        study = STUDIES[claim]
        seeds = {len(arms.arms[name].outcomes(outcomes, arms.seeds)) for name in (study.better, study.worse)}
        verdict: Verdict = "holds" if seeds == {self.clear_at[claim]} else "too-few"
        return Finding(
            claim=claim, section="4", measure="error", better=study.better, worse=study.worse, arms=(), effect=None,
            verdict=verdict, published=(), cost={}, judged="test",
        )  # fmt: skip


def seeds_of(arms: Mapping[str, Arms]) -> dict[str, tuple[set[int], set[int]]]:
    """For each claim the numbers of seeds of its two arms, and those of all others."""
    found = {}
    for claim, one in arms.items():
        two = {STUDIES[claim].better, STUDIES[claim].worse}
        found[claim] = ({len(one.arms[name].recipes) for name in two}, {len(one.arms[name].recipes) for name in one.arms.keys() - two})
    return found


def test_only_what_is_unclear_gets_more_seeds(state: StudyState) -> None:
    arms, outcomes = run_until_clear(state, made(state, 16), Judge({"dropout": 5, "weight-decay": 3}))
    assert seeds_of(arms) == {"dropout": ({5}, {3}), "weight-decay": ({3}, {3})}
    assert {one.seed for one in outcomes.values()} == {0, 1, 2, 3, 4}


def test_it_ends_at_sixteen_seeds(state: StudyState) -> None:
    arms, _ = run_until_clear(state, made(state, 16), Judge({"dropout": 99, "weight-decay": 4}))
    assert seeds_of(arms) == {"dropout": ({16}, {3}), "weight-decay": ({4}, {3})}


def test_it_ends_before_the_budget_does(state: StudyState) -> None:
    """Four seeds are there; a fifth would take two runs of ten seconds, and fifteen are left."""
    arms = made(state, 4)
    state.started = time.monotonic() - 3600 + 5 + 15
    grown, _ = run_until_clear(state, arms, Judge({"dropout": 99, "weight-decay": 3}))
    assert seeds_of(grown)["dropout"] == ({4}, {3})


class PatientJudge(Judge):
    """Says of dropout that it is unclear, and of its pair with more epochs that it is not, from so many seeds on."""

    def finding_on(self, claim: str, arms: Arms, outcomes: Mapping[str, Outcome]) -> Finding:
        found = super().finding_on(claim, arms, outcomes)
        pair = arms.study.patient_pair
        if pair is None:
            return found
        seeds = min(len(arms.arms[name].outcomes(outcomes, arms.seeds)) for name in pair)
        low = 0.01 if seeds >= 6 else -0.01
        effect = Effect(
            better=pair[0], worse=pair[1], measure="error", difference=0.05, interval=(low, 0.1), repeat_noise=0.01, seeds=seeds, images=100
        )
        return replace(found, also=[effect])


def patient(state: StudyState, seeds: int) -> dict[str, Arms]:
    """The arms of dropout, also with more epochs, with three seeds each; the outcomes of so many seeds are in the folder."""
    common, study = common_recipe(state.request.data, state.dataset, SCALE, {}), STUDIES["dropout"].at("core")
    for key, trial in trials_of(state, {"dropout": resolve(study, common, state.dataset, seeds=seeds)}).items():
        trial.folder.mkdir()
        write_outcome(Outcome(key=key, seed=trial.recipe.seed, judged_error=1.0, seconds=10.0), trial.outcome)
    return {"dropout": resolve(study, common, state.dataset, seeds=3)}


@pytest.mark.parametrize(("clear_at", "seeds"), [(99, 6), (5, 3)])
def test_what_fits_more_slowly_then_gets_seeds_until_it_is_clear(state: StudyState, clear_at: int, seeds: int) -> None:
    """Of a claim that stays unclear at equal epochs; one with a verdict needs none."""
    arms, _ = run_until_clear(state, patient(state, 16), PatientJudge({"dropout": clear_at}))
    study, found = arms["dropout"].study, arms["dropout"].arms
    own, longer = (study.better, study.worse), study.patient_pair
    assert longer is not None
    slow = set(longer) - set(own)
    assert {len(found[name].recipes) for name in own} == {min(clear_at, 16)}
    assert {len(found[name].recipes) for name in slow} == {seeds}
    assert {len(arm.recipes) for name, arm in found.items() if name not in {*own, *slow}} == {3}


def test_runs_with_more_epochs_must_fit_into_the_budget(state: StudyState) -> None:
    """All seeds at equal epochs are there; one with three times the epochs would take thirty seconds, and twenty are left."""
    arms = patient(state, 3)
    common, study = common_recipe(state.request.data, state.dataset, SCALE, {}), STUDIES["dropout"]
    for key, trial in trials_of(state, {"dropout": resolve(study, common, state.dataset, seeds=16)}).items():
        trial.folder.mkdir(exist_ok=True)
        write_outcome(Outcome(key=key, seed=trial.recipe.seed, judged_error=1.0, seconds=10.0), trial.outcome)
    state.started = time.monotonic() - 3600 + 5 + 20
    grown, _ = run_until_clear(state, arms, PatientJudge({"dropout": 99}))
    found = grown["dropout"].arms
    assert len(found[study.better].recipes) == 16
    assert len(found[STUDIES["dropout"].at("core").patient(study.better)].recipes) == 3
