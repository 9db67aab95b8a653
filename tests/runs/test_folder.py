"""Run folders: nothing in them is ever half there, and nobody's files are in the way."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.curation.splits import read_split_names
from alexnet.data.open import open_dataset
from alexnet.errors import BadRun
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import from_toml
from alexnet.runs.folder import RunFolder
from alexnet.storage.files import free_folder, write_atomically
from alexnet.storage.records import read_json
from alexnet.storage.spreadsheets import rows_of

RECIPE = Recipe(name="quick", data="photos", model="lenet")


def test_start_writes_the_recipe(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "deep" / "run")
    folder.start(RECIPE, resume=False)
    assert from_toml(folder.recipe) == RECIPE
    folder.start(RECIPE, resume=True)
    assert [path.name for path in folder.path.iterdir()] == ["recipe.toml"]


def test_start_refuses_another_recipe_and_says_what_differs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.start(RECIPE, resume=False)
    with pytest.raises(BadRun, match="already holds a run"):
        folder.start(RECIPE, resume=False)
    with pytest.raises(BadRun, match=r"training.epochs: 90.0 / 3.0"):
        folder.start(with_overrides(RECIPE, {"training.epochs": 3}), resume=True)


def test_start_takes_an_empty_folder_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty").start(RECIPE, resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(BadRun, match="is not an alexnet run"):
        RunFolder(tmp_path / "full").start(RECIPE, resume=True)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_write_whole_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "splits.json"
    write_atomically(path, "old")

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt  # what is written so far lies beside its place

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, "new text")
    assert path.read_text() == "old"
    write_atomically(path, "new text")
    assert path.read_text() == "new text"


@pytest.mark.skipif(sys.platform == "win32", reason="no umask there")
def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "splits.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "splits.json").stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["splits.json"]


@given(st.lists(st.tuples(st.text(), st.text(), st.text())))
def test_skipped_files_are_listed_whatever_their_names(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.write_skipped(rows)
    with folder.skipped.open(encoding="utf-8", newline="") as file:
        found = list(rows_of(file))
    assert found == [dict(zip(("file", "class", "reason"), row, strict=True)) for row in rows]


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    """A file name of raw bytes comes to Python with lone surrogates."""
    folder = RunFolder(tmp_path)
    folder.write_skipped([("cat/\udcff.png", "cat", "is empty")])
    assert folder.skipped.read_text(encoding="utf-8").splitlines()[1] == "cat/\\udcff.png,cat,is empty"
    write_atomically(folder.splits, json.dumps({"train": ["cat/\udcff.png"]}, ensure_ascii=False))
    assert read_json(folder.splits) == {"train": ["cat/\udcff.png"]}


def test_history_is_one_object_a_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    rows = [{"epoch": 1.0, "training_loss": 2.5}, {"epoch": 2.0, "training_loss": 1.25}]
    for row in (*rows, rows[1]):
        folder.append_history(row)
    folder.write_history(rows)
    assert [json.loads(line) for line in folder.history.read_text().splitlines()] == rows


def test_finished(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.finished() is None
    folder.result.write_text("{}")
    assert folder.finished() is None, "the model is not there yet"
    folder.model.mkdir()
    with pytest.raises(BadRun, match="it lacks run, model"):
        folder.finished()


@pytest.mark.parametrize("text", ["", "[", "3", "null", '"train"', "[1]", "{}"])
def test_damaged_objects(tmp_path: Path, text: str) -> None:
    path = tmp_path / "splits.json"
    path.write_text(text)
    with pytest.raises(BadRun, match=r"splits\.json is damaged"):
        read_split_names(path)


def test_free_folder(tmp_path: Path) -> None:
    assert free_folder(tmp_path, "digits", "lenet") == tmp_path / "digits-lenet"
    (tmp_path / "digits-lenet").mkdir()
    (tmp_path / "digits-lenet-2").write_text("")
    assert free_folder(tmp_path, "digits", "lenet") == tmp_path / "digits-lenet-3"


@pytest.mark.parametrize("data", ["/photos/birds", "/photos/birds/", "../birds", "a/../birds", "/photos/birds/."])
def test_a_run_without_out_is_under_runs_whatever_the_path_of_its_data(data: str) -> None:
    assert free_folder(Path("runs"), data, "lenet") == Path("runs/birds-lenet")


def test_data_without_a_last_part_have_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_folder(tmp_path, "/", "lenet") == tmp_path / "data-lenet"
    (tmp_path / "hidden").mkdir()
    monkeypatch.chdir(tmp_path / "hidden")
    assert free_folder(Path("runs"), ".", "lenet") == Path("runs/hidden-lenet")


def test_a_split_without_training_images_is_damaged(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    dataset = open_dataset("digits")
    folder.splits.write_text(json.dumps({"train": [], "validation": [dataset.items[0].name], "test": []}))
    with pytest.raises(BadRun, match="names no training pictures"):
        folder.read_splits(dataset)
