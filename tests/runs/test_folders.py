"""What a training keeps of how folders are read, and what it says of images before it works."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.comparison.compare import compare
from alexnet.errors import BadDataset
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.train import train
from alexnet.runtime.events import Event, Message


def textures(folder: Path, *classes: str, count: int = 6, seed: int = 0) -> Path:
    """Class folders of images that differ."""
    random = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(random.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(folder / name / f"{seed}-{number}.png")
    return folder


def said_by(data: Path, out: Path, **options: object) -> list[str]:
    """The messages of a short training."""
    heard: list[Event] = []
    train(data, model="raw-svm", out=out, listen=heard.append, **options)  # type: ignore[arg-type]  # options of any type
    return [event.text for event in heard if isinstance(event, Message)]


def test_the_choice_of_a_reading_is_kept(tmp_path: Path) -> None:
    data = textures(tmp_path / "photos", "old/cat", "old/dog", "new/cat", "new/dog")
    with pytest.raises(BadDataset, match="in two ways"):
        said_by(data, tmp_path / "none")
    said_by(data, tmp_path / "run", layout_of_folders="splits")
    assert 'layout_of_folders = "splits"' in (tmp_path / "run" / "recipe.toml").read_text("utf-8")
    assert "nothing to do" in " ".join(said_by(data, tmp_path / "run", resume=True))
    assert evaluate_run(tmp_path / "run", split="train").classes == ("cat", "dog")
    assert evaluate_run(tmp_path / "run", data).classes == ("cat", "dog")
    said_by(data, tmp_path / "again", recipe=tmp_path / "run" / "recipe.toml", overrides={"seed": 1})


def test_the_choice_may_be_a_recipe_field(tmp_path: Path) -> None:
    data = textures(tmp_path / "photos", "old/cat", "old/dog", "new/cat", "new/dog")
    said_by(data, tmp_path / "run", overrides={"layout-of-folders": "classes"})
    assert evaluate_run(tmp_path / "run").classes == ("new", "old")


def test_images_in_train_and_test_are_counted(tmp_path: Path) -> None:
    data = textures(tmp_path, "train/cat", "train/dog", count=8)
    textures(data, "test/cat", "test/dog", count=2, seed=1)
    (data / "test" / "cat" / "twice.png").write_bytes((data / "train" / "cat" / "0-0.png").read_bytes())
    said = said_by(data, tmp_path / "run")
    assert [text for text in said if text.startswith("1 of the 5 test pictures are also in train, exactly or nearly")]


def bursts(folder: Path, *classes: str) -> Path:
    """Class folders of images that are all nearly the same."""
    for seed, name in enumerate(classes):
        pixels = np.random.default_rng(100 + seed).integers(0, 250, (12, 12, 3), dtype=np.uint8)
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(5):
            Image.fromarray(pixels + np.uint8(number)).save(folder / name / f"{number}.png")
    return folder


def test_near_duplicates_are_the_reason_where_nothing_is_left_to_validate(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=r"All pictures of 'cat', 'dog' are near-duplicates of each other.*make the split yourself"):
        said_by(bursts(tmp_path / "photos", "cat", "dog"), tmp_path / "run")


def test_a_class_of_near_duplicates_is_named_where_others_can_be_split(tmp_path: Path) -> None:
    data = textures(bursts(tmp_path / "photos", "bird"), "cat", "dog", count=12)
    assert [text for text in said_by(data, tmp_path / "run") if "All pictures of 'bird' are near-duplicates" in text]


def test_what_opening_finds_is_said(tmp_path: Path) -> None:
    data = textures(tmp_path / "photos", "cat", "dog", count=12)
    (data / "bird").mkdir()
    assert [text for text in said_by(data, tmp_path / "run") if text.startswith("The folder 'bird' is empty")]


def test_a_comparison_says_what_it_found_once_and_keeps_the_reading(tmp_path: Path) -> None:
    data = textures(tmp_path / "photos", "old/cat", "old/dog", "new/cat", "new/dog")
    (data / "old" / "bird").mkdir()
    heard: list[Event] = []
    words = {"models": "raw-svm", "fractions": "1", "out": tmp_path / "out", "listen": heard.append}
    compare(data, layout_of_folders="splits", **words)  # type: ignore[arg-type]  # options of any type
    assert sum("old/bird" in event.text for event in heard if isinstance(event, Message)) == 1
    again = compare(data, **words)  # type: ignore[arg-type]
    assert again.request.layout_of_folders == "splits"


def test_a_table_of_labels_needs_the_images_that_it_is_of(tmp_path: Path) -> None:
    said_by(textures(tmp_path / "photos", "cat", "dog"), tmp_path / "run")
    with pytest.raises(BadDataset, match="alexnet evaluate RUN DATA --labels"):
        evaluate_run(tmp_path / "run", labels=tmp_path / "labels.csv")
