"""What can be watched of a training: RUN/live while it runs and after a stop, nothing once it has finished."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from alexnet.data.open import open_dataset
from alexnet.errors import Interrupted
from alexnet.runs.live import LiveRun, ValidationWatch, mistakes, mosaic
from alexnet.runs.train import train
from alexnet.runtime.events import EpochDone, Event, Message, Reading, StepDone

SHORT = {"training.batch_size": 16, "training.learning_rate": 0.02, "network.activation": "relu"}
WANTED: dict[str, Any] = {"model": "lenet", "epochs": 2, "baseline": False, "overrides": SHORT}


def step(number: int) -> StepDone:
    return StepDone(number, number / 10, number / 100, 2.3, 512.0, 75.0)


def test_a_stopped_training_shows_what_it_was_doing_and_a_finished_one_nothing(digits_folder: Path, tmp_path: Path) -> None:
    run, epochs = tmp_path / "run", []

    def hear(event: Event) -> None:
        if isinstance(event, EpochDone):
            epochs.append(event)

    with pytest.raises(Interrupted):
        train(digits_folder, out=run, **WANTED, listen=hear, should_stop=lambda: len(epochs) == 1)
    progress = json.loads((run / "live" / "progress.json").read_text())
    assert (progress["model"], progress["history"], progress["phase"]) == ("lenet", "history.jsonl", "training")
    found = json.loads((run / "live" / "validation.json").read_text())
    row = json.loads((run / "history.jsonl").read_text().splitlines()[0])
    n, wrong = (sum(one[name] for one in found["classes"]) for name in ("n", "wrong"))
    assert wrong / n == pytest.approx(row["validation_error"])
    validation = set(json.loads((run / "splits.json").read_text())["validation"])
    assert {one["file"] for one in found["wrong"]} <= validation
    assert all(one["predicted"] != one["class"] == Path(one["file"]).parent.name for one in found["wrong"])
    with Image.open(run / "live" / "filters.png") as image:
        assert image.size == (3 * 6 - 1, 2 * 6 - 1), "six filters of 5 x 5"
    train(digits_folder, out=run, **WANTED, resume=True)
    assert not (run / "live").exists()


@pytest.mark.slow
def test_watching_changes_no_weight(digits_folder: Path, digits_run: Path, tmp_path: Path) -> None:
    """The run of `digits_run`, as one of several that share a split, is not shown."""
    changes = {**SHORT, "network.pooling": "max"}
    shared = {"epochs": 4, "splits": digits_run / "splits.json", "keep_checkpoints": True}
    train(digits_folder, model="lenet", out=tmp_path / "run", overrides=changes, **shared)  # type: ignore[arg-type]
    weights = [(path / "model" / "model.safetensors").read_bytes() for path in (digits_run, tmp_path / "run")]
    assert weights[0] == weights[1]


def test_files_are_replaced_at_most_once_a_second(tmp_path: Path) -> None:
    now = [0.0]
    live = LiveRun(tmp_path, clock=lambda: now[0])
    live(Message("before it begins"))
    assert not (tmp_path / "live").exists()
    live.begin("lenet", tmp_path / "candidates" / "lenet")
    seen = []
    for number in range(1, 301):
        now[0] += 0.01
        live(step(number))
        seen.append((tmp_path / "live" / "progress.json").stat().st_ino)
    assert len(set(seen)) <= 4
    progress = json.loads((tmp_path / "live" / "progress.json").read_text())
    assert (progress["history"], progress["message"]) == ("candidates/lenet/history.jsonl", "before it begins")
    live(Reading(1, 2))
    live.remove()
    live(step(1))
    assert not (tmp_path / "live").exists()


def test_mistakes_and_an_incomplete_validation(digits_folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(digits_folder)
    indices = [0, len(dataset.items) - 1]  # a 0 and a 9
    scores = torch.zeros(2, 10)
    scores[:, 0] = 5.0
    found = mistakes(dataset, indices, scores)
    assert found["classes"] == [{"class": "0", "n": 1, "wrong": 0}, {"class": "9", "n": 1, "wrong": 1}]
    assert [(one["class"], one["predicted"]) for one in found["wrong"]] == [("9", "0")]
    live = LiveRun(tmp_path)
    live.begin("lenet", tmp_path)
    watch = ValidationWatch(live, dataset, indices, lambda: torch.zeros(2, 1, 3, 3))
    watch.hear(scores[:1], torch.zeros(1))
    watch.end(1.0)
    assert not (tmp_path / "live" / "validation.json").exists()


def test_a_full_disk_does_not_end_a_training(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "live").touch()  # a file where the folder must be
    live.begin("lenet", tmp_path / "run")
    live(step(1))
    assert (tmp_path / "run" / "live").read_bytes() == b""


def test_a_mosaic_has_each_filter_at_full_contrast() -> None:
    filters = torch.rand(7, 3, 4, 4) * torch.tensor([1e-3, 1.0, 5.0, 9.0, 0.1, 2.0, 3.0]).view(7, 1, 1, 1)
    image = mosaic(filters)
    assert (image.shape[0], image.dtype) == (3, torch.uint8)
    corner = image[:, :4, :4]
    assert (int(corner.min()), int(corner.max())) == (0, 255)
    assert mosaic(torch.zeros(500, 1, 5, 5)).shape[0] == 1
