"""The search for the best system: what it tries, in which order, and what remains when it is stopped."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runs.test_train import some_of

import alexnet
from alexnet.data.balance import effective_images
from alexnet.errors import AlexNetError, BadDataset, BadModel, BadRecipe, BadRun, BudgetTooSmall, Interrupted
from alexnet.evaluation.evaluate import evaluate as evaluate_images
from alexnet.i18n.phrases import REASONS, PageWords
from alexnet.recipes.toml import from_toml
from alexnet.runs.report.record_json import read_report
from alexnet.runs.report.sections.search import Systems
from alexnet.runs.tried import Search, Tried, choice_of
from alexnet.runtime.events import Event, Message
from alexnet.search import search as searching
from alexnet.search.attempt import attempt
from alexnet.search.candidates import Candidate, candidates_for
from alexnet.search.request import read_search, write_search

LENET = Candidate(model="lenet", needs_trial=False)
HOG = Candidate(model="hog-svm", fixed_seconds=0.5, image_seconds=0.001)
RAW = Candidate(model="raw-svm", fixed_seconds=0.5, image_seconds=0.001)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a search have these candidates alone."""

    def set_candidates(*candidates: Candidate) -> None:
        monkeypatch.setattr(searching, "candidates_for", lambda side: list(candidates))

    return set_candidates


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Message)]


def test_the_best_of_two_becomes_an_ordinary_run(digits_folder: Path, tmp_path: Path, only: Callable[..., None]) -> None:
    only(RAW, HOG)
    heard: list[Event] = []
    result = alexnet.train(digits_folder, out=tmp_path / "run", budget="1m", listen=heard.append)
    rows = {row.model: row.error for row in read_search(tmp_path / "run").tried}  # type: ignore[union-attr]
    assert set(rows) == {"raw-svm", "hog-svm"}
    assert result.model == min(rows, key=lambda name: rows[name] or 0.0)
    assert result.validation_error == rows[result.model]
    assert result.test_error is not None
    assert [(one["model"], one["validation_error"]) for one in result.candidates] == list(rows.items())
    assert f"{result.model} was the best of 2 systems tried" in result.choice
    assert alexnet.load(tmp_path / "run").model_card.model == result.model
    assert not (tmp_path / "run" / "candidates").exists()
    assert "The systems that were tried" in (tmp_path / "run" / "report.html").read_text()
    again = read_report(tmp_path / "run" / "report.json")
    assert not again.damaged
    assert [row.model for row in again.part(Systems).search.tried] == ["raw-svm", "hog-svm"]  # type: ignore[union-attr]
    assert alexnet.train(digits_folder, out=tmp_path / "run", resume=True) == result
    assert any("it had the lowest validation error of 2 systems tried" in text for text in texts(heard))
    reason = PageWords("zh").retold(f"This model was chosen because {result.model_reason}.", REASONS)
    assert "2 个系统" in reason


def test_the_test_images_are_used_once(
    digits_folder: Path, tmp_path: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        judged.append(len(arguments[3]))
        return evaluate_images(*arguments, **named)

    monkeypatch.setattr("alexnet.runs.finish.evaluate", counted)
    only(RAW, HOG)
    alexnet.train(digits_folder, out=tmp_path / "run", budget="1m")
    assert judged == [30]


@pytest.mark.slow
def test_a_network_that_wins_leaves_the_recipe_that_repeats_it(digits_folder: Path, tmp_path: Path, only: Callable[..., None]) -> None:
    only(LENET)
    result = alexnet.train(digits_folder, out=tmp_path / "run", budget="14s")
    training = from_toml(tmp_path / "run" / "recipe.toml").training
    assert (result.model, training.budget_seconds, training.epochs) == ("lenet", 0.0, result.epochs)
    again = alexnet.train(digits_folder, recipe=tmp_path / "run" / "recipe.toml", out=tmp_path / "again", baseline=False)
    assert again.epochs == pytest.approx(result.epochs)
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) >= 1


def test_a_search_that_is_stopped_keeps_what_it_has_finished(digits_folder: Path, tmp_path: Path, only: Callable[..., None]) -> None:
    only(RAW, HOG)
    run, heard = tmp_path / "run", list[Event]()

    def after_the_first() -> bool:
        return any(text.startswith("Trying hog-svm") for text in texts(heard))

    with pytest.raises(Interrupted) as stop:
        alexnet.train(digits_folder, out=run, budget="1m", listen=heard.append, should_stop=after_the_first)
    assert f"Resume with: alexnet train --out {run} --resume" in stop.value.__notes__
    saved = read_search(run)
    assert saved is not None
    assert [row.model for row in saved.tried] == ["raw-svm"]
    assert saved.seconds >= saved.tried[0].seconds
    with pytest.raises(BadRun, match="already holds a run"):
        alexnet.train(digits_folder, out=run)
    with pytest.raises(BadRun, match=r"another search \(then / now\):\n  budget_seconds: 60.0 / 120.0"):
        alexnet.train(digits_folder, out=run, budget="2m", resume=True)
    heard.clear()
    result = alexnet.train(digits_folder, out=run, resume=True, listen=heard.append)
    assert not any(text.startswith("Trying raw-svm") for text in texts(heard))
    assert "best of 2 systems" in result.choice


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ({"epochs": 1}, "epochs"),
        ({"recipe": "paper"}, "recipe"),
        ({"overrides": {"training.learning-rate": 1}}, "overrides"),
        ({"image_size": 32}, "image-size"),
    ],
)
def test_best_with_what_it_chooses_itself_is_refused(digits_folder: Path, tmp_path: Path, words: dict[str, Any], name: str) -> None:
    with pytest.raises(BadRecipe, match=f"leave out {name}"):
        alexnet.train(digits_folder, model="best", out=tmp_path / "run", **words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [{"epochs": 1}, {"recipe": "lecture", "epochs": 1}, {"model": "lenet", "epochs": 1}])
