"""Whole runs on real images: they learn, they can be repeated from their recipe, and they say when they cannot work."""

import json
import shlex
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from alexnet.cli import main
from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset, BadRun, BudgetTooSmall, TrainingFailed
from alexnet.recipes.toml import from_toml
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.train import train
from alexnet.runtime.events import EpochDone, Event, Message, Planned, StepDone

FAST = {"training.batch_size": 16, "training.learning_rate": 0.02, "network.activation": "relu", "network.pooling": "max"}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def some_of(digits_folder: Path, out: Path, classes: dict[str, str], count: int = 30) -> Path:
    """A folder of some digits under other class names."""
    for digit, name in classes.items():
        (out / name).mkdir(parents=True)
        for file in sorted((digits_folder / digit).iterdir())[:count]:
            shutil.copy(file, out / name)
    return out


def test_it_learns(digits_run: Path) -> None:
    result = json.loads((digits_run / "result.json").read_text())
    assert result["validation_error"] < 0.3, "guessing gives 0.9"
    assert result["test_error"] < 0.3
    rows = [json.loads(line) for line in (digits_run / "history.jsonl").read_text().splitlines()]
    assert rows[-1]["training_loss"] < rows[0]["training_loss"] / 2


def test_the_share_that_is_kept_for_validation_can_be_set(digits_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["train", str(digits_folder), "--model", "raw-svm", "--set", "validation=0.3", "--out", str(out), "--json"]) == 0
    splits = json.loads((out / "splits.json").read_text())
    sizes = {name: len(splits[name]) for name in ("train", "validation", "test")}
    assert abs(sizes["validation"] - 90) <= 5
    assert abs(sizes["test"] - 30) <= 5
    assert sum(sizes.values()) == 300


def test_a_share_for_validation_that_leaves_nothing_is_refused(
    digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(digits_folder), "--model", "raw-svm", "--set", "validation=1", "--out", str(tmp_path / "run")]) == 2
    assert "validation is 1; it is the share of the pictures to validate on, above 0 and below 1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_is_repeated_from_its_recipe_file(digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that the report prints, seed and all."""
    words = ["train", str(digits_folder), "--model", "lenet", "--epochs", "1.5", "--seed", "11", "--out", str(tmp_path / "first")]
    assert main([*words, "--network.activation", "tanh", "--training.batch-size=20"]) == 0
    recipe = from_toml(tmp_path / "first" / "recipe.toml")
    assert (recipe.seed, recipe.network.activation, recipe.training.batch_size, recipe.training.epochs) == (11, "tanh", 20, 1.5)
    assert main(["train", "--recipe", str(tmp_path / "first" / "recipe.toml"), "--out", str(tmp_path / "second")]) == 0
    assert same(tmp_path / "first", tmp_path / "second")
    assert main(["train", "--recipe", str(tmp_path / "first" / "recipe.toml"), "--seed", "12", "--out", str(tmp_path / "third")]) == 0
    assert not same(tmp_path / "first", tmp_path / "third")
    command = shlex.join(["alexnet", "train", str(digits_folder), "--recipe", str(tmp_path / "first" / "recipe.toml")])
    assert command in (tmp_path / "first" / "report.html").read_text().replace("&#39;", "'")
    assert "lenet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("zip", marks=pytest.mark.slow),
        pytest.param("tar", marks=pytest.mark.slow),
        pytest.param("tar.gz", marks=pytest.mark.slow),
    ],
)
def test_an_archive_trains_as_its_folder_does(digits_run: Path, digits_folder: Path, tmp_path: Path, form: str) -> None:
    archive = tmp_path / f"digits with spaces ü.{form}"
    if form == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for file in sorted(digits_folder.rglob("*.png")):
                packed.write(file, file.relative_to(digits_folder))
    else:
        with tarfile.open(archive, "w:gz" if form == "tar.gz" else "w") as tar:
            tar.add(digits_folder, ".")
    train(archive, model="lenet", epochs=4, out=tmp_path / "run", overrides=FAST)
    assert same(digits_run, tmp_path / "run")


def test_names_of_all_kinds(digits_folder: Path, tmp_path: Path) -> None:
    names = {"0": "été [1]", "1": "数字 & <b>", "2": 'a "b" %s {x}', "3": "-x --y"}
    folder = some_of(digits_folder, tmp_path / "pictures & more", names)
    train(folder, model="lenet", epochs=8, out=tmp_path / "run ü", baseline=False, overrides=FAST)
    found = evaluate_run(tmp_path / "run ü")
    assert sorted(found.classes) == sorted(names.values())
    assert found.top1_error < 0.4
    page = (tmp_path / "run ü" / "report.html").read_text(encoding="utf-8")
    assert "<b>" not in page.replace("数字 &amp; &lt;b&gt;", "")


