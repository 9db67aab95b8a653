"""Names that are not UTF-8, and data that is no longer where it was: found before the work, with the name and what to do."""

import json
import os
import sys
from pathlib import Path

import pytest
from tests.runs.test_folders import textures

from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadDataset
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.train import train

NOT_UTF8 = os.fsdecode(b"caf\xe9")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")


def test_a_class_folder_that_is_no_text_is_refused_before_the_work(tmp_path: Path) -> None:
    data = textures(tmp_path / "photos", "dog", NOT_UTF8)
    with pytest.raises(BadDataset, match=r"a class folder whose name is not UTF-8 text: 'caf\\xe9'.*Rename the folder"):
        train(data, model="raw-svm", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_data_path_that_is_no_text_is_refused(tmp_path: Path) -> None:
    data = textures(tmp_path / NOT_UTF8 / "photos", "cat", "dog")
    with pytest.raises(BadDataset, match=r"The data set is '.*caf\\xe9/photos', whose name is not UTF-8 text.*Rename it"):
        open_dataset(data)


@pytest.mark.parametrize("name", [NOT_UTF8, "\ud83d"])
def test_an_out_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    data = textures(tmp_path / "photos", "cat", "dog")
    with pytest.raises(AlexNetError, match=r"out is .*not UTF-8 text|out is .*cannot be used as a path") as mistake:
        train(data, model="raw-svm", out=tmp_path / name)
    assert str(mistake.value).isascii()
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_images_whose_file_names_are_no_text_are_trained_resumed_and_evaluated(tmp_path: Path) -> None:
    data = textures(tmp_path / "photos", "cat", "dog", count=20)
    for number in range(20):
        (data / "cat" / f"0-{number}.png").rename(data / "cat" / f"{NOT_UTF8}{number}.png")
    (data / "cat" / f"{NOT_UTF8}.png").write_bytes((data / "cat" / f"{NOT_UTF8}0.png").read_bytes()[:60])
    result = train(data, model="raw-svm", out=tmp_path / "run")
    assert result.skipped == 1
    found = evaluate_run(tmp_path / "run")
    assert found.top1_error == result.test_error
    assert len(json.loads((tmp_path / "run" / "splits.json").read_text("utf-8"))["train"]) == 32
    (tmp_path / "run" / "result.json").unlink()
    assert train(data, model="raw-svm", out=tmp_path / "run", resume=True).test_error == result.test_error


@pytest.mark.parametrize("other", [False, True])
def test_data_recorded_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bool) -> None:
    textures(tmp_path / "photos", "cat", "dog", count=12)
    monkeypatch.chdir(tmp_path)
    train("photos", model="raw-svm", out="run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if other:  # another data set of that name
        textures(elsewhere / "photos", "cat", "dog", count=3, seed=7)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(BadDataset, match=r"This run's data was recorded as 'photos', as seen from .*alexnet evaluate \.\./run DATA"):
        evaluate_run("../run")
    assert evaluate_run("../run", "../photos").n > 0