def test_whoever_chooses_anything_gets_that_alone(digits_folder: Path, tmp_path: Path, words: dict[str, Any]) -> None:
    """Not the search, whose candidates would be seen in the folder."""

    def stop() -> bool:
        return True

    with pytest.raises(Interrupted):
        alexnet.train(digits_folder, out=tmp_path / "run", should_stop=stop, baseline=False, **words)
    assert not (tmp_path / "run" / "search.json").exists()


def test_a_misspelt_best_is_told(digits_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="Did you mean 'best'"):
        alexnet.train(digits_folder, model="bset", out=tmp_path / "run")


def test_too_little_time_says_what_each_would_need(digits_folder: Path, tmp_path: Path, only: Callable[..., None]) -> None:
    only(Candidate(model="hog-svm", fixed_seconds=1000.0), Candidate(model="alexnet"))
    with pytest.raises(BudgetTooSmall, match=r"(?s)No system had a result within 6.0 s:.*hog-svm: would take about .*--model hog-svm"):
        alexnet.train(digits_folder, out=tmp_path / "run", budget="6s")
    with pytest.raises(BudgetTooSmall, match=r"0\.5 s is too short"):
        alexnet.train(digits_folder, out=tmp_path / "other", budget="0.5s")


def test_without_time_for_all_images_a_share_of_the_same_split_is_used(
    digits_folder: Path, tmp_path: Path, only: Callable[..., None]
) -> None:
    only(RAW, Candidate(model="hog-svm", image_seconds=1.0))
    heard: list[Event] = []
    alexnet.train(digits_folder, out=tmp_path / "run", budget="2m", keep_checkpoints=True, listen=heard.append)
    rows = {row.model: row for row in read_search(tmp_path / "run").tried}  # type: ignore[union-attr]
    share = rows["hog-svm"].fraction
    assert 0.2 <= share < 0.8
    assert rows["raw-svm"].fraction == 1.0
    assert f"Trying hog-svm on {share:.0%} of the training pictures" in "\n".join(texts(heard))
    splits = json.loads((tmp_path / "run" / "splits.json").read_text())
    sizes = {text for text in texts(heard) if text.startswith("Pictures: ")}
    assert sizes == {f"Pictures: {len(splits['train'])} training, {len(splits['validation'])} validation, {len(splits['test'])} test."}
    everything = json.loads((tmp_path / "run" / "candidates" / "raw-svm" / "splits.json").read_text())
    share_split = json.loads((tmp_path / "run" / "candidates" / "hog-svm" / "splits.json").read_text())
    assert (share_split["validation"], share_split["test"]) == (everything["validation"], everything["test"])
    assert set(share_split["train"]) < set(everything["train"])
    assert len(share_split["train"]) == pytest.approx(share * len(everything["train"]), abs=10)
    assert f"{100 * share:.1f}% of the training pictures" in (tmp_path / "run" / "report.html").read_text()


