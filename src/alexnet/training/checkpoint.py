"""Checkpoints that are there whole or not at all, in safetensors: no file of ours can run code when it is read."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from alexnet.errors import BadRun
from alexnet.training.optimizer import Descent
from alexnet.training.state import TrainingState

WEIGHTS, MOMENTUM, AVERAGE = "weights/", "momentum/", "average/"


class Checkpoints:
    """The folder of one run's checkpoints: `last` (everything a resumption needs) and `best` (weights alone)."""

    def __init__(self, folder: Path, every_seconds: float) -> None:
        self.folder, self.every_seconds = folder, every_seconds
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
        """Whether more than `every_seconds` would be lost now."""
        return time.monotonic() - self.saved_at >= self.every_seconds

    def save(self, model: nn.Module, optimizer: Descent, average: nn.Module | None, state: TrainingState) -> None:
        """Write `last`, whole or not at all."""
        tensors = {WEIGHTS + name: tensor for name, tensor in model.state_dict().items()}
        tensors |= {MOMENTUM + name: buffer for name, buffer in optimizer.momentum().items()}
        if average is not None:
            tensors |= {AVERAGE + name: tensor for name, tensor in average.state_dict().items()}
        write_tensors(self.last, tensors, {"state": state.to_json()})
        self.saved_at = time.monotonic()

    def save_best(self, model: nn.Module, state: TrainingState) -> None:
        """Write `best`, whole or not at all."""
        write_tensors(self.best, model.state_dict(), {"state": state.to_json()})

    def resume(self, model: nn.Module, optimizer: Descent, average: nn.Module | None) -> TrainingState | None:
        """Load `last` into the three, and give its counters; None when there is no checkpoint yet."""
        if not self.last.exists():
            return None
        tensors, metadata = read_tensors(self.last)
        try:
            model.load_state_dict(_under(tensors, WEIGHTS))
            optimizer.set_momentum(_under(tensors, MOMENTUM))
            if average is not None:
                average.load_state_dict(_under(tensors, AVERAGE))
            return TrainingState.from_json(metadata["state"])
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise BadRun(f"{self.last} is not a checkpoint of this network. Delete it to start the run again.") from None


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file beside its place, flush it to the disk, then move it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, partial, metadata)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; raises BadRun when it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise BadRun(f"{path} cannot be read ({error}). Delete it to go on without it, or copy the run again.") from None
