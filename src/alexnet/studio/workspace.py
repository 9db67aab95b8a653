"""The folder that a studio works in: runs as the command line makes them, data sets in `data`, exported models in `exports`.

    RUNS/data/NAME/CLASS/...   a data set: plain class folders
    RUNS/exports/              models for other programs
    RUNS/.studio/jobs/         the queue: what was asked for, as files (see jobs)
    RUNS/.studio/uploads/      what is still on its way; emptied at each start
    RUNS/NAME/                 runs, comparisons and studies

Nothing else is remembered anywhere: the studio shows what is in this folder.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.class_names import is_text
from alexnet.data.sources.source import is_visible
from alexnet.errors import AlexNetError, BadRun
from alexnet.storage.files import writing
from alexnet.storage.ownership import owned
from alexnet.studio.names import RESERVED
from alexnet.studio.refusal import Refusal
from alexnet.studio.staged import finish_moves


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder, with an absolute path."""

    path: Path

    @property
    def data(self) -> Path:
        """The folder of the data sets."""
        return self.path / "data"

    @property
    def exports(self) -> Path:
        """The folder of exported models."""
        return self.path / "exports"

    @property
    def own(self) -> Path:
        """The studio's own folder, hidden."""
        return self.path / ".studio"

    @property
    def jobs(self) -> Path:
        """The folder of the queue."""
        return self.own / "jobs"

    @property
    def uploads(self) -> Path:
        """The folder for what is on its way. It is on the disk of the data sets, so that a file arrives there in one step."""
        return self.own / "uploads"

    def run(self, name: str) -> Path:
        """The folder of a run, a comparison or a study that exists; raises Refusal (404) for any other name."""
        if name not in self.run_names():
            raise Refusal("no_run", 404, name=name)
        return self.path / name

    def run_names(self) -> list[str]:
        """The names of the folders that may be runs."""
        with os.scandir(self.path) as entries:
            names = [entry.name for entry in entries if is_visible(entry.name) and is_text(entry.name) and entry.is_dir()]
        return [name for name in names if name not in RESERVED]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Own the workspace: its folders made, what an earlier studio left half received removed, and what it had received moved.

        Raises BadRun if another studio is open on it, and CannotWrite if it cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise BadRun(f"{self.path} is a file; alexnet studio needs a folder for runs. Choose another.")
        if (self.path / "recipe.toml").exists():
            raise AlexNetError(f"{self.path} is a run; alexnet studio opens the folder that holds runs: alexnet studio {self.path.parent}")
        with ExitStack() as owner:
            try:
                owner.enter_context(owned(self.own))
            except BadRun:
                raise BadRun(f"{self.path} is open in another studio. Use that one, end it, or choose another folder.") from None
            with writing(self.path):
                finish_moves(self.uploads, self.data)
                shutil.rmtree(self.uploads, ignore_errors=True)
                for folder in (self.data, self.jobs, self.uploads):
                    folder.mkdir(parents=True, exist_ok=True)
            yield
