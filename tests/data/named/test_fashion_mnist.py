"""Fashion-MNIST: the places that may have it, in order; its checksums; what is kept; what a user reads where no place serves."""

import gzip
import hashlib
import shutil
import threading
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from alexnet.data.dataset import Dataset, Traits
from alexnet.data.named import fashion_mnist as fashion
from alexnet.errors import BadDataset


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


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
    """An empty cache and no installed copy; and checksums of four tiny files."""
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion, "SHA256", {name: hashlib.sha256(content).hexdigest() for name, content in small_files().items()})
    return tmp_path


def unreachable() -> NoReturn:
    raise OSError("Name or service not known")


def test_from_nowhere_says_what_was_tried_and_what_to_type(nowhere: Path) -> None:
    with pytest.raises(BadDataset) as caught:
        fashion.find_files(installed=nowhere / "installed", download=unreachable)
    message = str(caught.value)
    assert "cache: not found; installed copy: not found; download: Name or service not known" in message
    assert "apt install dataset-fashion-mnist" in message
    assert "make fashion-mnist" in message
    assert str(nowhere / "cache" / "fashion-mnist") in message


def test_places_in_order(nowhere: Path) -> None:
    installed = nowhere / "installed"
    assert fashion.find_files(installed=installed, download=small_files) == small_files()
    assert fashion.find_files(installed=installed, download=unreachable) == small_files()  # now from the cache
    shutil.rmtree(nowhere / "cache")
    for name, content in small_files().items():
        put(installed / name, content)
    assert fashion.find_files(installed=installed, download=unreachable) == small_files()
    assert not (nowhere / "cache").exists()


def test_a_wrong_checksum_is_told(nowhere: Path) -> None:
    for name in small_files():
        put(nowhere / "cache" / "fashion-mnist" / name, b"tampered")
    with pytest.raises(BadDataset, match="train-images-idx3-ubyte is damaged"):
        fashion.find_files(installed=nowhere / "installed", download=unreachable)


def test_a_damaged_cache_is_replaced_by_a_download(nowhere: Path) -> None:
    for name in small_files():
        put(nowhere / "cache" / "fashion-mnist" / name, b"tampered")
    assert fashion.find_files(installed=nowhere / "installed", download=small_files) == small_files()
    assert fashion.read_verified(fashion.cached_folder()) == small_files()


def test_packed_files_serve_and_half_of_one_is_damaged(nowhere: Path) -> None:
    for name, content in small_files().items():
        put(nowhere / f"{name}.gz", gzip.compress(content))
    assert fashion.read_verified(nowhere) == small_files()
    packed = nowhere / "t10k-labels-idx1-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(BadDataset, match=r"t10k-labels-idx1-ubyte\.gz is damaged"):
        fashion.read_verified(nowhere)


def test_of_several_at_once_one_downloads(nowhere: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()
    downloads: list[int] = []

    def slowly() -> dict[str, bytes]:
        downloads.append(1)
        begun.set()
        assert may_end.wait(60)
        return small_files()

    first = threading.Thread(target=fashion.fetch_into_cache, args=[slowly])
    first.start()
    assert begun.wait(60)
    second = threading.Thread(target=fashion.fetch_into_cache, args=[slowly])
    second.start()
    may_end.set()
    first.join()
    second.join()
    assert downloads == [1]
    assert fashion.read_verified(fashion.cached_folder()) == small_files()