def test_what_an_earlier_start_fitted_is_fitted_again_though_no_time_is_left(
    digits_folder: Path, tmp_path: Path, only: Callable[..., None]
) -> None:
    """Killed between the last attempt and the test: the next start has the rows, no model, and no seconds."""
    only(RAW, HOG)
    run = tmp_path / "run"

    def stopped(event: Event) -> None:
        if isinstance(event, Message) and event.text.startswith("Testing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alexnet.train(digits_folder, out=run, budget="1m", listen=stopped)
    saved = read_search(run)
    assert saved is not None
    write_search(run, replace(saved, seconds=1_000.0))
    result = alexnet.train(digits_folder, out=run, resume=True)
    assert result.model == min(saved.tried, key=lambda row: row.rank).model
    assert len(result.candidates) == 2


@pytest.mark.parametrize(
    ("words", "message"), [({"seed": -1}, "seed is -1"), ({"max_unreadable": 5.0}, "max_unreadable is 5"), ({"device": "abacus"}, "abacus")]
)
def test_mistakes_are_found_before_anything_is_made(digits_folder: Path, tmp_path: Path, words: dict[str, Any], message: str) -> None:
    with pytest.raises(AlexNetError, match=message):
        alexnet.train(digits_folder, out=tmp_path / "run", **words)
    assert not (tmp_path / "run").exists()


def test_of_equal_errors_the_faster_wins_and_is_not_fitted_twice(
    digits_folder: Path, tmp_path: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(RAW, HOG)
    fitted: list[str] = []

    def equal(state: Any, model: str, **named: Any) -> Any:
        fitted.append(model)
        done = attempt(state, model, **named)
        return replace(done, tried=replace(done.tried, error=0.1, seconds={"raw-svm": 9.0, "hog-svm": 1.0}[model]))

    monkeypatch.setattr(searching, "attempt", equal)
    monkeypatch.setattr("alexnet.search.conclude.attempt", equal)
    assert alexnet.train(digits_folder, out=tmp_path / "run", budget="1m").model == "hog-svm"
    assert fitted == ["raw-svm", "hog-svm"]


def test_the_first_candidates_images_that_cannot_be_used_end_the_search(
    digits_folder: Path, tmp_path: Path, only: Callable[..., None]
) -> None:
    only(RAW, HOG)
    folder = some_of(digits_folder, tmp_path / "pictures", {"0": "zero", "1": "one"}, 20)
    for path in sorted(folder.rglob("*.*"))[:10]:
        path.write_bytes(b"no picture")
    with pytest.raises(BadDataset, match="max-unreadable"):
        alexnet.train(folder, out=tmp_path / "run", budget="1m")


def test_a_candidate_without_a_result_does_not_end_the_search(
    digits_folder: Path, tmp_path: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(RAW, HOG)

    def failing(state: Any, model: str, **named: Any) -> Any:
        if model == "raw-svm":
            raise AlexNetError("raw-svm does not work today.")
        return attempt(state, model, **named)

    monkeypatch.setattr(searching, "attempt", failing)
    result = alexnet.train(digits_folder, out=tmp_path / "run", budget="1m")
    assert result.model == "hog-svm"
    assert "the only system with a result" in result.choice
    assert "no result: raw-svm does not work today." in (tmp_path / "run" / "report.html").read_text()


def test_the_data_is_that_of_the_search(digits_folder: Path, tmp_path: Path, only: Callable[..., None]) -> None:
    only(RAW)
    smaller = some_of(digits_folder, tmp_path / "smaller", {"0": "zero", "1": "one"}, 20)
    result = alexnet.train(smaller, out=tmp_path / "run", budget="1m", seed=3)
    card = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert card["classes"] == ["one", "zero"]
    assert from_toml(tmp_path / "run" / "recipe.toml").seed == 3
    assert result.recipe == "quick"


def test_candidates_are_models_and_fast_ones_come_first() -> None:
    for side in (8, 28, 32, 63, 64, 100, 256, 4_000):
        found = candidates_for(side)
        assert len({one.model for one in found}) == len(found)
        assert any(one.is_trained for one in found)
        assert [one.is_trained for one in found] == sorted(one.is_trained for one in found)


def test_what_is_said_of_a_choice() -> None:
    def search(*errors: float, n: int = 100) -> Search:
        names = ("fisher-svm", "hog-svm", "alexnet")
        rows = [Tried(model=name, error=error, seconds=1.0) for name, error in zip(names, errors, strict=False)]
        return Search(budget_seconds=60.0, validation=n, tried=(*rows, Tried(model="lenet", why_not="too_short", left=3.0)))

    assert "either would do" in choice_of(search(0.10, 0.12))
    assert "either" not in choice_of(search(0.10, 0.30))
    assert "best of 3 systems tried: 5.0%" in choice_of(search(0.20, 0.10, 0.05)).striptags()
    assert "only system" in choice_of(search(0.2))
    close, clear = search(0.10, 0.12), search(0.10, 0.12, n=100_000)
    assert ("either" in choice_of(close), "either" in choice_of(clear)) == (True, False)
    assert [one.model for one in search(0.2, 0.1, 0.2).ranked] == ["hog-svm", "fisher-svm", "alexnet"]


def test_few_images_of_small_classes_tell_balanced_errors_apart_badly() -> None:
    """950 images of one class and 50 of another tell the mean of two errors as 190 images do: 4 / (1 / 950 + 1 / 50)."""
    effective = effective_images(np.repeat([0, 1], [950, 50]))
    rows = tuple(Tried(model=name, error=0.05, balanced_error=error) for name, error in (("alexnet", 0.10), ("hog-svm", 0.13)))
    found = Search(budget_seconds=60.0, validation=1_000, tried=rows, effective=effective)
    assert effective == 190
    assert effective_images(np.repeat([0, 2], [40, 40])) == 80
    assert "either would do" in choice_of(found)
    assert "either would do" not in choice_of(replace(found, effective=1_000))


def test_of_two_attempts_the_better_one_counts() -> None:
    rows = (
        Tried(model="alexnet", error=0.5, seconds=20.0, epochs=1.0),
        Tried(model="hog-svm", error=0.3, seconds=2.0),
        Tried(model="alexnet", error=0.2, seconds=90.0, epochs=9.0),
    )
    assert [(one.model, one.error) for one in Search(budget_seconds=120.0, validation=50, tried=rows).ranked] == [
        ("alexnet", 0.2),
        ("hog-svm", 0.3),
    ]
