"""A run folder: what is in it, and that nothing in it is ever half there."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.curation.splits import Splits, read_split_names
from alexnet.data.dataset import Dataset
from alexnet.errors import BadRun
from alexnet.recipes.networks import resized
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import differences, from_toml, to_toml
from alexnet.runs.result import Result, read_result
from alexnet.storage.files import read_record, write_atomically


@dataclass(frozen=True, slots=True)
class _Plan:
    """plan.json of earlier versions."""

    image_size: int  # px a side


class RunFolder:
    """The files of one run; see docs/architecture.md for the list. Of several workers the first alone `writes`, and all read."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        self.recipe = path / "recipe.toml"
        self.splits = path / "splits.json"
        self.history = path / "history.jsonl"
        self.skipped = path / "skipped.csv"
        self.checkpoints = path / "checkpoints"
        self.features = path / "features"  # of a hand-crafted system, until its machine is fitted
        self.baseline = path / "baseline.json"
        self.predictions = path / "predictions.csv"
        self.model = path / "model"
        self.plan = path / "plan.json"  # of earlier versions: the image size that a time budget decided on
        self.result = path / "result.json"
        self.report = path / "report.html"
        self.kept_report = path / "report.json"  # everything that the report shows

    def start(self, recipe: Recipe, *, resume: bool) -> None:
        """Make the folder for `recipe`, or find it again; raises BadRun when another run is in the way."""
        if not self.writes:
            return
        try:
            if self.recipe.exists():
                self._find_again(recipe, resume)
                return
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise BadRun(f"{self.path} exists and is no run of alexnet; choose another --out.")
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.recipe, to_toml(recipe))
        except OSError as error:
            raise BadRun(f"{self.path} cannot be written ({error.strerror}); choose another --out.") from None

    def _find_again(self, recipe: Recipe, resume: bool) -> None:
        if not resume:
            raise BadRun(f"{self.path} already holds a run. Add --resume to resume it, or choose another --out.")
        different = differences(self.started() or recipe, recipe)
        if different:
            lines = "\n  ".join(different)
            what = f"{self.path} was started with another recipe (then / now):\n  {lines}"
            raise BadRun(f"{what}\nResume with the same options, or choose another --out.")

    def started(self) -> Recipe | None:
        """The recipe of the run that was started here, as it was decided then; None where there is none."""
        if not self.recipe.exists():
            return None
        recipe = from_toml(self.recipe)
        if not self.plan.exists():
            return recipe
        size, native = read_record(self.plan, _Plan).image_size, recipe.preprocess.image_size
        if not 1 <= size <= native:
            raise BadRun(f"{self.plan} is damaged (image_size is {size}, and must be 1 to {native}); copy the run again.")
        return resized(recipe, size)

    def write_history(self, rows: Iterable[Mapping[str, float]]) -> None:
        """One JSON object per epoch and line."""
        self.write(self.history, "".join(json.dumps(row) + "\n" for row in rows))

    def append_history(self, row: Mapping[str, float]) -> None:
        """Add one epoch as it ends; `write_history` makes the file exact at the end of the run."""
        if self.writes:
            with self.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def write_skipped(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """The images that were left out: file, class, reason."""
        if not self.writes:
            return
        partial = self.skipped.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("file", "class", "reason"))
            writer.writerows(rows)
        partial.replace(self.skipped)

    def write(self, path: Path, text: str) -> None:
        """One of the folder's text files, whole or not at all."""
        if self.writes:
            write_atomically(path, text)

    def finished(self) -> Result | None:
        """The result of a run that has ended, else None; raises BadRun when its file is damaged."""
        if not (self.result.exists() and self.model.exists()):
            return None
        return read_result(self.result)

    def read_splits(self, dataset: Dataset) -> Splits:
        """The run's own split of its images; raises BadRun when the file is damaged, BadDataset when images are gone."""
        return Splits.from_json(dataset, read_split_names(self.splits))
