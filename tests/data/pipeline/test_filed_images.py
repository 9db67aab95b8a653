"""Squares in a file: the same images as from memory, in a file that nobody sees, and in memory where the disk has no room."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data.open import open_dataset
from alexnet.data.pipeline.filed_images import FiledImages, SquareFile, open_filed
from alexnet.data.pipeline.image_store import ImageStore, open_images

SIZE = 20


def photos(folder: Path, count: int = 40, broken: int = 1) -> Path:
    """Two classes of random images, some of which cannot be read."""
    random = np.random.default_rng(0)
    for number in range(count):
        file = folder / ("even", "odd")[number % 2] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if number < broken:
            file.write_bytes(b"no image")
        else:
            Image.fromarray(random.integers(0, 256, (24, 31, 3), dtype=np.uint8)).save(file)
    return folder


def in_file(images: Path, folder: Path) -> ImageStore:
    return open_filed(open_dataset(images), SIZE, "crop", workers=2, folder=folder, few=0)


def test_the_images_are_those_of_memory(tmp_path: Path) -> None:
    dataset = open_dataset(photos(tmp_path / "images"))
    memory = open_images(dataset, SIZE, "crop", workers=0, check=False)
    filed = in_file(tmp_path / "images", tmp_path / "cache")
    assert isinstance(filed, FiledImages)
    assert not filed.in_memory
    assert filed.readable == memory.readable
    assert filed.skipped == memory.skipped
    np.testing.assert_array_equal(filed.fingerprints.digests, memory.fingerprints.digests)
    batches = [[5, 39, 5], [1], torch.tensor([8, 2])]
    for own, other in zip(filed.stream(batches), memory.stream(batches), strict=True):  # type: ignore[arg-type]
        assert torch.equal(own, other)
    assert torch.equal(filed.square(17), memory.square(17))


def test_the_file_has_no_name(tmp_path: Path) -> None:
    filed = in_file(photos(tmp_path / "images"), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert filed.square(3).float().std() > 0


def test_few_images_stay_in_memory(tmp_path: Path) -> None:
    dataset = open_dataset(photos(tmp_path / "images"))
    assert open_filed(dataset, SIZE, "crop", workers=0, folder=tmp_path / "cache").in_memory
    assert not (tmp_path / "cache").exists()


def test_a_full_disk_leaves_them_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, start: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    filed = in_file(photos(tmp_path / "images"), tmp_path / "cache")
    assert filed.in_memory
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells what a process holds")
def test_reading_takes_no_memory_beyond_what_is_read(tmp_path: Path) -> None:
    """A mapped file of 40 MB would be counted as this process's once it has been written, or read."""

    def resident() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("RssFile", "RssShmem")))

    file = SquareFile(tmp_path, 200, 256)
    before, squares = resident(), file.mapped()
    squares.fill_(7)
    assert resident() > before + 35_000_000
    del squares
    for number in range(200):
        assert int(file.read([number])[0, 0, 0, 0]) == 7
    assert resident() < before + 10_000_000
