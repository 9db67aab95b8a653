"""Checkpoints, each written completely or not at all, in safetensors: reading one can never run code."""

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from alexnet.errors import BadRun
from alexnet.storage.files import writing
from alexnet.storage.tensors import read_tensors, write_tensors
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import TABLE, Layout, own_name
from alexnet.training.state import TrainingState

WEIGHTS, MOMENTUM, VARIANCE, AVERAGE = "weights/", "momentum/", "variance/", "average/"
PARTS = re.compile(r"last-\d{8,}(-end)?")  # folders of a divided network's checkpoints, by step


class Checkpoints:
    """The folder of one run's checkpoints: `last` (everything needed to resume) and `best` (weights alone).

    With several workers, all of them must call `save` at the same step. The first worker writes; of a divided network each worker writes
    its own part. Any layout on any number of workers can resume from `last`, whichever layout wrote it.
    """

    def __init__(self, folder: Path, every_seconds: float, layout: Layout | None = None) -> None:
        self.folder, self.every_seconds = folder, every_seconds
        self.layout = layout or Layout(nn.Module())
        self.saved_at = time.monotonic()

    @property
    def last(self) -> Path:
        """Weights, momentum and counters after the last saved step."""
        return self.folder / "last.safetensors"

    @property
    def best(self) -> Path:
        """The weights with the lowest validation error so far."""
        return self.folder / "best.safetensors"

    def due(self) -> bool:
        """Whether `every_seconds` have passed since the last save."""
        return time.monotonic() - self.saved_at >= self.every_seconds

    def save(self, model: nn.Module, optimizer: Descent, average: nn.Module | None, state: TrainingState) -> None:
        """Write `last`, completely or not at all."""
        tensors = {WEIGHTS + name: tensor for name, tensor in model.state_dict().items()}
        tensors |= {MOMENTUM + name: buffer for name, buffer in optimizer.momentum().items()}
        tensors |= {VARIANCE + name: buffer for name, buffer in optimizer.variance().items()}
        if average is not None:
            tensors |= {AVERAGE + name: tensor for name, tensor in average.state_dict().items()}
        self._make_folder()
        newest = self._new_folder(state.step) if self.layout.dims else self.last
        if self.layout.dims:
            self._save_parts(newest, tensors, state)
        elif self.layout.world.first:
            write_tensors(newest, tensors, {"state": state.to_json()})
        if self.layout.world.first:
            self._remove_older(newest)
        self.layout.world.wait()
        self.saved_at = time.monotonic()

    def _make_folder(self) -> None:
        if self.layout.world.first:
            with writing(self.folder):
                self.folder.mkdir(exist_ok=True)

    def _new_folder(self, step: int) -> Path:
        """A folder that does not exist yet: an epoch's last step may be saved twice, as a step and as the end of the epoch."""
        folder = self.folder / f"last-{step:08}"
        again = self.layout.world.from_first(float((folder / TABLE).exists()))[0]
        return folder.with_name(f"{folder.name}-end") if again else folder

    def _save_parts(self, folder: Path, tensors: Mapping[str, Tensor], state: TrainingState) -> None:
        from alexnet.training.parallel.sharded_checkpoint import write_parts

        dims = {name: self.layout.dims.get(own_name(name)) for name in tensors}
        write_parts(folder, tensors, dims, self.layout.world, state.to_json())

    def _remove_older(self, newest: Path) -> None:
        for folder in self._parts():
            if folder != newest:
                shutil.rmtree(folder, ignore_errors=True)
        if self.layout.dims:
            self.last.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        return sorted(folder for folder in self.folder.glob("last-*") if PARTS.fullmatch(folder.name))

    def save_best(self, model: nn.Module, state: TrainingState) -> None:
        """Write `best`, completely or not at all."""
        self._make_folder()
        whole = self.layout.whole_state(model)
        if self.layout.world.first:
            write_tensors(self.best, whole, {"state": state.to_json()})
        self.layout.world.wait()

    def resume(self, model: nn.Module, optimizer: Descent, average: nn.Module | None) -> TrainingState | None:
        """Load `last` into the three, and return its counters; None when there is no checkpoint yet."""
        found = self._newest()
        if found is None:
            return None
        path, tensors, text = found
        try:
            state = TrainingState.from_json(text)
            self.layout.load(model, _under(tensors, WEIGHTS))
            optimizer.set_averages(_under(tensors, MOMENTUM), _under(tensors, VARIANCE), state.step)
            if average is not None:
                average.load_state_dict(_under(tensors, AVERAGE))
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
            raise BadRun(f"{path} is not a checkpoint of this network. Delete it to start the run again.") from None
        return state

    def _newest(self) -> tuple[Path, dict[str, Tensor], str] | None:
        """The later of the two kinds, reduced to what this worker holds; both exist if a run was interrupted after a change of layout."""
        parts = [folder for folder in self._parts() if (folder / TABLE).exists()]
        if self.last.exists():
            tensors, metadata = read_tensors(self.last)
            text = metadata.get("state", "")
            if not parts or _step(text) >= int(parts[-1].name.split("-")[1]):
                return self.last, {name: self.layout.part_of(own_name(name), tensor) for name, tensor in tensors.items()}, text
        if not parts:
            return None
        from alexnet.training.parallel.sharded_checkpoint import read_parts

        return parts[-1], *read_parts(parts[-1], self.layout.dims, self.layout.world)


def _step(state: str) -> int:
    try:
        return TrainingState.from_json(state).step
    except (KeyError, TypeError, ValueError):
        return 0


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
