"""Which folders are splits and which are classes: names of many kinds, trees that can be read in two ways, and the user's choice."""

from pathlib import Path

import pytest

from alexnet.data.class_folders import place
from alexnet.data.folder_layout import LayoutOfFolders, find_layout
from alexnet.data.split_names import split_folders
from alexnet.errors import BadDataset

HERE = Path("photos")


def tree(*tops: str, below: tuple[str, ...] = ("cat", "dog")) -> list[str]:
    return sorted(f"{top}/{folder}/{number}.jpg" for top in tops for folder in below for number in range(2))


def splits_of(names: list[str], choice: LayoutOfFolders | None = None) -> dict[str, str | None]:
    """The split of each top folder; the classes must be cat and dog."""
    placed, outside = place(names, HERE, choice)
    assert ({class_name for _, class_name, _ in placed}, outside) == ({"cat", "dog"}, [])
    return {name.split("/")[0]: split for name, _, split in placed}


@pytest.mark.parametrize(
    ("train", "other", "split"),
    [
        ("train", "dev", "validation"),
        ("train", "eval", "test"),
        ("train", "holdout", "test"),
        ("train", "hold-out", "test"),
        ("train", "evaluation", "test"),
        ("train2017", "val2017", "validation"),
        ("seg_train", "seg_test", "test"),
        ("train_set", "test_set", "test"),
        ("images_train", "images_val", "validation"),
        ("TrainingImages", "TestImages", "test"),
        ("Training Set", "Validation Set", "validation"),
        ("asl_alphabet_train", "asl_alphabet_test", "test"),
        ("training-data", "dev-data", "validation"),
        ("trainval", "test", "test"),
        ("train", "test-dev2017", "test"),
        ("训练集", "测试集", "test"),
        ("TRAIN", "Valid", "validation"),
    ],
)
def test_names_of_splits(train: str, other: str, split: str) -> None:
    assert splits_of(tree(train, other)) == {train: "train", other: split}
    assert split_folders([train, other]) == {train: "train", other: split}


def test_eval_is_validation_beside_a_test_folder() -> None:
    assert splits_of(tree("train", "eval", "test")) == {"train": "train", "eval": "validation", "test": "test"}
    assert splits_of(tree("train", "eval", "val")) == {"train": "train", "eval": "test", "val": "validation"}


def test_how_unusual_names_are_read_is_said() -> None:
    assert find_layout(tree("train", "dev"), HERE).remarks == ("Split folders are read by their names: dev as validation.",)
    assert find_layout(tree("train", "val", "test"), HERE).remarks == ()


@pytest.mark.parametrize(
    "names",
    [
        ("train", "bus", "car"),
        ("train_station", "test_tube"),
        ("dev", "ops"),
        ("bullet_train", "freight_train"),
        ("valid", "invalid"),
        ("test1", "test2"),
        ("eval", "other"),
        ("train", "bus", "evaluation board"),
    ],
)
def test_names_of_things_are_classes(names: tuple[str, ...]) -> None:
    placed, _ = place([f"{name}/1.jpg" for name in names], HERE)
    assert [(name, split) for _, name, split in placed] == [(name, None) for name in names]


@pytest.mark.parametrize("wrapped", ["seg_train/seg_train", "seg_train/images"])
def test_a_folder_that_only_repeats_the_split_is_looked_through(wrapped: str) -> None:
    assert splits_of(tree(wrapped, "seg_test/seg_test")) == {"seg_train": "train", "seg_test": "test"}


def test_splits_inside_the_classes() -> None:
    placed, _ = place(tree("cat", "dog", below=("train", "test")), HERE)
    assert {(class_name, split) for _, class_name, split in placed} == {
        (name, split) for name in ("cat", "dog") for split in ("train", "test")
    }


@pytest.mark.parametrize("tops", [("old", "new"), ("fold1", "fold2", "fold3"), ("mon", "tue")])
@pytest.mark.parametrize("below", [("cat", "dog"), ("0", "1", "2"), ("indoor", "outdoor")])
def test_two_readings_are_refused_with_both(tops: tuple[str, ...], below: tuple[str, ...]) -> None:
    names = tree(*tops, below=below)
    with pytest.raises(BadDataset, match=r"in two ways.*--layout-of-folders classes.*--layout-of-folders splits"):
        place(names, HERE)
    assert {class_name for _, class_name, _ in place(names, HERE, "classes")[0]} == set(tops)
    assert {(class_name, split) for _, class_name, split in place(names, HERE, "splits")[0]} == {(name, None) for name in below}
    assert "split by the program" in find_layout(names, HERE, "splits").remarks[0]


def test_a_split_that_lacks_a_class_is_in_doubt_too() -> None:
    with pytest.raises(BadDataset, match="in two ways"):
        place([*tree("old"), *tree("new", below=("cat", "dog", "bird"))], HERE)


@pytest.mark.parametrize(
    "names",
    [
        tree("cat", "dog", below=("2020",)),
        tree("cat", "dog", below=("2020", "2021")),
        tree("cat", "dog", below=("2020-01", "2020-02")),
        [*tree("cat", "dog", below=("in", "out")), "cat/1.jpg"],
        [*tree("cat", below=("in", "out")), *tree("dog", below=("near", "far"))],
    ],
)
def test_folders_that_sort_a_class_train_as_before(names: list[str]) -> None:
    assert {(class_name, split) for _, class_name, split in place(names, HERE)[0]} == {("cat", None), ("dog", None)}


def test_the_choice_goes_before_the_names() -> None:
    placed, _ = place(tree("train", "dev"), HERE, "classes")
    assert {(class_name, split) for _, class_name, split in placed} == {("train", None), ("dev", None)}


def test_splits_beside_a_folder_of_no_split_need_a_name() -> None:
    with pytest.raises(BadDataset, match="rename them to the split that they are"):
        place(tree("train", "test", "extra"), HERE, "splits")


def test_split_folders_without_classes_say_how_they_become_classes() -> None:
    with pytest.raises(BadDataset, match=r"no class folders.*If 'dev' and 'train' are classes, add --layout-of-folders classes"):
        place(["dev/1.jpg", "train/2.jpg"], HERE)
