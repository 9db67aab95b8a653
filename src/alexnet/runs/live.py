"""What can be watched of a training while it runs: RUN/live, which is removed when the run has finished.

Small files: once a second, how far it is; every few seconds, what it gets wrong in the last validation, and its first filters.
A training never fails or waits because of them. Independent of who watches.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet.data.dataset import Dataset
from alexnet.data.images.encode import png_bytes
from alexnet.errors import CannotWrite
from alexnet.runtime.events import EpochDone, Event, Extracting, Message, Planned, Reading, StepDone
from alexnet.storage.files import write_unflushed

PROGRESS, VALIDATION, FILTERS = "progress.json", "validation.json", "filters.png"
STEP_SECONDS = 1.0  # between two looks at the progress
EPOCH_SECONDS = 5.0  # between two looks at a validation
MOST_WRONG = 24  # images of a validation that are listed
MOST_FILTERS = 96


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """progress.json. phase: reading, features or training, empty before the first of them; share: 0 to 1 of the phase.

    history: the history.jsonl that grows now, below RUN; of a search, its candidate's. message: the last line for the user.
    at: when this was written, in seconds since 1970.
    """

    model: str = ""
    history: str = ""
    phase: str = ""
    share: float | None = None
    epoch: float | None = None
    loss: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    message: str = ""
    at: float = 0.0


class LiveRun:
    """Listens to a training and writes RUN/live; before `begin` it writes nothing."""

    def __init__(self, run: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.run, self.folder, self.clock = run, run / "live", clock
        self.progress = Progress()
        self._active = False
        self._written = self._validated = -math.inf

    def begin(self, model: str, folder: Path) -> None:
        """Another model is trained from now on, in `folder`: the run's, or that of a candidate."""
        self._active = True
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (VALIDATION, FILTERS):
                (self.folder / name).unlink(missing_ok=True)
        history = (folder / "history.jsonl").relative_to(self.run).as_posix()
        self.progress = Progress(model=model, history=history, message=self.progress.message)
        self._write(at_once=True)

    def __call__(self, event: Event) -> None:
        """Hear an event of the training."""
        self.progress = _after(self.progress, event)
        self._write(at_once=isinstance(event, EpochDone | Planned))

    def validation_is_due(self) -> bool:
        """Whether the next validation should be shown: the last one is no longer new."""
        return self._active and self.clock() - self._validated >= EPOCH_SECONDS

    def show_validation(self, found: dict[str, Any], filters: Tensor | None) -> None:
        """Show what a validation found, and the first layer's filters (maps, channels, k, k) as they are now."""
        self._validated = self.clock()
        self._put(VALIDATION, json.dumps(found, ensure_ascii=False))
        if filters is not None:
            self._put(FILTERS, png_bytes(mosaic(filters)))

    def remove(self) -> None:
        """The run has finished: its report says more."""
        self._active = False
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, *, at_once: bool) -> None:
        now = self.clock()
        if self._active and (at_once or now - self._written >= STEP_SECONDS):
            self._written = now
            self._put(PROGRESS, json.dumps(asdict(replace(self.progress, at=time.time())), ensure_ascii=False, allow_nan=False))

    def _put(self, name: str, content: str | bytes) -> None:
        with suppress(CannotWrite):  # a full disk is for the training's own files to report
            write_unflushed(self.folder / name, content)


def _after(progress: Progress, event: Event) -> Progress:
    match event:
        case Reading():
            return replace(progress, phase="reading", share=event.done / max(1, event.total), seconds_left=None)
        case Extracting():
            return replace(progress, phase="features", share=event.done / max(1, event.total), seconds_left=_finite(event.seconds_left))
        case StepDone():
            return replace(
                progress,
                phase="training",
                share=event.progress,
                epoch=event.epoch,
                loss=_finite(event.loss),
                images_per_second=event.images_per_second,
                seconds_left=_finite(event.seconds_left) if event.progress > 0 else None,
            )
        case Message():
            return replace(progress, message=event.text)
    return progress


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


class ValidationWatch:
    """Collects the scores of one validation after the other, and shows those that are due."""

    def __init__(self, live: LiveRun, dataset: Dataset, indices: Sequence[int], filters: Callable[[], Tensor]) -> None:
        self.live, self.dataset, self.indices, self.filters = live, dataset, indices, filters
        self._scores: list[Tensor] = []

    def hear(self, scores: Tensor, labels: Tensor) -> None:
        """The scores of a batch; the images come in the order of `indices`."""
        if self.live.validation_is_due():
            self._scores.append(scores.detach().float().cpu())

    def end(self, epoch: float) -> None:
        """The validation has ended."""
        scores, self._scores = self._scores, []
        if sum(map(len, scores)) == len(self.indices) > 0:
            self.live.show_validation({"epoch": epoch, **mistakes(self.dataset, self.indices, torch.cat(scores))}, self.filters())


def mistakes(dataset: Dataset, indices: Sequence[int], scores: Tensor) -> dict[str, Any]:
    """The images of each class and how many are wrong, and the most confident mistakes, from scores (n, classes)."""
    probabilities = scores.softmax(1)
    best, predicted = probabilities.max(1)
    labels = torch.tensor([dataset.items[index].label for index in indices])
    wrong = predicted != labels
    count = torch.bincount(labels, minlength=len(dataset.classes)).tolist()
    missed = torch.bincount(labels[wrong], minlength=len(dataset.classes)).tolist()
    worst = sorted(wrong.nonzero().flatten().tolist(), key=lambda row: -float(best[row]))[:MOST_WRONG]
    return {
        "classes": [{"class": name, "n": n, "wrong": miss} for name, n, miss in zip(dataset.classes, count, missed, strict=True) if n],
        "wrong": [
            {
                "file": dataset.items[indices[row]].name,
                "class": dataset.classes[int(labels[row])],
                "predicted": dataset.classes[int(predicted[row])],
                "probability": round(float(best[row]), 4),
            }
            for row in worst
        ],
    }


def mosaic(filters: Tensor) -> Tensor:
    """The first filters side by side, each stretched to 0..255 on its own: uint8 (1 or 3, H, W), a pixel of `filters` being one pixel."""
    shown = filters[:MOST_FILTERS].detach().float().cpu()
    shown = shown if shown.shape[1] == 3 else shown.mean(1, keepdim=True)
    low, high = shown.amin((1, 2, 3), keepdim=True), shown.amax((1, 2, 3), keepdim=True)
    pixels = (255 * (shown - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8)
    maps, channels, side = len(pixels), pixels.shape[1], pixels.shape[-1] + 1
    columns = min(maps, max(1, round(math.sqrt(2 * maps))))
    out = torch.full((channels, -(-maps // columns) * side - 1, columns * side - 1), 128, dtype=torch.uint8)
    for number, pixel in enumerate(pixels):
        row, column = divmod(number, columns)
        out[:, row * side : (row + 1) * side - 1, column * side : (column + 1) * side - 1] = pixel
    return out
