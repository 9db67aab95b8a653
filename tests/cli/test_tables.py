"""What a person reads: tables that hold at 80 columns, with every name as it is."""

import io
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from alexnet.cli.prediction_lines import prediction_lines
from alexnet.cli.summary_tables import summary_tables
from alexnet.cli.tables import evaluation_table, inspection_tables
from alexnet.data.curation.inspection import inspect
from alexnet.data.open import open_dataset
from alexnet.inference.prediction import Prediction
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.summary import comparison, summarise
from alexnet.runs.evaluate import evaluate_run


def shown(parts: Iterable[Table | str], width: int = 80) -> list[str]:
    """The lines on a screen of that width."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in parts:
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_catalogue_fits_80_columns() -> None:
    summaries = summarise([], classes=None, image_size=None, channels=None)
    lines = shown(summary_tables(summaries, comparison(summaries), detailed=False))
    for one in summaries:
        figures = [line for line in lines if line.startswith(f"{one.architecture.name} ") and f"{one.parameters:,}" in line]
        assert len(figures) == 1, "name and figures of a network stand unbroken on one line"
        assert f"{one.macs:,}" in figures[0]
    assert all(name in "\n".join(lines) for name in ARCHITECTURES)


def test_the_tables_in_chinese_fit_80_columns_and_leave_no_english() -> None:
    summaries = summarise([], classes=None, image_size=None, channels=None)
    lines = shown(summary_tables(summaries, comparison(summaries), detailed=False, lang="zh"))
    assert "模型" in lines[1] + lines[0]
    assert all(one.architecture.title not in "\n".join(lines) for one in summaries)
    for one in summaries:
        assert any(line.startswith(f"{one.architecture.name} ") and f"{one.macs:,}" in line for line in lines)
    some = summarise(["alexnet", "efficientnet-lite0"], classes=None, image_size=None, channels=None)
    detailed = "\n".join(shown(summary_tables(some, comparison(some), detailed=True, lang="zh"), 200))
    assert "倒残差块" in detailed
    assert "合计" in detailed
    assert not re.search(r"^(layer|total|activation|what differs)", detailed, re.MULTILINE)


def test_networks_side_by_side() -> None:
    summaries = summarise(["alexnet", "lenet"], classes=None, image_size=None, channels=None)
    lines = shown(summary_tables(summaries, comparison(summaries), detailed=True))
    assert "alexnet: 3 x 224 x 224, 1,000 classes" in lines
    assert any(line.split() == ["activation", "relu", "sigmoid"] for line in lines)
    totals = [line.split()[1:] for line in lines if line.startswith("total")]
    assert totals == [[f"{one.parameters:,}", f"{one.macs:,}"] for one in summaries]


def test_frozen_parameters_are_told_from_trainable_ones() -> None:
    (fast,) = summarise(["alexnet-cifar-fast"], classes=10, image_size=32, channels=3)
    lines = [line.split() for line in shown(summary_tables([fast], [], detailed=True))]
    assert ["total", f"{fast.parameters:,}", f"{fast.macs:,}"] in lines
    assert ["trainable", f"{fast.trainable_parameters:,}"] in lines
    lenet = summarise(["lenet"], classes=None, image_size=None, channels=None)
    assert not any(line.startswith("trainable") for line in shown(summary_tables(lenet, [], detailed=True)))


def test_predictions_and_names_that_look_like_markup() -> None:
    answers = [
        Prediction("[bold]a.png", (("[red]cat", 0.75), ("dog", 0.25))),
        Prediction("b.png", (), "is empty"),
    ]
    lines = prediction_lines(answers).splitlines()
    assert lines[1].split() == ["[bold]a.png", "[red]cat", "75.0%", "dog", "25.0%"]
    assert lines[2].split() == ["b.png", "is", "empty"]
    chinese = prediction_lines([Prediction("猫.png", (("猫", 1.0),)), Prediction("dog.png", (("dog", 0.5),))]).splitlines()
    assert [line[-6:].strip() for line in chinese[1:]] == ["100.0%", "50.0%"]
    assert len(chinese[1]) + 2 == len(chinese[2]), "a Chinese character is two columns wide"


def test_evaluation_has_the_worst_class_first(digits_run: Path) -> None:
    evaluation = evaluate_run(digits_run)
    lines = shown([evaluation_table(evaluation)])
    errors = [float(line.split()[2].rstrip("%")) for line in lines[1:]]
    assert len(errors) == 10
    assert errors == sorted(errors, reverse=True)


@pytest.fixture(scope="module")
def troubled(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An inspection of split folders with a broken file, a copy across splits, and a class in one split only."""
    folder = tmp_path_factory.mktemp("troubled")
    for name in ("1", "2"):
        shutil.copytree(digits_folder / name, folder / "train" / name)
    (folder / "test" / "1").mkdir(parents=True)
    shutil.copy(next((digits_folder / "1").iterdir()), folder / "test" / "1" / "copy.png")
    (folder / "train" / "2" / "broken.png").write_bytes(b"broken")
    return shown(inspection_tables(inspect(open_dataset(folder))))


def test_inspection_counts_by_class_and_split(troubled: list[str], digits_folder: Path) -> None:
    ones, twos = (len(list((digits_folder / name).iterdir())) for name in "12")
    rows = [line.split() for line in troubled]
    assert ["class", "train", "test", "all"] in rows
    assert ["1", str(ones), "1", str(ones + 1)] in rows
    assert ["2", str(twos + 1), "0", str(twos + 1)] in rows
    assert ["all", str(ones + twos + 1), "1", str(ones + twos + 2)] in rows


def test_inspection_lists_trouble_and_advice(troubled: list[str]) -> None:
    page = " ".join(" ".join(troubled).split())
    assert "Files that cannot be read: 1" in page
    assert "train/2/broken.png is not a picture in a known format" in page
    assert "Copies, equal to the byte: 1" in page
    assert "across splits" in page
    assert "No pictures of '2' in test" in page
    assert "{" not in page, "no Python in a table"


def test_inspection_lists_each_pair_once_and_says_how_the_split_is_made(digits_folder: Path, tmp_path: Path) -> None:
    for name in ("1", "2"):
        shutil.copytree(digits_folder / name, tmp_path / name)
    shutil.copy(next((digits_folder / "1").iterdir()), tmp_path / "2" / "copy.png")
    found = inspect(open_dataset(tmp_path))
    page = " ".join(" ".join(shown(inspection_tables(found))).split())
    assert page.count("2/copy.png two labels") == 1
    assert page.count("2/copy.png") == 1 + sum("2/copy.png" in line for line in found.advice)
    plan = (
        r"makes the split itself \(--seed 0\): (\d+) training, (\d+) validation and (\d+) test pictures.*near duplicates stay on one side"
    )
    numbers = re.search(plan, page)
    assert numbers
    assert sum(map(int, numbers.groups())) == found.splits["unsplit"]


def test_inspection_of_clean_images_has_no_empty_tables() -> None:
    lines = shown(inspection_tables(inspect(open_dataset("digits"))))
    assert lines[:3] == ["digits: 1,797 pictures in 10 classes", "Sizes: width 8 px; height 8 px", "Modes: 1,797 L"]
    assert ["class", "pictures"] in [line.split() for line in lines]
    assert not any("cannot be read" in line for line in lines)
