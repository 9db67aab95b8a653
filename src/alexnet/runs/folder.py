"""A run folder: its files, each written completely or not at all."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.curation.splits import Splits, read_split_names
from alexnet.data.dataset import Dataset
from alexnet.errors import BadRun
from alexnet.recipes.networks import resized
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import differences, from_toml, to_toml
from alexnet.runs.result import Result, read_result
from alexnet.storage.files import read_record, write_atomically, writing
from alexnet.storage.ownership import check_vacant, owned
from alexnet.storage.spreadsheets import csv_text


@dataclass(frozen=True, slots=True)
class _Plan:
    """plan.json of earlier versions."""

    image_size: int  # px a side


class RunFolder:
    """The files of one run; see docs/architecture.md for the list. Of several workers only the first one `writes`; all read."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        self.recipe = path / "recipe.toml"
        self.splits = path / "splits.json"
        self.history = path / "history.jsonl"
        self.skipped = path / "skipped.csv"
        self.checkpoints = path / "checkpoints"
        self.features = path / "features"  # of a hand-crafted system, until its machine is fitted
        self.search = path / "search.json"  # of a search: what was asked for, and what it has tried
        self.live = path / "live"  # of a training that runs, or was stopped: what can be watched of it
        self.candidates = path / "candidates"  # of a search, until it has ended
        self.baseline = path / "baseline.json"
        self.predictions = path / "predictions.csv"
        self.model = path / "model"
        self.plan = path / "plan.json"  # of earlier versions: the image size that a time budget led to
        self.result = path / "result.json"
        self.report = path / "report.html"
        self.explanation = path / "explanation"  # of `alexnet explain`
        self.report_json = path / "report.json"  # everything that the report shows

    def start(self, recipe: Recipe, *, resume: bool) -> None:
        """Create the folder for `recipe`, or check that its run can be resumed; raises BadRun if another run is in the way."""
        if not self.writes:
            return
        with writing(self.path):
            self.check_free(resume=resume)
            if self.recipe.exists():
                self._check_same(recipe)
                return
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.recipe, to_toml(recipe))

    @contextmanager
    def owned(self, *, resume: bool, patience_seconds: float = 0.0) -> Iterator[None]:
        """Own the folder until the end of the block, if this worker writes into it; raises BadRun if something else is in the way."""
        if not self.writes:
            yield
            return
        self.check_free(resume=resume)  # before the lock is written there
        with owned(self.path, patience_seconds=patience_seconds):
            yield

    def check_free(self, *, resume: bool) -> None:
        """Raise BadRun if something else is in the way, or a run that is not to be resumed. Creates nothing."""
        if self.recipe.exists():
            if not resume:
                raise BadRun(f"{self.path} already holds a run. Add --resume to resume it, or choose another --out.")
        else:
            check_vacant(self.path, "an alexnet run")

    def _check_same(self, recipe: Recipe) -> None:
        different = differences(self.started() or recipe, recipe)
        if different:
            lines = "\n  ".join(different)
            what = f"{self.path} was started with another recipe (then / now):\n  {lines}"
            raise BadRun(f"{what}\nResume with the same options, or choose another --out.")

    def started(self) -> Recipe | None:
        """The recipe that the run in this folder was started with; None if there is no run."""
        if not self.recipe.exists():
            return None
        recipe = from_toml(self.recipe)
        if not self.plan.exists():
            return recipe
        size, native = read_record(self.plan, _Plan).image_size, recipe.preprocess.image_size
        if not 1 <= size <= native:
            raise BadRun(f"{self.plan} is damaged (image_size is {size}, and must be 1 to {native}). Copy the run again.")
        return resized(recipe, size)

    def write_history(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Write the history: one line per epoch, each a JSON object."""
        self.write(self.history, "".join(json.dumps(row) + "\n" for row in rows))

    def append_history(self, row: Mapping[str, float]) -> None:
        """Append one epoch when it ends; `write_history` rewrites the whole file at the end of the run."""
        if self.writes:
            with writing(self.history), self.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    @property
    def kept(self) -> Path:
        """An empty file among the checkpoints, if they are to outlast the training."""
        return self.checkpoints / "kept"

    def keep_checkpoints(self) -> None:
        """Mark the checkpoints as kept, for this start of the run and each that resumes it."""
        with writing(self.checkpoints):
            self.checkpoints.mkdir(exist_ok=True)
            self._released.unlink(missing_ok=True)
        self.write(self.kept, "")

    @property
    def _released(self) -> Path:
        """An empty file among checkpoints that may go, from the end of the training on; those of earlier versions have none, and stay."""
        return self.checkpoints / "released"

    def release_checkpoints(self) -> None:
        """Mark the checkpoints of a training that has ended: they go when its result is written. Those that are kept get no mark."""
        if self.checkpoints.is_dir() and not self.kept.exists():
            self.write(self._released, "")

    def remove_checkpoints(self) -> None:
        """Remove the released checkpoints of a finished run; what cannot be removed stays."""
        if self.writes and self._released.exists():
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def write_skipped(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Write the list of images that were left out: file, class, reason."""
        self.write(self.skipped, csv_text([("file", "class", "reason"), *rows]))

    def write(self, path: Path, text: str) -> None:
        """Write one of the folder's text files, completely or not at all."""
        if self.writes:
            write_atomically(path, text)

    def finished(self) -> Result | None:
        """The result of a finished run, else None; raises BadRun if its file is damaged."""
        if not (self.result.exists() and self.model.exists()):
            return None
        return read_result(self.result)

    def read_splits(self, dataset: Dataset) -> Splits:
        """The run's own split of its images; raises BadRun if the file is damaged, BadDataset if images are missing."""
        splits = Splits.from_json(dataset, read_split_names(self.splits))
        if not splits.train:
            raise BadRun(f"{self.splits} is damaged: it names no training pictures. Copy the run again, or start a new one.")
        return splits
