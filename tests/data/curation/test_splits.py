"""Splits: properties that hold for any data set, and the user's own split kept."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.curation.splits import Splits, check_classes, make_splits, read_split_names
from alexnet.data.dataset import Dataset, Item, SplitName, Traits
from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset, BadRun


class Labelled(Dataset):
    """A data set without images."""

    def __init__(self, labels: Sequence[int], splits: Sequence[SplitName | None] | None = None) -> None:
        self.name = "labelled"
        self.classes = tuple(f"class {label}" for label in range(max(labels, default=0) + 1))
        own = splits or [None] * len(labels)
        self.items = tuple(Item(f"{index}.png", label, split) for index, (label, split) in enumerate(zip(labels, own, strict=True)))

    @property
    def traits(self) -> Traits:
        return Traits(flip=True, colour=True)

    def content(self, index: int) -> bytes:
        raise NotImplementedError


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Labelled, list[int]]:
    """Up to 4 classes of 1 to 60 images, with groups that stay inside a class."""
    labels: list[int] = []
    groups: list[int] = []
    for label in range(draw(st.integers(2, 4))):
        sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=20))
        for size in sizes:
            labels += [label] * size
            groups += [len(set(groups))] * size
    order = draw(st.permutations(range(len(labels))))
    return Labelled([labels[place] for place in order]), [groups[place] for place in order]


@given(grouped(), st.integers(0, 1000))
def test_whatever_the_data_set(made: tuple[Labelled, list[int]], seed: int) -> None:
    dataset, groups = made
    everything = range(len(dataset.items))
    splits = make_splits(dataset, everything, groups, seed=seed)
    assert sorted((*splits.train, *splits.validation, *splits.test)) == list(everything)  # complete and disjoint
    sides = {
        group: {index in splits.validation or 2 * (index in splits.test) for index in everything if groups[index] == group}
        for group in groups
    }
    assert all(len(side) == 1 for side in sides.values())  # together
    assert {dataset.items[index].label for index in splits.train} == {item.label for item in dataset.items}
    assert splits == make_splits(dataset, everything, groups, seed=seed)
    for label in range(len(dataset.classes)):
        members = [index for index in everything if dataset.items[index].label == label]
        largest = max(Counter(groups[index] for index in members).values())
        for part in (splits.validation, splits.test):
            share = len(set(part) & set(members))
            assert abs(share - 0.1 * len(members)) <= max(largest, 1)


@given(grouped(), st.integers(0, 1000), st.data())
def test_unreadable_images_are_in_no_split(made: tuple[Labelled, list[int]], seed: int, data: st.DataObject) -> None:
    dataset, groups = made
    readable = data.draw(st.lists(st.sampled_from(range(len(dataset.items))), unique=True, min_size=1))
    splits = make_splits(dataset, readable, groups, seed=seed)
    assert sorted((*splits.train, *splits.validation, *splits.test)) == sorted(readable)


@pytest.mark.parametrize("count", range(1, 12))
def test_small_classes_train_first(count: int) -> None:
    dataset = Labelled([0] * count + [1] * 40)
    splits = make_splits(dataset, range(count + 40), None, seed=3)
    parts = [sum(index < count for index in part) for part in (splits.train, splits.validation, splits.test)]
    assert sum(parts) == count
    assert parts[0] >= 1
    if count >= 3:
        assert min(parts) == 1


def test_proportions_of_a_large_class() -> None:
    splits = make_splits(Labelled([0] * 1000 + [1] * 500), range(1500), None, seed=0, validation_fraction=0.2, test_fraction=0.1)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (1050, 300, 150)


def test_another_seed_is_another_split() -> None:
    dataset = Labelled([0] * 100 + [1] * 100)
    assert make_splits(dataset, range(200), None, seed=1) != make_splits(dataset, range(200), None, seed=2)


def test_a_group_under_two_labels_stays_together() -> None:
    dataset = Labelled([0, 1] * 50)
    groups = [index // 2 for index in range(100)]  # every image has a twin of the other class
    splits = make_splits(dataset, range(100), groups, seed=0)
    for part in (splits.train, splits.validation, splits.test):
        assert {index ^ 1 for index in part} == set(part)


def test_one_huge_group_stays_in_train() -> None:
    splits = make_splits(Labelled([0] * 50 + [1] * 50), range(100), [0] * 50 + list(range(1, 51)), seed=0)
    assert set(range(50)) <= set(splits.train)


def test_train_and_test_of_the_user_get_a_validation_from_train() -> None:
    own: list[SplitName | None] = ["train"] * 120
    own[100:] = ["test"] * 20
    splits = make_splits(Labelled([0, 1] * 60, own), range(120), None, seed=0)
    assert splits.test == tuple(range(100, 120))
    assert len(splits.validation) == 10
    assert set(splits.train) | set(splits.validation) == set(range(100))


def test_train_and_validation_of_the_user_get_no_test() -> None:
    own: list[SplitName | None] = ["train"] * 120
    own[100:] = ["validation"] * 20
    splits = make_splits(Labelled([0, 1] * 60, own), range(120), None, seed=0)
    assert splits == Splits(tuple(range(100)), tuple(range(100, 120)), ())


def test_all_three_of_the_user_are_kept() -> None:
    own: list[SplitName | None] = ["train", "train", "validation", "test"] * 10
    splits = make_splits(Labelled([0, 1, 0, 1] * 10, own), range(40), None, seed=0)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (20, 10, 10)


def test_a_train_folder_alone_is_no_split() -> None:
    splits = make_splits(Labelled([0, 1] * 50, ["train"] * 100), range(100), None, seed=0)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (80, 10, 10)


def test_a_class_that_is_only_in_test_is_refused() -> None:
    own: list[SplitName | None] = ["train", "train", "test"]
    with pytest.raises(BadDataset, match="has pictures of 'class 2' to validate or test with, but none to train on"):
        make_splits(Labelled([0, 1, 2], own), range(3), None, seed=0)


def test_a_set_without_train_is_refused() -> None:
    with pytest.raises(BadDataset, match="no pictures to train on"):
        make_splits(Labelled([0, 1], ["test", "test"]), range(2), None, seed=0)


def test_splits_are_saved_by_name() -> None:
    dataset = open_dataset("digits")
    splits = make_splits(dataset, range(len(dataset.items)), None, seed=0)
    saved = splits.to_json(dataset)
    assert list(saved) == ["train", "validation", "test", "classes"]
    assert saved["classes"] == [str(digit) for digit in range(10)]
    assert saved["train"][0] == dataset.items[splits.train[0]].name
    assert Splits.from_json(dataset, saved) == splits
    with pytest.raises(BadDataset, match="lacks 1 of the pictures that the run was split into, for example gone"):
        Splits.from_json(dataset, saved | {"test": ["gone.png"]})


@pytest.mark.parametrize(("count", "parts"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (4, [2, 1, 1])])
def test_what_a_small_class_has_to_spare(count: int, parts: list[int]) -> None:
    splits = make_splits(Labelled([0] * count + [1] * 40), range(count + 40), None, seed=0)
    assert [sum(index < count for index in part) for part in (splits.train, splits.validation, splits.test)] == parts


@pytest.mark.parametrize(("fraction", "parts"), [(0.0, [4, 0]), (0.25, [3, 1]), (0.75, [1, 3]), (1.0, [1, 3])])
def test_one_group_always_stays_to_train_on(fraction: float, parts: list[int]) -> None:
    splits = make_splits(Labelled([0] * 4), range(4), None, seed=0, validation_fraction=fraction, test_fraction=0)
    assert [len(splits.train), len(splits.validation)] == parts


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("sizes", "drawn"), [((5, 2, 4), 2), ((5, 5), 5), ((4, 7), 4)])
def test_where_no_group_fits_the_smallest_is_drawn(sizes: tuple[int, ...], drawn: int, seed: int) -> None:
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    splits = make_splits(Labelled([0] * len(groups)), range(len(groups)), groups, seed=seed, test_fraction=0)
    assert len(splits.validation) == drawn
    assert len({groups[index] for index in splits.validation}) == 1


def test_groups_are_asked_for_only_if_images_are_drawn() -> None:
    asked: list[int] = []

    def groups() -> list[int]:
        asked.append(1)
        return [index // 5 for index in range(40)]

    own: list[SplitName | None] = ["train", "validation", "test", "train"] * 10
    make_splits(Labelled([0] * 40, own), range(40), groups, seed=0)
    assert asked == []
    splits = make_splits(Labelled([0] * 40), range(40), groups, seed=0)
    assert asked == [1]
    assert {len(splits.validation), len(splits.test)} == {5}
    assert len({index // 5 for index in splits.validation}) == 1


def test_at_most_five_classes_without_training_images_are_named() -> None:
    own: list[SplitName | None] = ["train", *["test"] * 6]  # type: ignore[list-item]
    with pytest.raises(BadDataset) as refusal:
        make_splits(Labelled(range(7), own), range(7), None, seed=0)
    assert str(refusal.value) == (
        "labelled has pictures of 'class 1', 'class 2', 'class 3', 'class 4', 'class 5' to validate or test with, but none to train on. "
        "Add some to its train folder, or remove the class everywhere."
    )


def test_a_run_keeps_the_names_of_each_split(tmp_path: Path) -> None:
    dataset, path = Labelled([0, 1, 0, 1, 0]), tmp_path / "splits.json"
    saved = Splits((0, 3), (1,), (2, 4)).to_json(dataset)
    assert saved == {"train": ["0.png", "3.png"], "validation": ["1.png"], "test": ["2.png", "4.png"], "classes": ["class 0", "class 1"]}
    path.write_text(json.dumps(saved))
    assert read_split_names(path) == {"train": ("0.png", "3.png"), "validation": ("1.png",), "test": ("2.png", "4.png")}
    assert Splits.from_json(dataset, {"train": ["3.png", "0.png"], "validation": [], "test": ["1.png"]}) == Splits((0, 3), (), (1,))
    with pytest.raises(BadDataset) as refusal:
        Splits.from_json(dataset, {"train": ["0.png", "b.png"], "validation": [], "test": ["a.png"]})
    assert str(refusal.value) == (
        "labelled lacks 2 of the pictures that the run was split into, for example b.png. "
        "Restore the data set as it was, or start a new run."
    )
    path.write_text("{}")
    with pytest.raises(BadRun, match=r"splits\.json is damaged"):
        read_split_names(path)


def test_a_run_is_refused_with_classes_that_it_was_not_started_with(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"

    def started_with(*classes: str) -> Path:
        path.write_text(json.dumps({"train": [], "validation": [], "test": [], "classes": classes}))
        return path

    dataset = Labelled(range(7))
    check_classes(dataset, started_with(*reversed(dataset.classes)))
    check_classes(dataset, started_with())  # an earlier version's
    with pytest.raises(BadDataset) as refusal:
        check_classes(dataset, started_with("class 0", "cat", "ant"))
    assert str(refusal.value) == (
        "labelled now has 'class 1', 'class 2', 'class 3', 'class 4', 'class 5' and no longer has 'ant', 'cat', "
        f"and {tmp_path} was started with other classes. A network keeps its classes: "
        "restore the class folders as they were, or start a new run with another --out."
    )
    with pytest.raises(BadDataset, match=r"^labelled no longer has 'cat', and"):
        check_classes(dataset, started_with(*dataset.classes, "cat"))
