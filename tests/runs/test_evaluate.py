"""`alexnet evaluate` on a run: its own test set, other splits, other images, another machine."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from alexnet.errors import AlexNetError, BadDataset, BadRun
from alexnet.inference.classifier import load
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.train import train


def splits(run: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((run / "splits.json").read_text())
    return found


def test_the_test_error_is_that_of_the_saved_model_on_the_images_of_splits_json(digits_run: Path, digits_folder: Path) -> None:
    """Recomputed from nothing but what lies in the run folder, one image after the other, through another way of the program."""
    names = splits(digits_run)["test"]
    answers = load(digits_run).predict([digits_folder / name for name in names], top=1)
    wrong = sum(answer.top[0][0] != name.split("/")[0] for answer, name in zip(answers, names, strict=True))
    result = json.loads((digits_run / "result.json").read_text())
    assert result["test_error"] == wrong / len(names) == evaluate_run(digits_run).top1_error
    assert result["test_error"] < 0.4, "chance is 0.9"


def test_splits_hold_every_image_once_and_every_class(digits_run: Path, digits_folder: Path) -> None:
    found = splits(digits_run)
    assert found.pop("classes") == [str(digit) for digit in range(10)]
    names = [name for split in found.values() for name in split]
    assert sorted(names) == sorted(path.relative_to(digits_folder).as_posix() for path in digits_folder.rglob("*.png"))
    assert all({name.split("/")[0] for name in split} == {str(digit) for digit in range(10)} for split in found.values())


def test_a_copied_run_on_moved_images_keeps_to_its_split(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Most of the images were trained on: measured on all of them, the error would be too low."""
    run = shutil.copytree(digits_run, tmp_path / "elsewhere" / "run")
    with zipfile.ZipFile(tmp_path / "digits.zip", "w") as archive:
        for path in digits_folder.rglob("*.png"):
            archive.write(path, path.relative_to(digits_folder))
    here, there = evaluate_run(digits_run), evaluate_run(run, tmp_path / "digits.zip")
    assert here.n == there.n == len(splits(digits_run)["test"])
    assert here.top1_error == there.top1_error
    assert evaluate_run(run, tmp_path / "digits.zip", split="train").n == len(splits(digits_run)["train"])


def test_a_copied_run_predicts_without_its_images(digits_folder: Path, tmp_path: Path) -> None:
    images = shutil.copytree(digits_folder, tmp_path / "pictures")
    train(images, model="lenet", epochs=1, out=tmp_path / "run", baseline=False)
    before = load(tmp_path / "run").predict(digits_folder / "1" / "0001.png")
    shutil.rmtree(images)
    moved = shutil.move(tmp_path / "run", tmp_path / "moved")
    assert load(moved).predict(digits_folder / "1" / "0001.png") == before
    assert evaluate_run(moved, digits_folder).n == 30


def test_other_images_are_all_used(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    """In another order of classes, and not all of them."""
    for name in ("9", "0", "4"):
        shutil.copytree(digits_folder / name, tmp_path / "more" / name)
    found = evaluate_run(digits_run, tmp_path / "more")
    counts = {row["class"]: row["n"] for row in found.per_class}
    assert counts == {str(d): len(list((digits_folder / str(d)).iterdir())) if str(d) in "904" else 0 for d in range(10)}
    assert found.top1_error < 0.4


def test_the_split_of_other_images_is_used(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(digits_folder / "1", tmp_path / "more" / "train" / "1")
    shutil.copytree(digits_folder / "2", tmp_path / "more" / "test" / "2")
    of_test = len(list((digits_folder / "2").iterdir()))
    assert evaluate_run(digits_run, tmp_path / "more").n == of_test
    assert evaluate_run(digits_run, tmp_path / "more", split="train").n == len(list((digits_folder / "1").iterdir()))


@pytest.mark.slow
def test_a_user_without_test_images_has_no_test_error(digits_folder: Path, tmp_path: Path) -> None:
    for name in ("1", "2"):
        files = sorted((digits_folder / name).iterdir())
        for split, part in (("train", files[:20]), ("val", files[20:])):
            (tmp_path / "mine" / split / name).mkdir(parents=True)
            for file in part:
                shutil.copy(file, tmp_path / "mine" / split / name)
    result = train(tmp_path / "mine", model="lenet", epochs=1, out=tmp_path / "run")
    assert result.test_error is None
    with pytest.raises(BadDataset, match=r"has no test pictures.*--split validation"):
        evaluate_run(tmp_path / "run")
    assert evaluate_run(tmp_path / "run", split="validation").n > 0


def test_a_model_folder_alone_needs_the_images_named(digits_run: Path, digits_folder: Path) -> None:
    with pytest.raises(BadRun, match=r"no recipe\.toml.*DATA"):
        evaluate_run(digits_run / "model")
    assert evaluate_run(digits_run / "model", digits_folder).n == 300


def test_words_that_are_wrong(digits_run: Path) -> None:
    with pytest.raises(BadDataset, match="There is no split 'exam'"):
        evaluate_run(digits_run, split="exam")
    with pytest.raises(AlexNetError, match="There is no view 'front'"):
        evaluate_run(digits_run, views="front")  # type: ignore[arg-type]  # the mistake
