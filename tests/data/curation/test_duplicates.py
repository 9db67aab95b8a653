"""Duplicates: made copies are found, and images that merely resemble each other are not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from alexnet.data.curation.duplicates import exact_pairs, groups, near_pairs
from alexnet.data.curation.scan import survey
from alexnet.data.dataset import Dataset
from alexnet.data.fingerprints import THUMBNAIL, Fingerprints
from alexnet.data.open import open_dataset


def scene(seed: int, side: int = 128) -> Image.Image:
    """A random image with coarse and fine structure, and room to be darkened."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 200, (5, 5, 3), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    fine = rng.normal(0, 8, (side, side, 3))
    return Image.fromarray((np.asarray(coarse) + fine).clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def fingerprints(folder: Path, files: dict[str, bytes]) -> tuple[Dataset, Fingerprints]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    dataset = open_dataset(folder)
    return dataset, survey(dataset, 64, "crop", workers=0).fingerprints


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "the same bytes": jpeg,
    "saved again": lambda image: jpeg(image, 50),
    "smaller": lambda image: jpeg(image.resize((100, 100), Image.Resampling.BICUBIC)),
    "larger": lambda image: jpeg(image.resize((200, 200), Image.Resampling.BICUBIC)),
    "darker": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(0.75)),
    "brighter": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.15)),
    "flatter": lambda image: jpeg(ImageEnhance.Contrast(image).enhance(0.8)),
    "gray": lambda image: jpeg(image.convert("L")),
}


@pytest.mark.parametrize("change", list(COPIES))
def test_a_copy_is_found_among_others(tmp_path: Path, change: str) -> None:
    files = {f"cat/{seed:02d}.jpg": jpeg(scene(seed)) for seed in range(30)}
    files |= {f"dog/{seed:02d}.jpg": COPIES[change](scene(seed)) for seed in range(10)}
    dataset, prints = fingerprints(tmp_path, files)
    found = groups(prints)
    by_name = {item.name: found[index] for index, item in enumerate(dataset.items)}
    assert all(by_name[f"cat/{seed:02d}.jpg"] == by_name[f"dog/{seed:02d}.jpg"] for seed in range(10))
    assert len(set(found.tolist())) == 30  # and nothing else is merged
    assert len(exact_pairs(prints)) == (10 if change == "the same bytes" else 0)


def test_unreadable_and_blank_images_are_alone(tmp_path: Path) -> None:
    blank = [jpeg(Image.new("RGB", (64, 64), (shade, shade, shade))) for shade in (100, 101, 102)]
    files = {f"cat/{number}.jpg": content for number, content in enumerate([*blank, b"broken", b"broken"])}
    _, prints = fingerprints(tmp_path, files)
    assert len(set(groups(prints).tolist())) == 5
    assert len(exact_pairs(prints)) == 0


def test_many_images_that_look_exactly_alike_make_few_pairs() -> None:
    count = 5000
    image = np.random.default_rng(0).integers(0, 256, (THUMBNAIL, THUMBNAIL), dtype=np.uint8)
    prints = Fingerprints(np.arange(count, dtype=np.uint64), np.tile(image, (count, 1, 1)), np.ones(count, np.bool_))
    assert len(near_pairs(prints)) == count - 1
    assert set(groups(prints).tolist()) == {0}


def test_no_pair_is_missed_by_the_search() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (400, THUMBNAIL, THUMBNAIL)).astype(float)
    copies = base[:200] + rng.normal(0, 2.5, (200, THUMBNAIL, THUMBNAIL))
    thumbnails = np.concatenate([base, copies]).clip(0, 255).round().astype(np.uint8)
    prints = Fingerprints(np.arange(600, dtype=np.uint64), thumbnails, np.ones(600, np.bool_))
    assert {tuple(pair) for pair in near_pairs(prints).tolist()} == {(index, 400 + index) for index in range(200)}


def test_nothing_at_all() -> None:
    empty = Fingerprints(np.zeros(0, np.uint64), np.zeros((0, THUMBNAIL, THUMBNAIL), np.uint8), np.zeros(0, np.bool_))
    assert len(groups(empty)) == 0


def test_digits_resemble_each_other_and_are_no_copies() -> None:
    dataset = open_dataset("digits")
    found = groups(survey(dataset, 32, "crop", workers=0).fingerprints)
    assert len(set(found.tolist())) == len(dataset.items)


@pytest.mark.slow
def test_fashion_mnist_has_few(fashion_mnist: Dataset) -> None:
    prints = survey(fashion_mnist, 32, "crop", workers=0).fingerprints
    found = groups(prints)
    assert 69_800 < len(set(found.tolist())) < 70_000
    assert np.bincount(found).max() <= 6
    pairs = near_pairs(prints)
    labels = np.array([item.label for item in fashion_mnist.items])
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).mean() > 0.97


def test_hands_on_white_are_no_copies(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "sign-digits.zip")
    found = groups(survey(dataset, 64, "crop", workers=2).fingerprints)
    assert len(set(found.tolist())) == len(dataset.items)
