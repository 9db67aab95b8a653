"""A small real network, real digits in batches, and a training of them that a test can interrupt."""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from alexnet.models.networks.architecture import Architecture, Conv, Full
from alexnet.models.networks.model import NetworkModel, Normalise
from alexnet.models.networks.network import Network
from alexnet.runtime.events import Event, Listener, silent
from alexnet.training.budget import Budget
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import TrainingConfig
from alexnet.training.step import Batch
from alexnet.training.training import Training

TINY = Architecture(
    name="tiny",
    title="for tests",
    source="for tests",
    image_size=8,
    classes=10,
    dropout=0.5,
    norm="across-towers",
    initialisation="he",
    convs=(Conv("conv1", 8, 3, 1, 1, 1, True, "max", 0.5),),
    hidden=(Full("fc2", 16, 0.0),),
)

CONFIG = TrainingConfig(
    epochs=2.5, batch_size=32, learning_rate=0.02, schedule="one-cycle", precision="fp32", label_smoothing=0.1, checkpoint_seconds=1e9
)


@cache  # scikit-learn reads a table of text each time
def all_digits() -> Batch:
    """Real handwritten digits: uint8 (1,797, 3, 8, 8) and their labels. Not to be changed."""
    bunch = load_digits()
    pixels = torch.from_numpy(bunch.images * 255 / 16).round().byte()
    return pixels[:, None].expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(bunch.target).long()


def digits(first: int, count: int) -> Batch:
    """Some of them, as tensors of their own."""
    pixels, labels = all_digits()
    return pixels[first : first + count].clone(), labels[first : first + count].clone()


@dataclass
class DigitBatches:
    """Digits in an order that depends on the epoch alone; `tick` is called before each batch."""

    images: int = 96
    batch_size: int = 32
    tick: Callable[[], None] = lambda: None
    chance_loss: float = math.log(10)
    read: list[tuple[int, int]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.images / self.batch_size)

    def epoch(self, epoch: int, first_step: int = 0) -> Generator[Batch, None, None]:
        pixels, labels = digits(0, min(self.images, 1_200))
        order = torch.randperm(self.images, generator=torch.Generator().manual_seed(epoch)) % len(labels)
        for step, part in list(enumerate(order.split(self.batch_size)))[first_step:]:
            self.tick()
            self.read.append((epoch, step))
            yield pixels[part], labels[part]


def validation() -> list[Batch]:
    return [digits(1_200, 100)]


def model(seed: int = 0, architecture: Architecture = TINY) -> NetworkModel:
    torch.manual_seed(seed)
    network = Network(architecture, classes=10, channels=1, image_size=8)
    return NetworkModel(network, Normalise((80.0,), (90.0,))).to(memory_format=torch.channels_last)


def training(folder: Path, config: TrainingConfig = CONFIG, *, seed: int = 0, listen: Listener = silent, **changes: Any) -> Training:
    """A training in `folder`; its model starts from `seed`, so that a resumed one cannot match by chance."""
    plain = Training(
        model=model(seed),
        batches=DigitBatches(),
        validation=validation,
        config=config,
        checkpoints=Checkpoints(folder, config.checkpoint_seconds),
        seed=7,
        device=torch.device("cpu"),
        listen=listen,
    )
    return replace(plain, **changes)


def weights(one: Training) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in one.model.state_dict().items()}


def events(kind: type[Event], into: list[Any]) -> Listener:
    """A listener that keeps the events of one kind."""
    return lambda event: into.append(event) if isinstance(event, kind) else None


@dataclass
class Clock:
    """A clock that moves only when it is told to."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def budget(
    seconds: float, clock: Clock, *, batch_size: int = 32, reserve: float = 0.0, validation_images: int = 100, final: int = 0
) -> Budget:
    return Budget(clock.now + seconds, reserve, batch_size, validation_images, final, clock=clock)
