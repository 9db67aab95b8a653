"""Names in a pack: readable, distinct, safe on every system, and always the same."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.dataset import Dataset, Item, SplitName, Traits
from alexnet.data.packs.names import PackedNames, safe_part
from alexnet.data.sources.source import is_image, safe_name


class Named(Dataset):
    """Nothing but names."""

    traits = Traits(flip=True, colour=True)

    def __init__(self, items: list[Item], *classes: str) -> None:
        self.name, self.items, self.classes = "named", items, classes

    def content(self, index: int) -> bytes:
        raise NotImplementedError


def packed(dataset: Dataset) -> list[str]:
    names = PackedNames(dataset)
    return [names.name(index, item) for index, item in enumerate(dataset.items)]


@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("cat/1.png", None, "cat/1.jpg"),
        ("photos/val/cat/evening/1.JPEG", "validation", "validation/cat/evening/1.jpg"),
        ("train/cat/a.b.jpg", "train", "train/cat/a.b.jpg"),
        ("train/cat/00001", "train", "train/cat/00001.jpg"),
        ("ILSVRC2012_val_1.JPEG", "validation", "validation/cat/ILSVRC2012_val_1.jpg"),
        ("cat/what? a:b.png", None, "cat/what- a-b.jpg"),
        ("cat/\udcff.png", None, "cat/-xff.jpg"),
        ("cat/猫.png", None, "cat/猫.jpg"),
    ],
)
def test_names(name: str, split: SplitName | None, expected: str) -> None:
    assert packed(Named([Item(name, 0, split)], "cat")) == [expected]


def test_a_class_with_a_slash_is_one_folder() -> None:
    assert packed(Named([Item("train/T-shirt/top/00001", 0, "train")], "T-shirt/top")) == ["train/T-shirt-top/00001.jpg"]


def test_twins_are_told_apart() -> None:
    names = ["cat/a.jpg", "cat/a.png", "cat/A.png", "cat/a.png.jpg", "cat/a.gif", "cat/b.png", "cat/a"]
    found = packed(Named([Item(name, 0, None) for name in names], "cat"))
    assert found[0] == "cat/a.jpg"
    assert found[3] == "cat/a.png.jpg"
    assert found[5] == "cat/b.jpg"
    assert len({name.casefold() for name in found}) == len(names)


def test_folders_that_would_be_one_are_told_apart() -> None:
    names = PackedNames(Named([], "a/b", "a:b", ".hidden", "", "A-b"))
    assert names.folders == ("a-b", "a-b-2", "_.hidden", "_", "A-b-3")


@given(st.lists(st.text(alphabet="aA./\\:\0ü .jpgn", min_size=1, max_size=12), max_size=12))
def test_whatever_images_are_called(names: list[str]) -> None:
    found = packed(Named([Item(name, 0, None) for name in names], "c"))
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert is_image(name)
        assert safe_name(name, PurePosixPath("x.zip")) == name  # type: ignore[arg-type]
        assert PurePosixPath(name).parts[0] == "c"


def test_a_long_name_is_cut() -> None:
    assert len(safe_part("x" * 500)) <= 120
    assert len(packed(Named([Item("cat/" + "ü/" * 5000 + "1.png", 0, None)], "cat"))[0].encode()) < 5000
