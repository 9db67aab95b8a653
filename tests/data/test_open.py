"""Opening data sets: layouts of class folders, names, traits."""

import hashlib
import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.class_folders import place
from alexnet.data.dataset import Dataset, Item, Traits, traits_of
from alexnet.data.named import fashion_mnist as fashion
from alexnet.data.named import registry
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadDataset, UnreadableImage
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import write_atomically

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
    with pytest.raises(BadDataset, match="split folders test, train beside extra"):
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
    with pytest.raises(UnreadableImage, match=r"cat/1\.png is no picture"):
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
        match=r"'fashon-mnist'. Did you mean 'fashion-mnist'\? Known: cifar10, digits, fashion-mnist, imagenet:DIR, mnist",
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
    ],
)
def test_safe_defaults_come_from_class_names(classes: list[str], gray: bool, expected: Traits) -> None:
    assert traits_of(classes, gray=gray) == expected


def test_gray_files_are_noticed(digits_folder: Path) -> None:
    assert open_dataset(digits_folder).traits == Traits(flip=False, colour=False, gray=True)


def test_fashion_mnist_by_name(fashion_mnist: Dataset) -> None:
    assert len(fashion_mnist.items) == 70_000
    assert fashion_mnist.classes[0] == "t-shirt"
    assert fashion_mnist.classes[9] == "ankle-boot"
    splits = [item.split for item in fashion_mnist.items]
    assert splits == ["train"] * 60_000 + ["test"] * 10_000
    assert np.bincount([item.label for item in fashion_mnist.items]).tolist() == [7000] * 10
    assert fashion_mnist.items[0].label == 9  # the first image is a boot
    assert fashion_mnist.image(0).shape == (3, 28, 28)
    assert fashion_mnist.traits == Traits(flip=True, colour=False, gray=True)


def small_files() -> dict[str, bytes]:
    return {name: name.encode() for name in fashion.SHA256}


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cache, no installed copy, no internet, no apt; and checksums of four tiny files."""
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion, "INSTALLED", tmp_path / "installed")
    monkeypatch.setattr(fashion, "SHA256", {name: hashlib.sha256(content).hexdigest() for name, content in small_files().items()})
    monkeypatch.setattr(fashion, "_download", unreachable)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    return tmp_path


def unreachable() -> NoReturn:
    raise OSError("Name or service not known")


def test_fashion_mnist_from_nowhere_says_what_was_tried(nowhere: Path) -> None:
    with pytest.raises(BadDataset) as caught:
        fashion.find_files()
    message = str(caught.value)
    assert "cache: not there; installed copy: not there; download: Name or service not known" in message
    assert str(nowhere / "cache" / "fashion-mnist") in message


def test_fashion_mnist_places_in_order(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion, "_download", small_files)
    assert fashion.find_files() == small_files()
    monkeypatch.setattr(fashion, "_download", unreachable)
    assert fashion.find_files() == small_files()  # now from the cache
    shutil.rmtree(nowhere / "cache")
    for name, content in small_files().items():
        write_atomically(nowhere / "installed" / name, content)
    assert fashion.find_files() == small_files()
    assert not (nowhere / "cache").exists()


def test_a_wrong_checksum_is_told(nowhere: Path) -> None:
    for name in small_files():
        write_atomically(nowhere / "cache" / "fashion-mnist" / name, b"tampered")
    with pytest.raises(BadDataset, match="train-images-idx3-ubyte is damaged"):
        fashion.find_files()


def test_the_debian_package_is_fetched_with_lists_of_our_own(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], folder: Path) -> None:
        ran.append(command)
        if command[0] == "apt-get" and command[-2:] == ["download", "dataset-fashion-mnist"]:
            if len(ran) == 1:
                raise subprocess.CalledProcessError(100, command, stderr="E: Unable to locate package")
            (folder / "dataset-fashion-mnist_1_all.deb").write_bytes(b"")
        if command[0] == "dpkg-deb":
            for name, content in small_files().items():
                write_atomically(folder / "unpacked" / (nowhere / "installed").relative_to("/") / name, content)

    monkeypatch.setattr(fashion, "_run", run)
    monkeypatch.setattr(shutil, "which", lambda program: program)
    assert fashion.find_files() == small_files()
    assert [command[-1] for command in ran] == ["dataset-fashion-mnist", "update", "dataset-fashion-mnist", "unpacked"]
    assert any(part.startswith("Dir::State::lists=") for part in ran[1])


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_without_internet_the_others_say_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("Error downloading:\nName or service not known")

    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path))
    monkeypatch.setattr(torchvision.datasets, name.upper(), refuse)
    with pytest.raises(BadDataset, match=f"{name} is not in .*torchvision and cannot be downloaded .*Connect to the internet once"):
        open_dataset(name)


class FakeMNIST:
    def __init__(self, root: Path, *, train: bool, download: bool) -> None:
        count = 6 if train else 3
        self.data = torch.arange(count, dtype=torch.uint8)[:, None, None].expand(-1, 28, 28)
        self.targets = torch.arange(count)


class FakeCIFAR10:
    def __init__(self, root: Path, *, train: bool, download: bool) -> None:
        count = 6 if train else 3
        self.data = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
        self.targets = list(range(count))


@pytest.mark.parametrize(("name", "fake", "side"), [("mnist", FakeMNIST, 28), ("cifar10", FakeCIFAR10, 32)])
def test_sets_from_torchvision_are_put_together(name: str, fake: type, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    monkeypatch.setattr(torchvision.datasets, name.upper(), fake)
    dataset = open_dataset(name)
    assert [item.split for item in dataset.items] == ["train"] * 6 + ["test"] * 3
    assert [item.label for item in dataset.items] == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert dataset.image(7).shape == (3, side, side)
    assert int(dataset.image(7)[0, 0, 0]) == 1


def test_the_cache_follows_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("ALEXNET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "alexnet"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "alexnet"


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
