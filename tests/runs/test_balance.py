"""Classes of different size, made by leaving images of real digits out: weights in the loss, balanced sampling, and what reports say."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.runs.test_resume import differing, history

import alexnet
from alexnet.cli import main
from alexnet.errors import AlexNetError, BadRecipe, Interrupted
from alexnet.recipes.toml import from_toml
from alexnet.runtime.events import Event, StepDone
from alexnet.search import search as searching
from alexnet.search.candidates import Candidate, for_uneven
from alexnet.search.request import SearchRequest, read_search

FEW = 6  # of 110, for training


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 1,797 digits in their own splits, but of the odd ones only FEW for training."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder, seen = tmp_path_factory.mktemp("uneven") / "digits", dict.fromkeys(range(10), 0)
    bunch = load_digits()
    for index, (pixels, label) in enumerate(zip(bunch.images, bunch.target.tolist(), strict=True)):
        seen[label] += 1
        split = "test" if seen[label] > 140 else "validation" if seen[label] > 110 else "train"
        if split == "train" and label % 2 and seen[label] > FEW:
            continue
        place = folder / split / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).round().astype("uint8")).save(place / f"{index:04d}.png")
    return folder


def balanced_accuracy(run: Path) -> float:
    return alexnet.evaluate(run).balanced_accuracy


def test_weights_help_the_small_classes_of_an_svm(uneven: Path, tmp_path: Path) -> None:
    found = {}
    for balance in ("none", "loss"):
        changes = {"solver.strengths": "0.03"}
        result = alexnet.train(uneven, model="raw-svm", balance=balance, out=tmp_path / balance, overrides=changes)
        assert from_toml(tmp_path / balance / "recipe.toml").solver.balance == balance
        found[balance] = balanced_accuracy(tmp_path / balance)
        assert result.test_error is not None
    assert found["loss"] > found["none"] + 0.01
    assert "every class weighs the same" in (tmp_path / "loss" / "report.html").read_text()
    assert "balance" not in (tmp_path / "none" / "recipe.toml").read_text(), "runs of earlier versions keep their identity"


def test_validation_chooses_whether_an_svm_is_balanced(uneven: Path, tmp_path: Path) -> None:
    changes = {"solver.balance": "validation", "solver.strengths": "0.03"}
    alexnet.train(uneven, model="raw-svm", out=tmp_path / "run", overrides=changes)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    tried = report["solver"]["tried"]
    assert set(tried) == {"C = 0.03", "C = 0.03, balanced"}
    assert report["solver"]["classes"].startswith("every class weighs the same")


def test_an_svm_draws_no_images(uneven: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"raw-svm ends in an SVM.*draws none. Use --balance loss"):
        alexnet.train(uneven, model="raw-svm", balance="sampling", out=tmp_path / "run")
    with pytest.raises(BadRecipe, match=r"balance is 'classes'; it can be 'none', 'loss', 'sampling'"):
        alexnet.train(uneven, model="raw-svm", balance="classes", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("balance", [pytest.param("loss", marks=pytest.mark.slow), "sampling"])
def test_a_network_that_is_stopped_ends_the_same_to_the_bit(uneven: Path, tmp_path: Path, balance: str) -> None:
    steps = 0

    def listen(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, StepDone)

    words = {"model": "lenet", "epochs": 1.5, "balance": balance, "baseline": False}
    changes = {"training.batch_size": 64, "network.activation": "relu", "augment.crop": True, "augment.crop_padding": 2}
    alexnet.train(uneven, out=tmp_path / "whole", overrides=changes, keep_checkpoints=True, **words)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        alexnet.train(
            uneven,
            out=tmp_path / "run",
            overrides=changes,
            listen=listen,
            should_stop=lambda: steps == 11,
            **words,  # type: ignore[arg-type]
        )
    alexnet.train(uneven, out=tmp_path / "run", resume=True)
    assert differing(tmp_path / "whole", tmp_path / "run") == {}
    assert history(tmp_path / "whole") == history(tmp_path / "run")
    row = json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[-1])
    assert 0 <= row["validation_balanced_error"] <= 1
    assert "The mean of the classes&#39; validation errors was lowest at" in (tmp_path / "run" / "report.html").read_text()
    assert getattr(from_toml(tmp_path / "run" / "recipe.toml").training, "balance") == balance  # noqa: B009 - of a dataclass with slots


@pytest.mark.slow
def test_sampling_and_weights_help_the_small_classes_of_a_network(uneven: Path, tmp_path: Path) -> None:
    found = {}
    for balance in ("none", "loss", "sampling"):
        runs = []
        for seed in range(3):
            run = tmp_path / f"{balance}{seed}"
            changes = {"network.activation": "relu", "network.pooling": "max", "training.learning_rate": 0.02, "training.batch_size": 32}
            words = {"epochs": 6, "seed": seed, "balance": balance, "overrides": changes, "baseline": False}
            alexnet.train(uneven, model="lenet", out=run, **words)  # type: ignore[arg-type]
            runs.append(balanced_accuracy(run))
        found[balance] = np.mean(runs)
    assert min(found["loss"], found["sampling"]) > found["none"] + 0.02, found


def test_the_best_of_uneven_classes_is_that_of_the_mean_class(
    uneven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = Candidate(model="raw-svm", fixed_seconds=0.5, image_seconds=0.001)
    hog = Candidate(model="hog-svm", fixed_seconds=0.5, image_seconds=0.001)
    monkeypatch.setattr(searching, "candidates_for", lambda side: [raw, hog])
    assert main(["train", str(uneven), "--budget", "2m", "--out", str(tmp_path / "run"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rows = read_search(tmp_path / "run").tried  # type: ignore[union-attr]
    assert result["model"] == min(rows, key=lambda row: row.balanced_error or 0.0).model
    assert re.search(r"of an average class, \d+\.\d% of the validation pictures", result["choice"])
    page = (tmp_path / "run" / "report.html").read_text()
    assert "of an average class" in page
    assert from_toml(tmp_path / "run" / "recipe.toml").solver.balance == "validation"
    shutil.rmtree(tmp_path / "run")


def test_what_is_requested_decides_between_attempts(
    uneven: Path, digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are: every image counts the same, however uneven the classes; balanced: every class does, however even."""
    monkeypatch.setattr(searching, "candidates_for", lambda side: [Candidate(model="raw-svm", fixed_seconds=0.5, image_seconds=0.001)])
    for data, balance, judged in ((uneven, "none", False), (digits_folder, "loss", True)):
        alexnet.train(data, budget="1m", balance=balance, out=tmp_path / balance)
        (row,) = read_search(tmp_path / balance).tried  # type: ignore[union-attr]
        assert (row.balanced_error is not None) == judged


def test_networks_of_uneven_classes_are_tried_both_ways() -> None:
    rows = for_uneven([Candidate(model="hog-svm"), Candidate(model="convnet-small")])
    assert [(row.model, row.balance, row.needs_trial) for row in rows[1:]] == [
        ("convnet-small", "none", True),
        ("convnet-small", "loss", True),
    ]
    assert [row.folder for row in rows] == ["hog-svm", "convnet-small", "convnet-small-loss"]
    request = SearchRequest(data="digits")
    assert request.of("hog-svm", rows[0].balance).overrides == {"solver.balance": "validation"}
    assert request.of("convnet-small", "loss").balance == "loss"
    assert SearchRequest(data="digits", balance="sampling").of("hog-svm").balance == "loss"


def test_the_command_line_takes_three_words(uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(uneven), "--model", "raw-svm", "--balance", "much", "--out", str(tmp_path / "run")]) == 2
    assert "sampling" in capsys.readouterr().err
    with pytest.raises(AlexNetError, match="balance is 3; it must be a name"):
        alexnet.train(uneven, model="raw-svm", balance=3)  # type: ignore[arg-type]
