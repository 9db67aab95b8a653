"""Inspection: a data set with everything wrong, and sound ones."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.data.curation.inspection import Inspection, inspect
from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset

KEYS = {"classes", "n", "splits", "unreadable", "duplicates", "suspects"}


def jpeg(seed: int, side: int = 64, quality: int = 90, mode: str = "RGB") -> bytes:
    coarse = np.random.default_rng(seed).integers(40, 200, (5, 5, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).convert(mode).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Dataset:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return open_dataset(folder)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    files = {f"train/cat/{number:03d}.jpg": jpeg(number) for number in range(120)}
    files |= {f"train/dog/{number:03d}.jpg": jpeg(1000 + number, mode="L") for number in range(15)}
    files |= {f"test/cat/{number:03d}.jpg": jpeg(2000 + number) for number in range(5)}
    files |= {
        "train/cat/tiny.jpg": jpeg(3000, side=9),
        "test/cat/leak.jpg": jpeg(7),  # the bytes of train/cat/007.jpg
        "test/cat/again.jpg": jpeg(8, quality=60),  # train/cat/008.jpg, saved again
        "train/dog/wrong.jpg": jpeg(9, quality=70),  # a cat among the dogs
        "train/dog/cut.jpg": jpeg(5000)[:500],
        "train/stray.jpg": jpeg(6000),
    }
    return inspect(write(tmp_path_factory.mktemp("troubled"), files), workers=2)


def test_counts_sizes_and_modes(troubled: Inspection) -> None:
    found = troubled.to_json()
    assert found.keys() >= KEYS
    assert json.loads(json.dumps(found)) == found
    assert found["classes"] == ["cat", "dog"]
    assert found["n"] == 145
    assert found["splits"] == {"train": 138, "test": 7}
    assert found["counts"] == {"cat": {"train": 121, "test": 7}, "dog": {"train": 17, "test": 0}}
    assert found["sizes"] == {"width": {"min": 9, "median": 64, "max": 64}, "height": {"min": 9, "median": 64, "max": 64}}
    assert found["modes"] == {"RGB": 129, "L": 15}
    assert found["imbalance"] == pytest.approx(128 / 17, abs=0.01)


def test_unreadable_files_have_reasons(troubled: Inspection) -> None:
    assert troubled.to_json()["unreadable"] == [{"file": "train/dog/cut.jpg", "class": "dog", "reason": "is cut short"}]
    assert troubled.outside == ("train/stray.jpg",)


def test_duplicates_and_suspects(troubled: Inspection) -> None:
    found = troubled.to_json()
    assert found["duplicates"]["exact"] == [["test/cat/leak.jpg", "train/cat/007.jpg"]]
    assert sorted(found["duplicates"]["near"]) == [
        ["test/cat/again.jpg", "train/cat/008.jpg"],
        ["train/cat/009.jpg", "train/dog/wrong.jpg"],
    ]
    problems = {(suspect["first"], suspect["problem"], suspect["exact"]) for suspect in found["suspects"]}
    assert problems == {
        ("test/cat/leak.jpg", "across splits", True),
        ("test/cat/again.jpg", "across splits", False),
        ("train/cat/009.jpg", "two labels", False),
    }


@pytest.mark.parametrize(
    "words",
    [
        "Over 5% of 'dog' cannot be read: training refuses to start",
        "2 pictures are also in another split, exactly or nearly",
        "the error measured on it would be too low",
        "1 picture is in two classes",
        "1 picture outside the class folders",
        "'cat' has 7.53 times as many pictures as 'dog' (128 and 17): read the balanced accuracy",
        "'dog': fewer than 20 pictures",
        "No pictures of 'dog' in test: its error will not be known",
        "Some pictures are under 32 pixels",
    ],
)
def test_advice_says_what_it_means(troubled: Inspection, words: str) -> None:
    assert words in " ".join(troubled.advice)


def test_a_sound_data_set_gets_no_advice() -> None:
    found = inspect(open_dataset("digits"))
    assert found.advice == ()
    assert found.splits == {"unsplit": 1797}
    assert found.modes == {"L": 1797}


def test_nothing_readable_is_still_told(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, {"cat/1.jpg": b"", "dog/1.jpg": b"broken"}))
    assert found.sizes == {}
    assert [skip.reason for skip in found.unreadable] == ["is empty", "is not a picture in a known format, or its header is damaged"]
    assert any("no class with readable pictures" in sentence for sentence in found.advice)


def test_one_class_is_told(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, {f"cat/{number}.jpg": jpeg(number) for number in range(30)}))
    assert any("There is only one class with readable pictures" in sentence for sentence in found.advice)


def test_the_messy_collection(shared_data: Path) -> None:
    found = inspect(open_dataset(shared_data / "messy.zip"), workers=2)
    assert len(found.classes) == 9
    assert {skip.class_name for skip in found.unreadable} == {"corrupt", "heic"}
    assert {"RGB", "L", "P", "CMYK", "RGBA", "I;16"} <= set(found.modes)
