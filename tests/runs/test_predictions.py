"""predictions.csv with class names that look like formulas; files of earlier versions."""

from pathlib import Path

import numpy as np
import torch

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.dataset import Traits
from alexnet.evaluation.evaluate import summarise
from alexnet.runs.folder import RunFolder
from alexnet.runs.predictions import predictions_csv, read_predictions

CLASSES = ("=1+1", "+a", "-a", "@a")


def test_the_classes_come_back(tmp_path: Path) -> None:
    probabilities = np.full((4, 4), 0.1, np.float32)
    probabilities[[0, 1, 2, 3], [0, 1, 2, 0]] = 0.7
    order = np.arange(4)
    found = summarise(probabilities, order, order, CLASSES, view="centre", views_per_image=1, seconds=1.0)
    pixels = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    dataset = ArrayDataset("made", CLASSES, ((None, pixels, torch.arange(4)),), Traits(flip=True, colour=True))
    text = predictions_csv(dataset, found)
    assert "'=1+1,'=1+1,0.700000" in text
    assert ",'@a,'=1+1," in text
    (tmp_path / "predictions.csv").write_text(text, encoding="utf-8", newline="")
    assert list(read_predictions(tmp_path / "predictions.csv").values()) == [False, False, False, True]


def test_files_of_earlier_versions(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("file,class,predicted,probability\n=a.png,=1+1,=1+1,0.5\n-b.png,-a,@a,0.5\n")
    assert read_predictions(tmp_path / "predictions.csv") == {"=a.png": False, "-b.png": True}


def test_the_list_of_skipped_files(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_skipped([("=cmd|'/c calc'!A1/1.png", "@a", "is damaged")])
    assert folder.skipped.read_text().splitlines()[1] == "'=cmd|'/c calc'!A1/1.png,'@a,is damaged"
