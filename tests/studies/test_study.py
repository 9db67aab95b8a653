"""A whole study on real digits, in seconds: run, gone on with, extended, stopped; failures kept; Ray and processes give the same."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from alexnet.errors import BadRun, BudgetTooSmall, Interrupted, TrainingFailed
from alexnet.reports import report_runs
from alexnet.runs.fit_network import fit_network
from alexnet.runtime.events import Event, Message, RunsDone
from alexnet.studies import study as job
from alexnet.studies import trial
from alexnet.studies.claim import PATIENT
from alexnet.studies.findings import StudyReport
from alexnet.studies.outcome import Outcome, best_rate, read_outcome
from alexnet.studies.rates import RATE_SEED
from alexnet.studies.registry import STUDIES
from alexnet.studies.request import StudyFolder
from alexnet.studies.runner import judging_images, split_ratio

FIELDS = {"training.epochs": "2", "network.width": "0.02", "training.batch_size": "8", "training.learning_rate": "0.02"}
SEARCHED = {name: value for name, value in FIELDS.items() if name != "training.learning_rate"}  # a rate that is set is not searched


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of scikit-learn's digits, 16 px, under names that mirrors do not change."""
    folder, digits = tmp_path_factory.mktemp("letters"), load_digits()
    for label, name in enumerate(("ant", "bee", "cat")):
        (folder / name).mkdir()
        for number, image in enumerate(digits.images[digits.target == label][:30]):
            Image.fromarray((image * 15).astype("uint8")).resize((16, 16)).save(folder / name / f"{number}.png")
    return folder


def run(letters: Path, out: Path, **words: Any) -> StudyReport:
    asked: dict[str, Any] = {"claims": "overlap", "seeds": 2, "budget": "10m", "processes": 1, "overrides": FIELDS}
    return job.study(letters, out=out, **asked | words)


@pytest.fixture(scope="module")
def finished(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyReport, Path]:
    out = tmp_path_factory.mktemp("studies") / "overlap"
    return run(letters, out), out


