"""Opening data sets: layouts of class folders, names, traits."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.class_folders import place
from alexnet.data.dataset import Item, Traits, traits_of
from alexnet.data.named import registry
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadDataset, UnreadableImage

HERE = Path("photos")


def places(*names: str) -> list[tuple[str, str | None]]:
    return [(class_name, split) for _, class_name, split in place(sorted(names), HERE)[0]]


def png(size: tuple[int, int] = (6, 4), colour: str = "red", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def test_class_folders() -> None:
    assert places("cat/1.jpg", "dog/1.jpg") == [("cat", None), ("dog", None)]


def test_deeper_folders_belong_to_the_class() -> None:
    assert places("cat/indoor/1.jpg", "cat/outdoor/far/2.jpg", "dog/1.jpg") == [("cat", None), ("cat", None), ("dog", None)]


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_split_folders(validation: str) -> None:
    found = places("train/cat/1.jpg", "train/dog/deep/1.jpg", f"{validation}/cat/2.jpg", "test/dog/3.jpg")
    assert sorted(found, key=str) == [("cat", "train"), ("cat", "validation"), ("dog", "test"), ("dog", "train")]


def test_folders_that_only_wrap_are_looked_through() -> None:
    assert places("photos/cat/1.jpg", "photos/dog/1.jpg") == [("cat", None), ("dog", None)]
    assert places("a/b/cat/1.jpg", "a/b/dog/1.jpg") == [("cat", None), ("dog", None)]
    assert places("photos/test/cat/1.jpg", "photos/train/cat/1.jpg") == [("cat", "test"), ("cat", "train")]


def test_a_single_split_folder_stays_a_split() -> None:
    assert places("test/cat/1.jpg", "test/dog/1.jpg") == [("cat", "test"), ("dog", "test")]
    assert places("photos/train/cat/1.jpg", "photos/train/dog/1.jpg") == [("cat", "train"), ("dog", "train")]
    assert places("train/cat/1.jpg") == [("cat", "train")]


def test_one_class_alone() -> None:
    assert places("cat/1.jpg", "cat/2.jpg") == [("cat", None), ("cat", None)]


def test_train_may_be_a_vehicle() -> None:
    assert places("bus/1.jpg", "car/1.jpg", "train/1.jpg") == [("bus", None), ("car", None), ("train", None)]


def test_splits_beside_other_folders_are_refused() -> None:
    with pytest.raises(BadDataset, match="split folders test, train next to extra"):
        places("train/cat/1.jpg", "test/cat/1.jpg", "extra/cat/1.jpg")


@pytest.mark.parametrize("names", [["1.jpg", "2.jpg"], ["train/1.jpg", "test/2.jpg"]])
def test_images_without_class_folders_are_refused(names: list[str]) -> None:
    with pytest.raises(BadDataset, match=r"holds 2 pictures but no class folders\. Expected class folders: photos/cat/1.jpg"):
        places(*names)


def test_no_images_at_all() -> None:
    with pytest.raises(BadDataset, match="holds no pictures"):
        places()


def test_images_outside_class_folders_are_told() -> None:
    placed, outside = place(["cat/1.jpg", "dog/1.jpg", "logo.png"], HERE)
    assert len(placed) == 2
    assert outside == ["logo.png"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, content in {
        "dog/1.png": png((6, 4)),
        "cat/2.png": png((10, 20)),
        "cat/1.png": b"broken",
        "cat/notes.txt": b"hello",
        "cat/.hidden.png": b"x",
        "cat/deep/3.png": png((8, 8)),
    }.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    return tmp_path / "photos"


def test_a_folder_opens(photos: Path) -> None:
    dataset = open_dataset(photos)
    assert dataset.classes == ("cat", "dog")
    assert dataset.items == (
        Item("cat/1.png", 0, None),
        Item("cat/2.png", 0, None),
        Item("cat/deep/3.png", 0, None),
        Item("dog/1.png", 1, None),
    )
    assert dataset.image(3).shape == (3, 4, 6)
    assert dataset.content(0) == b"broken"
    assert dataset.native_side() == 8
    with pytest.raises(UnreadableImage, match=r"cat/1\.png is not a picture"):
        dataset.image(0)


def test_a_zip_of_it_is_the_same(photos: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "packed"), "zip", photos.parent, photos.name)
    packed, plain = open_dataset(str(tmp_path / "packed.zip")), open_dataset(str(photos))
    assert packed.classes == plain.classes
    assert [item.name for item in packed.items] == [f"photos/{item.name}" for item in plain.items]
    assert torch.equal(packed.image(3), plain.image(3))


def test_nothing_readable_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"broken")
    with pytest.raises(BadDataset, match="None of the pictures"):
        open_dataset(tmp_path).native_side()


def test_unknown_names_get_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        BadDataset,
        match=r"'fashon-mnist'. Did you mean 'fashion-mnist'\? Known: cifar10, digits, fashion-mnist, hues, imagenet:DIR, mnist",
    ):
        open_dataset("fashon-mnist")
    (tmp_path / "photos").mkdir()
    with pytest.raises(BadDataset, match=r"There is '.*photos'"):
        open_dataset(tmp_path / "photo")


def test_a_name_that_is_none() -> None:
    with pytest.raises(BadDataset, match="No folder, archive or data set is called"):
        open_dataset("a" * 5000)


def test_a_name_goes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "digits" / name).mkdir(parents=True)
        (tmp_path / "digits" / name / "1.png").write_bytes(png())
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset("digits").items) == 1797
    assert open_dataset("./digits").classes == open_dataset(Path("digits")).classes == ("cat", "dog")


def test_digits() -> None:
    from sklearn.datasets import load_digits

    dataset = open_dataset("digits")
    assert dataset.classes == tuple("0123456789")
    assert dataset.traits == Traits(flip=False, colour=False, gray=True)
    assert dataset.native_side() == 8
    image = dataset.image(7)
    assert image.shape == (3, 8, 8)
    assert np.array_equal(image[1].numpy(), np.rint(load_digits().images[7] * (255 / 16)))
    assert {item.split for item in dataset.items} == {None}
    assert len(dataset.content(0)) == 64


@pytest.mark.parametrize(
    ("classes", "gray", "expected"),
    [
        (["cat", "dog"], False, Traits(flip=True, colour=True)),
        (["cat", "dog"], True, Traits(flip=True, colour=False, gray=True)),
        (list("0123456789"), False, Traits(flip=False, colour=True)),
        (["A", "B"], False, Traits(flip=False, colour=True)),
        (["one", "two"], False, Traits(flip=False, colour=True)),
        (["turn-left", "turn-right"], False, Traits(flip=False, colour=True)),
        (["red apple", "green apple"], False, Traits(flip=True, colour=False)),
        (["猫", "狗"], False, Traits(flip=True, colour=True)),
        (["永", "和"], True, Traits(flip=False, colour=False, gray=True)),
        (["零", "二", "十一"], False, Traits(flip=False, colour=True)),
        (["左转", "右转"], False, Traits(flip=False, colour=True)),
        (["红苹果", "青苹果"], False, Traits(flip=True, colour=False)),
        (["未成熟", "成熟"], False, Traits(flip=True, colour=False)),
    ],
)
def test_safe_defaults_come_from_class_names(classes: list[str], gray: bool, expected: Traits) -> None:
    assert traits_of(classes, gray=gray) == expected


def test_gray_files_are_noticed(digits_folder: Path) -> None:
    assert open_dataset(digits_folder).traits == Traits(flip=False, colour=False, gray=True)


def test_arrays_fit_in_bulk_as_one_by_one() -> None:
    dataset = registry.digits()
    assert isinstance(dataset, ArrayDataset)
    many = dataset.squares([3, 5], 32, "crop")
    assert many.shape == (2, 3, 32, 32)
    assert torch.equal(many[1], dataset.fitted(5, 32, "crop")[0])


def test_shared_archives_open(shared_data: Path) -> None:
    clothing = open_dataset(shared_data / "clothing.zip")
    assert len(clothing.classes) == 10
    assert {item.split for item in clothing.items} == {"train", "validation", "test"}
    assert open_dataset(shared_data / "sign-digits.zip").traits.flip is False
    with pytest.raises(BadDataset, match="no class folders"):
        open_dataset(shared_data / "imagenet-sample.zip")


def test_errors_are_the_users(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(AlexNetError, match="holds no pictures"):
        open_dataset(tmp_path / "empty.zip")
