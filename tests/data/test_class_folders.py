"""What opening class folders tells the user: names in two forms, folders that are no classes, litter of systems and storages."""

import unicodedata
import zipfile
from pathlib import Path

import pytest
from tests.data.test_open import png

from alexnet.data.class_folders import FolderDataset
from alexnet.data.curation.inspection import inspect
from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png())
    return folder


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, png() if name[-1] != "/" else b"")
    return path


def test_two_forms_of_one_name_are_one_class_and_it_is_said(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, f"train/{NFC}/1.png", "train/dog/2.png", f"test/{NFD}/3.png"))
    assert dataset.classes == (NFC, "dog")
    assert [item.label for item in dataset.items if item.split == "test"] == [0]
    assert dataset.image(0).shape == (3, 4, 6)  # read under the name it has on the disk
    assert dataset.remarks == (f"Class names are read in Unicode's composed form (NFC), whichever form their folders have: '{NFC}'.",)


@pytest.mark.parametrize("pair", [("Cat", "cat"), ("cat ", "cat"), ("cat", "\uff43\uff41\uff54"), ("big  cat", "Big cat")])
def test_nearly_equal_names_are_named(tmp_path: Path, pair: tuple[str, str]) -> None:
    dataset = open_dataset(zipped(tmp_path / "a.zip", *(f"{name}/1.png" for name in (*pair, "dog"))))
    assert len(dataset.classes) == 3
    (remark,) = dataset.remarks
    assert all(f"'{name}'" in remark for name in pair)
    assert remark in inspect(dataset).advice


LITTER = (
    "@eaDir",
    "#recycle",
    "@Recycle",
    ".@__thumb",
    ".thumbnails",
    "$RECYCLE.BIN",
    "System Volume Information",
    "__MACOSX",
    "lost+found",
)


@pytest.mark.parametrize("litter", LITTER)
def test_litter_is_no_class_and_no_image(tmp_path: Path, litter: str) -> None:
    names = ("cat/1.png", f"cat/{litter}/1.png/SYNOPHOTO_THUMB_M.png", "dog/2.png", f"{litter}/3.png", "dog/._2.png")
    for dataset in (open_dataset(write(tmp_path / "photos", *names)), open_dataset(zipped(tmp_path / "a.zip", *names))):
        assert [item.name for item in dataset.items] == ["cat/1.png", "dog/2.png"]
        assert (dataset.classes, dataset.remarks, dataset.outside) == (("cat", "dog"), (), ())


@pytest.mark.parametrize("above", ["", "train/"])
def test_folders_without_images_are_named(tmp_path: Path, above: str) -> None:
    folder = write(tmp_path / "photos", f"{above}cat/1.png", f"{above}dog/2.png", f"{above}bird/3", f"{above}bird/deep/4")
    (folder / above / "fish" / "deep").mkdir(parents=True)
    archive = zipped(tmp_path / "a.zip", *(f"{above}{name}" for name in ("cat/1.png", "dog/2.png", "bird/3", "bird/deep/4", "fish/deep/")))
    for dataset in (open_dataset(folder), open_dataset(archive)):
        assert dataset.classes == ("cat", "dog")
        bird, fish = dataset.remarks
        assert bird.startswith(f"The folder '{above}bird' has 2 files, none of them with the extension of a picture")
        assert fish.startswith(f"The folder '{above}fish' is empty")
        assert set(dataset.remarks) <= set(inspect(dataset).advice)


def test_a_class_that_a_split_lacks_is_no_folder_without_images(tmp_path: Path) -> None:
    folder = write(tmp_path, "train/cat/1.png", "train/dog/2.png", "test/cat/3.png")
    (folder / "test" / "dog").mkdir()
    assert open_dataset(folder).remarks == ()


def test_files_without_an_extension_are_why_there_are_no_images(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=r"holds no pictures\. Its 2 other files have no extension of a picture"):
        open_dataset(write(tmp_path, "cat/1", "dog/2"))


def test_images_outside_the_classes_are_told(tmp_path: Path) -> None:
    dataset = FolderDataset(write(tmp_path, "cat/1.png", "dog/2.png", "logo.png"))
    assert dataset.remarks == ("1 picture outside the class folders, such as logo.png, will not be used.",)
