"""A whole study on real digits, in seconds: run, gone on with, extended, stopped; failures kept; Ray and processes give the same."""

import json
from collections.abc import Callable
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
from alexnet.studies.findings import StudyReport
from alexnet.studies.outcome import Outcome, read_outcome
from alexnet.studies.request import StudyFolder

FIELDS = {"training.epochs": "2", "network.width": "0.02", "training.batch_size": "8"}


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
    asked: dict[str, Any] = {"claims": "dropout", "seeds": 2, "budget": "10m", "processes": 1, "overrides": FIELDS}
    return job.study(letters, out=out, **asked | words)


@pytest.fixture(scope="module")
def finished(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyReport, Path]:
    out = tmp_path_factory.mktemp("studies") / "dropout"
    return run(letters, out), out


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
    assert [len(arm["errors"]) for arm in study["arms"]] == [2, 2, 2]
    assert study["verdict"] in {"holds here", "not shown", "reversed here"}


def test_each_run_says_what_it_measured(finished: tuple[StudyReport, Path]) -> None:
    _, out = finished
    outcomes = runs(out)
    assert len(outcomes) == 6  # three arms, two seeds
    for key, outcome in outcomes.items():
        assert outcome.key == key
        assert outcome.failure is None
        assert outcome.judged_error == pytest.approx(sum(outcome.wrong) / len(outcome.wrong))
        assert outcome.epochs == 2.0
        assert len(outcome.history) == 2
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


def forbidden(*_: object) -> None:
    raise AssertionError("a run was made again")


@pytest.mark.slow
def test_claims_and_seeds_are_added(letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    out = tmp_path / "copy"
    _copy(finished[1], out)
    before = set(runs(out))
    more = run(letters, out, claims="weight-decay", seeds=3)
    assert [finding.claim for finding in more.findings] == ["dropout", "weight-decay"]
    assert all(len(arm.errors) == 3 for finding in more.findings for arm in finding.arms)
    assert before < set(runs(out))
    assert len(runs(out)) == 3 * (3 + 2)  # the first arm of both claims is the same runs


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


def test_a_failed_run_is_reported_and_the_others_go_on(letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fit_network

    def failing(given: Any, *rest: Any) -> Any:
        if given.recipe.network.dropout_place == "convolutions":
            raise TrainingFailed("Training stopped: the loss became nan.")
        return fit(given, *rest)

    monkeypatch.setattr(trial, "fit", failing)
    said: list[str] = []
    report = run(
        letters,
        tmp_path / "s",
        overrides=FIELDS | {"training.epochs": "1"},
        listen=lambda event: said.append(event.text) if isinstance(event, Message) else None,
    )
    arm = report.findings[0].arm("dropout-conv")
    assert list(arm.errors) == [None, None]
    assert arm.failures == ("Training stopped: the loss became nan.",) or list(arm.failures) == ["Training stopped: the loss became nan."]
    assert report.findings[0].arm("dropout-fc").mean is not None
    assert any("dropout-conv, seed 0: no result. Training stopped" in line for line in said)


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
    assert (job.judging_images(folder, 0) == job.judging_images(folder, 1)) == same


def test_a_plan_is_told_before_anything_runs(letters: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(Interrupted):
        run(
            letters,
            tmp_path / "s",
            overrides=None,
            listen=lambda event: said.append(event.text) if isinstance(event, Message) else None,
            should_stop=lambda: any(line.startswith("Plan:") for line in said),
        )
    plan = next(line for line in said if line.startswith("Plan:"))
    assert "6 runs (1 claim, 2 seeds)" in plan
    assert "Expected precision of a difference: ±" in plan


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
def test_processes_and_ray_give_the_numbers_of_one_process(letters: Path, finished: tuple[StudyReport, Path], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    here = run(letters, tmp_path / "processes", processes=2)
    cluster = run(letters, tmp_path / "ray", on="ray", processes=2)
    assert errors(here) == errors(cluster)


def test_ray_that_is_not_installed_is_named_with_its_extra(letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BadRun, match=r"pip install 'alexnet\[ray\]'"):
        run(letters, tmp_path / "s", on="ray")
    assert not (tmp_path / "s").exists()