def test_the_share_for_validation_is_that_of_all_runs(letters: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(letters, tmp_path / "study", overrides=FIELDS | {"validation": "0.3"}, should_stop=lambda: True)
    splits = json.loads((tmp_path / "study" / "splits-0.json").read_text())
    assert (len(splits["train"]), len(splits["validation"])) == (54, 27)


def runs(out: Path) -> dict[str, Outcome]:
    return {path.parent.name: read_outcome(path) for path in sorted(out.glob("runs/*/outcome.json"))}


def test_it_ends_with_a_finding_a_page_and_the_contracts_keys(finished: tuple[StudyReport, Path]) -> None:
    report, out = finished
    assert (out / "report.html").is_file()
    printed = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert printed == json.loads(json.dumps(report.to_json()))
    (study,) = printed["studies"]
    assert {"claim", "arms", "difference", "interval", "verdict", "published", "cost"} <= set(study)
    assert {"name", "errors", "mean", "interval"} <= set(study["arms"][0])
    assert [len(arm["errors"]) for arm in study["arms"]] == [2, 2]
    assert [arm["rates"] for arm in study["arms"]] == [[], []]
    assert study["verdict"] in {"holds", "reversed", "no-difference", "too-few", "cannot-be-judged"}
    assert [len(arm["training_errors"]) for arm in study["arms"]] == [2, 2]
    assert "holm" in study


def test_each_run_says_what_it_measured(finished: tuple[StudyReport, Path]) -> None:
    _, out = finished
    outcomes = runs(out)
    assert len(outcomes) == 4  # two arms, two seeds
    for key, outcome in outcomes.items():
        assert outcome.key == key
        assert outcome.failure is None
        assert outcome.judged_error == pytest.approx(sum(outcome.wrong) / len(outcome.wrong))
        assert outcome.epochs == 2.0
        assert [row.get("validation_error") is None for row in outcome.history] == [False, False]
        assert list(outcome.gradients) == "conv1 conv2 conv3 conv4 conv5 fc6 fc7 fc8".split()
        assert list(outcome.outputs) == "conv1 conv2 conv3 conv4 conv5 fc6 fc7".split()
        assert set(outcome.per_class) <= {"ant", "bee", "cat"}
        assert not (out / "runs" / key / "checkpoints").exists()


def test_arms_of_a_seed_see_the_same_images_and_seeds_others(finished: tuple[StudyReport, Path]) -> None:
    report, out = finished
    splits = [json.loads((out / f"splits-{seed}.json").read_text()) for seed in range(2)]
    assert splits[0]["test"] != splits[1]["test"]
    assert report.n_judged == len(splits[0]["test"])
    assert report.n_train == len(splits[0]["train"])


def test_what_has_ended_is_not_run_again(letters: Path, finished: tuple[StudyReport, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    report, out = finished
    monkeypatch.setattr(trial, "fit", forbidden)
    again = run(letters, out, claims=None, seeds=None, budget=None, overrides=None)
    assert again.findings == report.findings


def test_its_page_is_made_anew_from_its_folder_in_both_languages(finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    _, out = finished
    assert report_runs([out], out=tmp_path / "en.html").read_bytes() == (out / "report.html").read_bytes()
    assert 'lang="zh' in report_runs([out], out=tmp_path / "zh.html", lang="zh").read_text(encoding="utf-8")


def test_a_study_that_has_not_ended_or_is_damaged_says_how_to_go_on(finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    out = tmp_path / "copy"
    _copy(finished[1], out)
    (out / "result.json").write_text('{"studies": 3}')
    with pytest.raises(BadRun, match=r"is damaged .* without repeating any finished run: alexnet study"):
        report_runs([out])
    (out / "result.json").unlink()
    with pytest.raises(BadRun, match=r"has not finished and has no report yet\. Resume with: alexnet study"):
        report_runs([out])


def test_what_an_earlier_version_judged_is_shown_as_it_was(letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    out = tmp_path / "copy"
    _copy(finished[1], out)
    values = json.loads((out / "result.json").read_text(encoding="utf-8"))
    del values["rules"], values["margin"], values["auto"]
    values["studies"][0] |= {"verdict": "not shown", "holm": None}
    (out / "result.json").write_text(json.dumps(values), encoding="utf-8")
    before = (out / "result.json").read_bytes()
    report = run(letters, out, claims=None, seeds=None, budget=None, overrides=None)
    assert (report.findings[0].verdict, report.rules) == ("not-shown", 1)
    assert (out / "result.json").read_bytes() == before
    assert "An earlier version of the program judged this study" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", ["wrong", "moved"])
def test_an_outcome_about_other_images_is_refused(field: str, letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    out = tmp_path / "copy"
    _copy(finished[1], out)
    place = min(out.glob("runs/*/outcome.json"))
    place.write_text(json.dumps(json.loads(place.read_text(encoding="utf-8")) | {field: "0"}))
    with pytest.raises(BadRun, match=rf"outcome\.json is damaged \(it is about 1 pictures, and its seed .*delete {place.parent} and rerun"):
        run(letters, out, claims=None, seeds=None, budget=None, overrides=None)


def forbidden(*_: object) -> None:
    raise AssertionError("a run was made again")


@pytest.mark.slow
def test_claims_and_seeds_are_added(letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    out = tmp_path / "copy"
    _copy(finished[1], out)
    before = set(runs(out))
    more = run(letters, out, claims="pooling", seeds=3)
    assert [finding.claim for finding in more.findings] == ["pooling", "overlap"]
    assert all(len(arm.errors) == 3 for finding in more.findings for arm in finding.arms)
    assert before < set(runs(out))
    assert len(runs(out)) == 3 * (2 + 3)  # the first arm of both claims is the same runs


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


def stopping_after(runs: int) -> tuple[Callable[[Event], None], Callable[[], bool]]:
    ended: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, RunsDone) and event.done:
            ended.append(event)

    return listen, lambda: len(ended) >= runs


@pytest.mark.slow
def test_stopped_and_gone_on_with_it_finds_the_same(letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    listen, should_stop = stopping_after(2)
    with pytest.raises(Interrupted) as stop:
        run(letters, out, listen=listen, should_stop=should_stop)
    assert f"Resume with: alexnet study {letters} --out {out}" in stop.value.__notes__[0]
    assert len(runs(out)) == 2
    assert errors(run(letters, out)) == errors(finished[0])


def errors(report: StudyReport) -> dict[str, list[float | None]]:
    return {arm.name: list(arm.errors) for finding in report.findings for arm in finding.arms}


@pytest.mark.slow
def test_a_failed_run_is_reported_and_the_others_go_on(letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fit_network

    def failing(given: Any, *rest: Any) -> Any:
        if given.recipe.network.pooling == "strided-convolution":
            raise TrainingFailed("Training stopped: the loss became nan.")
        return fit(given, *rest)

    monkeypatch.setattr(trial, "fit", failing)
    said: list[str] = []
    report = run(
        letters,
        tmp_path / "s",
        claims="pooling",
        overrides=FIELDS | {"training.epochs": "1"},
        listen=lambda event: said.append(event.text) if isinstance(event, Message) else None,
    )
    arm = report.findings[0].arm("strided-convolution")
    assert list(arm.errors) == [None, None]
    assert arm.failures == ("Training stopped: the loss became nan.",) or list(arm.failures) == ["Training stopped: the loss became nan."]
    assert report.findings[0].arm("max").mean is not None
    assert any("strided-convolution, seed 0: no result. Training stopped" in line for line in said)


@pytest.mark.parametrize(
    ("splits", "same"),
    [
        ([{"test": ["a"], "validation": ["b"]}, {"test": ["a"], "validation": ["c"]}], True),
        ([{"test": ["a"], "validation": ["b"]}, {"test": ["c"], "validation": ["b"]}], False),
        ([{"test": [], "validation": ["b"]}, {"test": [], "validation": ["c"]}], False),
    ],
)
def test_images_that_judge_are_the_test_set_or_else_validation(splits: list[dict[str, list[str]]], same: bool, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    for seed, one in enumerate(splits):
        folder.splits_of(seed).write_text(json.dumps({"train": [], **one}))
    assert (judging_images(folder, 0) == judging_images(folder, 1)) == same
    assert (split_ratio(folder) == 0) == same


@pytest.mark.slow
def test_a_pilot_finds_the_epochs_and_a_plan_is_told_before_other_runs(letters: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(Interrupted):
        run(
            letters,
            tmp_path / "s",
            overrides={"network.width": "0.1", "training.batch_size": "8"},
            listen=lambda event: said.append(event.text) if isinstance(event, Message) else None,
            should_stop=lambda: any(line.startswith("Plan:") for line in said),
        )
    pilot = next(line for line in said if line.startswith("Pilot:"))
    assert re.search(r"learns its training pictures \(0\.\d% training error; 72 pictures, (15|30|60|120) epochs\)", pilot)
    plan = next(line for line in said if line.startswith("Plan:"))
    assert "4 runs (1 claim, 2 seeds)" in plan
    assert "6 more choose the learning rates" in plan
    assert "Expected precision of a difference: ±" in plan
    assert all(outcome.seed == RATE_SEED and not outcome.wrong for outcome in runs(tmp_path / "s").values())


@pytest.mark.slow
def test_every_arm_has_the_rate_that_did_best_on_validation_images(letters: Path, tmp_path: Path) -> None:
    said: list[str] = []
    words: dict[str, Any] = {"claims": "dropout", "overrides": SEARCHED}
    report = run(letters, tmp_path / "s", listen=lambda event: said.append(event.text) if isinstance(event, Message) else None, **words)
    (finding,) = report.findings
    recipes = {key: tomllib.loads((tmp_path / "s" / "runs" / key / "recipe.toml").read_text()) for key in runs(tmp_path / "s")}
    judged = [one for one in recipes.values() if one["seed"] != RATE_SEED]
    for arm in finding.arms:
        assert [one.rate for one in arm.rates] == [0.01, 0.02, 0.04]
        best = best_rate(arm.rates, "error")
        dropout = 0.0 if arm.name.removesuffix(PATIENT).endswith("no-dropout") else None
        epochs = 6 if arm.name.endswith(PATIENT) else 2
        mine = [one for one in judged if one["training"]["epochs"] == epochs and one["training"]["learning_rate"] == best]
        assert [one for one in mine if dropout is None or one["network"]["dropout"] == dropout]
    assert any("dropout: dropout-fc, learning rate 0.04: validation error" in line for line in said)
    assert {(effect.better, effect.worse) for effect in finding.also} == {
        ("dropout-fc-patient", "no-dropout"), ("geometry-dropout", "geometry-no-dropout")
    }  # fmt: skip
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "learning rates tried" in page
    assert "three times the epochs" in page
    again = run(letters, tmp_path / "s", claims=None, seeds=None, budget=None, overrides=None)
    assert errors(again) == errors(report)


def test_a_study_that_an_earlier_version_planned_gets_no_runs_of_another_recipe(
    letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    _copy(finished[1], out)
    kept = json.loads((out / "study.json").read_text())
    (out / "study.json").write_text(json.dumps({name: value for name, value in kept.items() if name != "plan"}))
    with pytest.raises(BadRun, match="an earlier version planned, with another recipe for all arms"):
        run(letters, out, seeds=3)


@pytest.mark.slow
def test_too_short_a_budget_is_refused_and_nothing_is_run(letters: Path, tmp_path: Path) -> None:
    with pytest.raises(BudgetTooSmall):
        run(letters, tmp_path / "s", budget="6s", seeds=50)
    assert not runs(tmp_path / "s")
    assert len(run(letters, tmp_path / "s", budget="10m").findings) == 1  # the same folder, with more time


def test_other_folders_are_not_written_into(letters: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadRun, match="exists and is not a study"):
        run(letters, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_seeds_are_added_until_a_claim_is_clear(letters: Path, tmp_path: Path) -> None:
    """Only the two arms of the claim get them; resumed, the study ends in the same numbers without another run."""
    said: list[str] = []
    grown = run(
        letters,
        tmp_path / "s",
        claims="pooling",
        seeds="auto",
        listen=lambda event: said.append(event.text) if isinstance(event, Message) else None,
    )
    (found,) = grown.findings
    assert found.effect is not None
    compared = [len(found.arm(name).errors) for name in ("max", "average")]
    assert compared == [found.effect.seeds] * 2
    assert len(found.arm("strided-convolution").errors) == 3
    assert grown.seeds == found.effect.seeds
    assert sum("for what is not clear yet: pooling" in line for line in said) == found.effect.seeds - 3
    assert (found.verdict != "too-few") or found.effect.seeds == 16
    assert "--seeds auto --budget 10m" in grown.command


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_processes_and_ray_give_the_numbers_of_one_process(letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    here = run(letters, tmp_path / "processes", processes=2)
    cluster = run(letters, tmp_path / "ray", on="ray", processes=2)
    assert errors(here) == errors(cluster)
    grown = [run(letters, tmp_path / f"auto-{on}", on=on, processes=2, seeds="auto") for on in ("local", "ray")]
    assert errors(grown[0]) == errors(grown[1])
    assert [one.effect for one in grown[0].findings] == [one.effect for one in grown[1].findings]


def test_ray_that_is_not_installed_is_named_with_its_extra(letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BadRun, match=r"pip install '\.\[ray\]'"):
        run(letters, tmp_path / "s", on="ray")
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_claim_that_measures_more_repeats_the_runs_that_lack_it(
    letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path
) -> None:
    """The common recipe's run is that of `overlap` too: it is made again, ends in the same errors, and is not made a third time."""
    out = tmp_path / "copy"
    _copy(finished[1], out)
    before = runs(out)
    report = run(letters, out, claims="probes,activation-gradients,activation-cost")
    after = runs(out)
    repeated = [key for key in before if set(after[key].measured) == {"gradients-end", "gradients-epoch", "probes"}]
    assert len(repeated) == 2  # seeds
    for key in before:
        assert (after[key].wrong, after[key].gradients) == (before[key].wrong, before[key].gradients)
    layers = "conv1 conv2 conv3 conv4 conv5 fc6 fc7".split()
    for key in repeated:
        one = after[key]
        assert list(one.probes) == layers
        assert one.probes["fc7"] == pytest.approx(sum(one.probed) / len(one.probed))
        assert list(one.gradients_epoch) == list(one.gradients_end) == [*layers, "fc8"]
        assert one.gradients_epoch != one.gradients_end != one.gradients
        assert not list((out / "runs" / key).glob("first-epoch*"))
    found = {finding.claim: finding for finding in report.findings}
    assert list(found) == ["activation-cost", "activation-gradients", "overlap", "probes"]
    for arm in found["activation-cost"].arms:
        assert set(arm.step_times) == {"forward", "step"}
        assert 0.2 < arm.step_times["step"] < 5
    assert {one.measure for one in found["activation-gradients"].also} == {"gradients", "gradients-end"}
    assert found["probes"].arm("layers-random").parameters < found["probes"].arm("layers-trained").parameters
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Error of a linear machine on each layer" in page
    assert "Norm of the gradient after the first epoch" in page
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "fit", forbidden)
        assert run(letters, out, claims=None, seeds=None, budget=None, overrides=None).findings == report.findings


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_is_resumed_has_the_gradients_after_its_first_epoch(letters: Path, tmp_path: Path) -> None:
    words: dict[str, Any] = {"claims": "activation-gradients", "overrides": FIELDS | {"training.epochs": "4"}}
    whole = run(letters, tmp_path / "whole", **words)
    stops = iter([False] * 60 + [True] * 10_000)
    with pytest.raises(Interrupted):
        run(letters, tmp_path / "stopped", should_stop=lambda: next(stops), **words)
    resumed = run(letters, tmp_path / "stopped", **words)
    assert [arm.gradients_epoch for arm in resumed.findings[0].arms] == [arm.gradients_epoch for arm in whole.findings[0].arms]


@pytest.mark.slow
def test_features_of_a_network_that_others_trained(letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`transfer` on a tenth of 16 px images, enlarged: from scratch, frozen and trained further all have an outcome."""
    whole = STUDIES["transfer"]
    monkeypatch.setitem(STUDIES, "transfer", replace(whole, arms=tuple(arm for arm in whole.arms if arm.name.endswith("-10"))))
    report = run(letters, tmp_path / "study", claims="transfer", overrides=FIELDS | {"fraction": "1"})
    (finding,) = report.findings
    assert [arm.name for arm in finding.arms] == ["scratch-10", "frozen-10", "tuned-10"]
    assert {outcome.failure for outcome in runs(tmp_path / "study").values()} == {None}
    assert not report.not_applicable
