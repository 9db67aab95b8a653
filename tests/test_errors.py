"""Every mistake a user can make: status 2, one message on standard error that names the value and what to do, nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from alexnet.cli import main
from alexnet.errors import AlexNetError, UnreadableImage, did_you_mean

Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """The message of a command that must be refused."""

    def message(*words: object) -> str:
        capsys.readouterr()
        status = main([*map(str, words)])
        captured = capsys.readouterr()
        assert (status, captured.out) == (2, ""), captured
        assert "Traceback" not in captured.err
        return captured.err

    return message


@pytest.fixture
def run_copy(digits_run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run that a test may damage."""
    return Path(shutil.copytree(digits_run, tmp_path / "copy of a run"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("--model lenett", ["No model is called 'lenett'", "Did you mean 'lenet'?"]),
        ("--recipe qick", ["No recipe is called 'qick'", "Did you mean 'quick'?", "--recipe FILE.toml"]),
        ("--recipe nowhere.toml", ["nowhere.toml", "cannot be opened"]),
        ("--training.lerning-rate 0.1", ["'training.lerning-rate'", "Did you mean 'training.learning-rate'?"]),
        ("--network.epochs 3", ["Did you mean 'training.epochs'?"]),
        ("--training.epochs many", ["training.epochs is 'many'", "a finite number"]),
        ("--training.epochs inf", ["training.epochs is 'inf'", "a finite number"]),
        ("--training.batch-size 2.5", ["training.batch-size is '2.5'", "a whole number"]),
        ("--augment.flip perhaps", ["augment.flip is 'perhaps'", "true or false"]),
        ("--network.activation swish", ["network.activation is 'swish'", "'relu', 'tanh', 'sigmoid'"]),
        ("--training.schedule never", ["training.schedule is 'never'", "'one-cycle'"]),
        ("--preprocess.fit stretch", ["preprocess.fit is 'stretch'", "'crop', 'squash'"]),
        ("--views centre,side", ["Unknown option", "--views"]),
        ("--lr 0.1", ["Unknown option: --lr", "by its dotted name, such as --training.learning-rate 0.02"]),
        ("--bugdet 3m", ["Did you mean --budget?"]),
        ("--training.lr 0.1", ["Did you mean 'training.learning-rate'?"]),
        ("--set views=centre,side", ["views is 'centre,side'", "centre, ten, shifted, any"]),
        ("--training.learning-rate", ["'--training.learning-rate' needs a value"]),
        ("--epochs 0", ["training.epochs is 0.0", "above 0"]),
        ("--epochs nan", ["epochs is nan", "finite"]),
        ("--epochs three", ["--epochs", "three"]),
        ("--seed -1", ["seed is -1", "from 0"]),
        ("--seed 99999999999", ["seed is 99999999999", "4,294,967,295"]),
        ("--budget soon", ["'soon' is not a duration", "90s, 10m, 2h"]),
        ("--budget 0s", ["'0s' is not above zero"]),
        ("--budget 10", ["'10' is not a duration", "10 has no unit", "10m"]),
        ("--workers -1", ["-1", "--workers"]),
        ("--device gpu", ["No device is called 'gpu'", "cpu"]),
        ("--device meta", ["Device 'meta' cannot be used here", "cpu"]),
        ("--image-size 0", ["image size is 0", "from 1 to"]),
        (
            "--model alexnet --image-size 20",
            ["20x20 pictures are too small: pool2 gets 1x1, less than its 3x3", "alexnet-cifar takes 32x32"],
        ),
        ("--weights nowhere.pth", ["no weights at nowhere.pth", ".safetensors"]),
        ("--tensorboard", ["--tensorboard", "--out"]),
        ("--resume", ["--resume", "--out"]),
        ("--epoch 3", ["--epoch"]),
    ],
)
def test_train_options(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits_folder: Path, words: str, parts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("alexnet.runs.prepare.open_images", None)  # nothing may be decoded before the mistake is told
    model = [] if "--model" in words else ["--model", "lenet"]
    message = refused("train", digits_folder, *model, *words.split())
    assert all(part in message for part in parts), message
    assert list(tmp_path.iterdir()) == [], "a refused run leaves nothing in the way of the next"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA card")
def test_a_card_that_is_not_there(refused: Refused, digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    for words in (["train", digits_folder, "--out", tmp_path / "run"], ["evaluate", digits_run], ["predict", digits_run, digits_folder]):
        assert "'cuda'" in refused(*words, "--device", "cuda")


def test_other_commands(refused: Refused, digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    assert "RUN" in refused("evaluate")
    assert "centre" in refused("evaluate", digits_run, "--views", "sideways")
    assert "There is no split 'exam'; use train, validation, test." in refused("evaluate", digits_run, "--split", "exam")
    assert "holds no trained model" in refused("evaluate", tmp_path / "nowhere")
    assert "holds no trained model" in refused("predict", tmp_path, digits_folder)
    assert "top is 0" in refused("predict", digits_run, digits_folder, "--top", "0")
    assert "No pictures to classify" in refused("predict", digits_run)
    assert "No file or folder matches 'nowhere.png'" in refused("predict", digits_run, "nowhere.png")
    assert f"{tmp_path} holds no pictures." in refused("predict", digits_run, tmp_path)
    assert "'lenett'" in refused("summary", "lenett")
    assert "at least 1 class" in refused("summary", "lenet", "--classes", "0")
    assert "1 (gray) or 3 (RGB)" in refused("summary", "lenet", "--channels", "2")
    assert "No folder, archive or data set is called 'fashion-mnits'. Did you mean 'fashion-mnist'?" in refused("inspect", "fashion-mnits")
    assert "trian" in refused("trian")
    assert "--set" not in refused("evaluate", digits_run, "--training.epochs", "3"), "the user has not said --set"


def test_train_without_images(refused: Refused, tmp_path: Path) -> None:
    assert "DATA is missing. Run: alexnet train DATA" in refused("train")
    assert "holds no run to resume" in refused("train", "--out", tmp_path / "nothing", "--resume")


def test_data_that_cannot_be_used(refused: Refused, tmp_path: Path, digits_folder: Path) -> None:
    out = ["--model", "lenet", "--out", tmp_path / "run"]
    assert "'nowhere'" in refused("train", "nowhere", *out)
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refused("train", tmp_path / "empty", *out)
    assert "no class folders" in refused("train", digits_folder / "3", *out)
    (tmp_path / "damaged.zip").write_bytes(b"PK\x03\x04 and no more")
    assert "damaged.zip" in refused("train", tmp_path / "damaged.zip", *out)
    shutil.copytree(digits_folder / "3", tmp_path / "single" / "3")
    assert "only one class with pictures, '3'; training needs at least 2" in refused("train", tmp_path / "single", *out)


def test_over_five_percent_unreadable(refused: Refused, tmp_path: Path, digits_folder: Path) -> None:
    folder = Path(shutil.copytree(digits_folder, tmp_path / "photos"))
    for number in range(3):
        (folder / "8" / f"broken {number}.png").write_bytes(b"broken")
    message = refused("train", folder, "--model", "lenet", "--out", tmp_path / "run")
    assert "Over 5% of the pictures of a class cannot be read ('8': 3 of" in message
    assert "8/broken 0.png is not a picture in a known format" in message
    assert "alexnet inspect" in message
    assert len((tmp_path / "run" / "skipped.csv").read_text().splitlines()) == 4


def test_a_few_unreadable_images_are_left_out_and_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_folder: Path) -> None:
    folder = Path(shutil.copytree(digits_folder, tmp_path / "photos"))
    (folder / "8" / "bröken, too.png").write_bytes(b"broken")
    words = ["train", str(folder), "--model", "lenet", "--epochs", "1", "--no-baseline", "--out", str(tmp_path / "run"), "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["skipped"] == 1
    assert "Left out 1 unreadable file, listed in" in captured.err
    lines = (tmp_path / "run" / "skipped.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["file,class,reason", '"8/bröken, too.png",8,"is not a picture in a known format, or its header is damaged"']
    assert "8/bröken, too.png" not in (tmp_path / "run" / "splits.json").read_text(encoding="utf-8")


def test_run_folders_in_the_way(refused: Refused, run_copy: Path, tmp_path: Path, digits_folder: Path) -> None:
    def train(*words: object) -> str:
        return refused("train", digits_folder, "--model", "lenet", *words)

    assert "already holds a run. Add --resume to resume it, or choose another --out." in train("--out", run_copy)
    message = train("--out", run_copy, "--resume", "--seed", "5")
    assert "was started with another recipe (then / now)" in message
    assert "seed: 0 / 5" in message
    assert "is not an alexnet run. Choose another --out" in train("--out", digits_folder)
    (tmp_path / "file").write_text("")
    assert "is not an alexnet run. Choose another --out" in train("--out", tmp_path / "file")
    assert "cannot be written" in train("--out", tmp_path / "file" / "run")
    assert "File name too long" in train("--out", tmp_path / ("x" * 300))


def test_an_unfinished_run_says_how_to_go_on(refused: Refused, run_copy: Path, digits_folder: Path) -> None:
    shutil.rmtree(run_copy / "model")
    for words in (["evaluate", run_copy], ["predict", run_copy, digits_folder]):
        message = refused(*words)
        assert "has not finished" in message
        assert f"alexnet train --out '{run_copy}' --resume" in message


def test_damaged_files_of_a_run(refused: Refused, run_copy: Path, digits_folder: Path) -> None:
    card = run_copy / "model" / "model.json"
    whole = card.read_text()
    wrongs: list[object] = [None, 5, [], {}, "words"]
    for name in json.loads(whole):
        without = {other: value for other, value in json.loads(whole).items() if other != name}
        for values in (without, *(without | {name: wrong} for wrong in wrongs)):
            card.write_text(json.dumps(values))
            status = main(["predict", str(run_copy), str(digits_folder / "1")])  # a traceback would end the test
            assert status in (0, 2), (name, values)
    card.write_text(whole)
    card.write_text(card.read_text()[:100])
    assert "is damaged" in refused("predict", run_copy, digits_folder)


@pytest.mark.parametrize("name", ["model/model.safetensors", "recipe.toml", "splits.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b'{"train": 3}', None])
def test_damaged_files_that_an_evaluation_reads(refused: Refused, run_copy: Path, name: str, damage: bytes | None) -> None:
    path = run_copy / name
    path.write_bytes(path.read_bytes()[:70] if damage is None else damage)
    assert path.name in refused("evaluate", run_copy)


@pytest.mark.parametrize("name", ["checkpoints/last.safetensors", "recipe.toml", "splits.json", "checkpoints/best.safetensors"])
def test_damaged_files_that_a_resumption_reads(refused: Refused, run_copy: Path, name: str) -> None:
    (run_copy / "result.json").unlink()
    (run_copy / name).write_bytes(b"{")
    assert Path(name).name in refused("train", "--out", run_copy, "--resume")


def test_a_damaged_result(refused: Refused, run_copy: Path) -> None:
    (run_copy / "result.json").write_text("{}")
    assert "result.json is damaged" in refused("train", "--out", run_copy, "--resume")


def test_a_model_that_gives_no_numbers(refused: Refused, run_copy: Path, digits_folder: Path) -> None:
    from safetensors.torch import load_file

    path = run_copy / "model" / "model.safetensors"
    save_file({name: torch.full_like(value, torch.nan) for name, value in load_file(path).items()}, path, {"format": "1"})
    assert "not finite" in refused("predict", run_copy, digits_folder)
    assert "not finite" in refused("evaluate", run_copy)


def test_weights_that_do_not_fit(refused: Refused, tmp_path: Path, digits_run: Path, digits_folder: Path) -> None:
    def train(weights: Path, *words: str) -> str:
        message = refused("train", digits_folder, "--out", tmp_path / "run", "--weights", weights, *words)
        assert not (tmp_path / "run").exists()
        return message

    message = train(digits_run, "--model", "lenet", "--network.hidden-units", "50")
    assert "The weights do not fit this network" in message
    assert "classifier.fc3.weight is (120, 400), needs (50, 400)" in message
    (tmp_path / "words.pth").write_text("no weights")
    assert "words.pth is not a file of weights" in train(tmp_path / "words.pth", "--model", "lenet")
    torch.save({"lr": 0.1}, tmp_path / "other.pth")
    assert "holds no state dict" in train(tmp_path / "other.pth", "--model", "lenet")


def test_images_of_an_unknown_class(refused: Refused, tmp_path: Path, digits_run: Path, digits_folder: Path) -> None:
    shutil.copytree(digits_folder / "1", tmp_path / "more" / "1")
    shutil.copytree(digits_folder / "2", tmp_path / "more" / "twoo")
    assert "has a class 'twoo' that the model wasn't trained on" in refused("evaluate", digits_run, tmp_path / "more")


def test_images_that_are_gone(refused: Refused, tmp_path: Path, digits_folder: Path) -> None:
    folder = Path(shutil.copytree(digits_folder, tmp_path / "photos"))
    words = ["train", str(folder), "--model", "lenet", "--epochs", "1", "--no-baseline", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    shutil.rmtree(folder / "4")
    assert "lacks" in refused("evaluate", tmp_path / "run")
    shutil.rmtree(folder)
    assert str(folder) in refused("evaluate", tmp_path / "run")


def test_messages_are_whole() -> None:
    assert str(UnreadableImage("a.png", "is empty")) == "a.png is empty"
    assert issubclass(UnreadableImage, AlexNetError)
    assert did_you_mean("mnits", ["mnist", "digits"]) == "Did you mean 'mnist'? Known: digits, mnist."
    assert did_you_mean("zzz", ["mnist"]) == "Known: mnist."