def test_fine_tuning_to_other_classes(digits_run: Path, digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = some_of(digits_folder, tmp_path / "pictures", {"4": "four", "7": "seven", "9": "nine"})
    words = ["train", str(folder), "--model", "lenet", "--weights", str(digits_run), "--epochs", "1", "--out", str(tmp_path / "run")]
    fields = ["--network.activation", "relu", "--network.pooling", "max", "--training.learning-rate", "0.02", "--training.batch-size", "16"]
    assert main([*words, *fields, "--no-baseline"]) == 0
    assert "classifier.fc5 starts from random weights for 3 classes" in capsys.readouterr().err
    assert from_toml(tmp_path / "run" / "recipe.toml").training.lower_layers == 0.1
    before, after = weights(digits_run), weights(tmp_path / "run")
    moved = {name: float((after[name] - before[name]).norm() / before[name].norm()) for name in before if "fc5" not in name}
    assert all(0 < share < 0.2 for share in moved.values()), "the lower layers start from the weights and move slowly"
    assert after["classifier.fc5.weight"].shape == (3, 84)


def test_listeners_hear_every_step_and_epoch(digits_folder: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    words: dict[str, Any] = {"model": "lenet", "epochs": 2, "baseline": False, "overrides": {"training.batch_size": 60}}
    train(digits_folder, out=tmp_path / "run", listen=events.append, **words)
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [step.step for step in steps] == list(range(1, 9))
    assert [step.progress for step in steps] == pytest.approx([step / 8 for step in range(1, 9)])
    assert [event.row["epoch"] for event in events if isinstance(event, EpochDone)] == [1.0, 2.0]
    texts = [event.text for event in events if isinstance(event, Message)]
    assert texts[0] == "Model lenet: it was requested."
    assert "Pictures: 240 training, 30 validation, 30 test." in texts


@pytest.mark.slow
def test_tensorboard_files(digits_folder: Path, tmp_path: Path) -> None:
    event_file_loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    run = tmp_path / "run"
    words = ["train", str(digits_folder), "--model", "lenet", "--epochs", "2", "--out", str(run), "--tensorboard"]
    assert main(words) == 0
    (file,) = (run / "tensorboard").iterdir()
    values = [value for event in event_file_loader.EventFileLoader(str(file)).Load() for value in event.summary.value]
    losses = [value.tensor.float_val[0] for value in values if value.tag == "validation_loss"]
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert losses == pytest.approx([row["validation_loss"] for row in rows])
    assert {value.tag for value in values} == set(rows[0])


def test_a_loss_that_is_not_finite_ends_with_a_diagnosis(digits_folder: Path, tmp_path: Path) -> None:
    changes = FAST | {"training.learning_rate": 1e6, "training.schedule": "constant"}
    with pytest.raises(TrainingFailed, match=r"(?s)Training stopped: the loss .*learning-rate"):
        train(digits_folder, model="lenet", epochs=5, out=tmp_path / "run", baseline=False, overrides=changes)
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize("images", [1, 2, pytest.param(3, marks=pytest.mark.slow), 4])
def test_very_few_images_train_or_are_refused_before_the_work(digits_folder: Path, tmp_path: Path, images: int) -> None:
    folder = some_of(digits_folder, tmp_path / "pictures", {"0": "zero", "1": "one"}, images)
    trained: list[Event] = []
    try:
        result = train(folder, model="lenet", epochs=1, out=tmp_path / "run", listen=trained.append)
    except BadDataset as error:
        assert "pictures" in str(error)  # noqa: PT017 - either way is right
        assert not [event for event in trained if isinstance(event, StepDone)]
        return
    assert result.epochs == 1
    assert evaluate_run(tmp_path / "run", split="validation").n > 0


def test_a_folder_in_the_way_is_refused_before_anything_is_measured(digits_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.recipes.resolve.affordable_scale", lambda *_, **__: pytest.fail("a step was measured"))
    with pytest.raises(BadRun, match="already holds a run"):
        train("digits", model="alexnet", budget="1m", out=digits_run)


@pytest.mark.slow
def test_without_out_each_run_gets_its_folder(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(digits_folder, tmp_path / "pictures")
    runs = [train("pictures", model="lenet", epochs=0.1).run for _ in range(2)]
    assert runs == ["runs/pictures-lenet", "runs/pictures-lenet-2"]


@pytest.mark.parametrize("recipe", ["quick", *(pytest.param(name, marks=pytest.mark.slow) for name in ("paper", "lecture"))])
def test_every_recipe_trains_on_colour_images(digits_folder: Path, tmp_path: Path, recipe: str) -> None:
    """Flowers in two colours, larger than the model: crops, mirrors, colours and noise all take part."""
    chance = torch.Generator().manual_seed(0)
    for name, level in (("daisy", 200), ("tulip", 60)):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        for number in range(24):
            pixels = (torch.rand(40, 50, 3, generator=chance) * 50 + level).to(torch.uint8)
            Image.fromarray(pixels.numpy()).save(tmp_path / "flowers" / name / f"{number}.jpg")
    words: dict[str, Any] = {"model": "alexnet-cifar", "recipe": recipe, "epochs": 2, "baseline": False}
    result = train(tmp_path / "flowers", out=tmp_path / "run", workers=2, **words)
    assert result.recipe == recipe
    assert 0 <= result.validation_error <= 1


@pytest.mark.slow
def test_a_budget_instead_of_epochs(tmp_path: Path) -> None:
    events: list[Event] = []
    result = train("digits", model="lenet", budget="8s", out=tmp_path / "run", listen=events.append)
    assert any(isinstance(event, Planned) for event in events)
    last = [event for event in events if isinstance(event, StepDone)][-1]
    assert last.progress == pytest.approx(1, abs=0.05), "the schedule has come to its end"
    assert result.epochs == [event.row["epoch"] for event in events if isinstance(event, EpochDone)][-1]
    with pytest.raises(BudgetTooSmall, match="--budget"):
        train("digits", model="alexnet-cifar", budget="0.1s", out=tmp_path / "short")


@pytest.mark.slow
def test_real_photographs_are_learned(shared_data: Path, tmp_path: Path) -> None:
    """Hands that show digits: 2,062 photographs, a minute of training."""
    words: dict[str, Any] = {"model": "alexnet-cifar", "epochs": 8, "out": tmp_path / "run"}
    result = train(shared_data / "sign-digits.zip", **words)
    assert result.test_error is not None
    assert result.test_error < 0.8, "guessing gives 0.9, four deviations above"
    assert open_dataset(shared_data / "sign-digits.zip").traits.flip is False
