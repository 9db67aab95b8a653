"""A correction goes into training alone: the split that judges stays as it was, whatever happens to the images."""

import csv
import json
from pathlib import Path

import pytest

from alexnet.data.curation.splits import make_splits
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.runs.folder import RunFolder
from alexnet.studio import bin as waste
from alexnet.studio.adding import own_name
from alexnet.studio.corrections import correct, renew_table
from alexnet.studio.datasets import DataSet, DataSets, Place, opened
from alexnet.studio.limits import Limits
from alexnet.studio.queue import Queue
from alexnet.studio.refusal import Refusal
from alexnet.studio.requests import Requests
from alexnet.studio.workspace import Workspace


@pytest.fixture
def data(images: dict[str, list[Path]], tmp_path: Path) -> DataSet:
    """A data set without a split."""
    for name, files in images.items():
        for file in files[:10]:
            target = tmp_path / "digits" / name / own_name(file.read_bytes(), ".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return opened(tmp_path / "digits")


@pytest.fixture
def run(data: DataSet, tmp_path: Path) -> RunFolder:
    """A run's folder, with the split that a training makes."""
    dataset = open_dataset(data.path)
    splits = make_splits(dataset, range(len(dataset.items)), None, seed=0)
    (tmp_path / "run").mkdir()
    folder = RunFolder(tmp_path / "run")
    folder.splits.write_text(json.dumps(splits.to_json(dataset)))
    return folder


def splits_now(data: DataSet) -> dict[str, set[str]]:
    """The split that a training would use: names of files by split."""
    dataset = open_dataset(with_labels(str(data.path), data.table if data.table.exists() else None))
    splits = make_splits(dataset, range(len(dataset.items)), None, seed=0)
    return {name: {Path(dataset.items[i].name).name for i in getattr(splits, name)} for name in ("train", "validation", "test")}


def received(file: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "received.partial"
    copy.write_bytes(file.read_bytes())
    return copy


def test_the_judging_images_stay_and_the_new_one_is_for_training(
    data: DataSet, run: RunFolder, images: dict[str, list[Path]], tmp_path: Path
) -> None:
    before = splits_now(data)
    new = images["2"][11]
    assert correct(data, run, received(new, tmp_path), "1", Limits()) == "added"
    after = splits_now(data)
    assert (after["validation"], after["test"]) == (before["validation"], before["test"])
    assert after["train"] == before["train"] | {own_name(new.read_bytes(), ".png")}
    assert correct(data, run, received(new, tmp_path), "1", Limits()) == "known"
    assert correct(data, run, received(new, tmp_path), "2", Limits()) == "moved"
    assert splits_now(data) == after


def test_an_image_that_judges_is_not_learned_from(data: DataSet, run: RunFolder, tmp_path: Path) -> None:
    tested = json.loads(run.splits.read_text())["test"][0]
    with pytest.raises(Refusal, match="judged by") as refused:
        correct(data, run, received(data.path / tested, tmp_path), "1", Limits())
    assert refused.value.status == 409


def test_moved_and_deleted_images_keep_the_table_true(data: DataSet, run: RunFolder, images: dict[str, list[Path]], tmp_path: Path) -> None:
    correct(data, run, received(images["0"][11], tmp_path), "0", Limits())
    before = splits_now(data)
    class_name, file = Path(json.loads(run.splits.read_text())["test"][0]).parts
    other = next(name for name in data.classes() if name != class_name)
    step = waste.move(data, [Place(class_name, None, file)], other)
    renew_table(data, dict(step.moves))
    assert splits_now(data) == before, "it judges under its new class"
    gone = data.path / next(name for name, split in data.fixed_split().items() if split == "train")
    step = waste.delete(data, [Place(gone.parent.name, None, gone.name)])
    renew_table(data, dict(step.moves))
    assert splits_now(data) == before | {"train": before["train"] - {gone.name}}


def test_a_data_set_with_its_own_split_needs_no_table(images: dict[str, list[Path]], tmp_path: Path, run: RunFolder) -> None:
    for split, part in (("train", slice(0, 8)), ("test", slice(8, 11))):
        for name, files in images.items():
            for file in files[part]:
                target = tmp_path / "own" / split / name / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    data = opened(tmp_path / "own")
    assert correct(data, run, received(images["0"][11], tmp_path), "0", Limits()) == "added"
    assert not data.table.exists()
    assert len(list((tmp_path / "own" / "train" / "0").iterdir())) == 9
    with pytest.raises(Refusal, match="judged by"):
        correct(data, run, received(images["0"][9], tmp_path), "0", Limits())


def test_a_test_image_that_was_deleted_judges_again_once_that_is_undone(
    data: DataSet, run: RunFolder, images: dict[str, list[Path]], tmp_path: Path
) -> None:
    correct(data, run, received(images["0"][11], tmp_path), "0", Limits())
    before = splits_now(data)
    tested = json.loads(run.splits.read_text())["test"][0]
    class_name, file = Path(tested).parts
    for whole in (False, True):
        step = waste.remove_class(data, class_name) if whole else waste.delete(data, [Place(class_name, None, file)])
        renew_table(data, dict(step.moves), step.judging)
        assert Path(tested).name not in splits_now(data)["test"]
        back = waste.undo(data)
        renew_table(data, dict(back.moves), back.judging)
        assert splits_now(data) == before


def test_a_table_is_true_again_after_others_have_changed_the_folder(
    data: DataSet, run: RunFolder, images: dict[str, list[Path]], tmp_path: Path
) -> None:
    correct(data, run, received(images["0"][11], tmp_path), "0", Limits())
    (data.path / json.loads(run.splits.read_text())["train"][0]).unlink()
    (data.path / "0" / "another.png").write_bytes(images["0"][10].read_bytes())
    workspace = Workspace(tmp_path)
    (tmp_path / "data").mkdir()
    data.path.rename(workspace.data / data.name)
    (tmp_path / "jobs").mkdir()
    sets = DataSets(workspace)
    words, _ = Requests(workspace, sets, Queue(tmp_path / "jobs", tmp_path / "machine.lock", Limits())).data(data.name)
    assert "another.png" in splits_now(sets.find(data.name))["train"]
    assert words[1] == "--labels"


def test_the_table_of_a_split_has_no_formulas(data: DataSet, run: RunFolder, images: dict[str, list[Path]], tmp_path: Path) -> None:
    """A class may be called =1+1; a spreadsheet that opens the table shows it as text, and the program reads it as it is."""
    (data.path / "2").rename(data.path / "=1+1")
    formulas = opened(data.path)
    run.splits.write_text(run.splits.read_text().replace('"2/', '"=1+1/'))
    judging = {name: part for part in ("validation", "test") for name in json.loads(run.splits.read_text())[part]}
    correct(formulas, run, received(images["2"][11], tmp_path), "=1+1", Limits())
    rows = list(csv.reader(formulas.table.read_text("utf-8").splitlines()))
    assert sum(row[1] == "'=1+1" for row in rows) == 11
    assert not [cell for row in rows for cell in row if cell.startswith("=")]
    assert any(name.startswith("=1+1/") for name in judging)
    assert {name: part for name, part in formulas.fixed_split().items() if part != "train"} == judging
    assert "=1+1" in open_dataset(with_labels(str(formulas.path), formulas.table)).classes
