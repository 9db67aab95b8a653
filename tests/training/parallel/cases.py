"""Small trainings in float64 that one process and several must do alike, and what is compared of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.balance import Balance, class_weights
from alexnet.data.dataset import Traits
from alexnet.data.pipeline.augment import AugmentConfig
from alexnet.data.pipeline.batches import AugmentedBatches, plain_batches
from alexnet.data.pipeline.image_store import ImageStore, open_images
from alexnet.data.preprocess import Preprocess
from alexnet.errors import Interrupted
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.events import Event, StepDone
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import TrainingConfig
from alexnet.training.loop import fit
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import Layout, local
from alexnet.training.parallel.registry import parallelize
from alexnet.training.training import Training
from alexnet.training.weight_average import weight_average

SIZE, STORED, CLASSES = 67, 70, 5  # the smallest image that AlexNet's table leaves something of; an odd number of classes
BATCH, IMAGES, HELD_OUT = 7, 29, 9  # four batches of 7 images and a last one of a single image
STEPS_PER_EPOCH = 5
EXACT = 1e-10

CONFIG = TrainingConfig(
    epochs=4,
    batch_size=BATCH,
    learning_rate=0.01,
    bias_learning_rate=2.0,
    schedule="constant",
    momentum=0.9,
    weight_decay=5e-3,
    bias_weight_decay=1e-3,
    label_smoothing=0.1,
    precision="fp64",
    checkpoint_seconds=1e9,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One training: a network and its numbers."""

    model: str = "alexnet"
    choices: NetworkChoices = field(default_factory=NetworkChoices)
    config: TrainingConfig = CONFIG

    def network(self, **choices: Any) -> "Case":
        """With other choices of the network."""
        return replace(self, choices=replace(self.choices, **choices))

    def training(self, **numbers: Any) -> "Case":
        """With other numbers of the training."""
        return replace(self, config=replace(self.config, **numbers))


SMALL = NetworkChoices(width=1 / 16, initialisation="he")
ALEXNET = Case(choices=SMALL)
OWT = Case(model="alexnet-owt", choices=SMALL)


@dataclass(frozen=True)
class Trained:
    """What one worker holds after a training: its parts, and what it was told."""

    losses: tuple[float, ...]
    history: tuple[dict[str, float], ...]
    weights: dict[str, Tensor]
    momentum: dict[str, Tensor]
    dims: dict[str, int]
    average: dict[str, Tensor]
    images_seen: int
    step: int


def train(world: Workers, case: Case, layout: str, folder: Path, stop_after: int = 0, every_seconds: float = 1e9) -> Trained:
    """The case's training over the workers, from the checkpoint in `folder` if there is one, to its end or the step that it stops after."""
    losses: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepDone):
            losses.append(event.loss)

    spread_out = parallelize(new_model(case), layout, world, case.config)
    weights = torch.from_numpy(class_weights(store().labels[:IMAGES].numpy(), CLASSES))
    training = Training(
        model=spread_out.model,
        batches=batches(case.config.batch_size, spread_out.rows, case.config.balance),
        validation=lambda: validation(4 * world.size, spread_out.rows),
        config=case.config,
        checkpoints=Checkpoints(folder, every_seconds, spread_out),
        seed=7,
        device=torch.device("cpu"),
        listen=listen,
        should_stop=lambda: 0 < stop_after <= len(losses) and world.rank == world.size - 1,  # one worker's wish stops all
        layout=spread_out,
        class_weights=weights if case.config.balance == "loss" else None,
        judged_weights=weights if case.config.balance != "none" else None,
    )
    try:
        fit(training)
    except Interrupted:
        assert stop_after
    return held(case, spread_out, folder, tuple(losses))


def alone(case: Case, folder: Path, stop_after: int = 0) -> Trained:
    """The same in this process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train(ALONE, case, "alone", folder, stop_after)
    finally:
        torch.set_num_threads(threads)


def held(case: Case, layout: Layout, folder: Path, losses: tuple[float, ...] = ()) -> Trained:
    """What a worker that goes on from the checkpoint in `folder` holds."""
    descent, average = Descent(layout.model, case.config), weight_average(layout.model, case.config.averaging)
    state = Checkpoints(folder, 1e9, layout).resume(layout.model, descent, average)
    assert state is not None
    return Trained(
        losses,
        tuple(state.history),
        {name: local(part).detach().clone() for name, part in layout.model.state_dict().items()},
        {name: local(part).detach().clone() for name, part in descent.momentum().items()},
        dict(layout.dims),
        {} if average is None else {name: local(part).detach().clone() for name, part in average.module.state_dict().items()},
        state.images_seen,
        state.step,
    )


def new_model(case: Case) -> Any:
    """The case's network before training, the same on every worker."""
    torch.manual_seed(3)
    pre = Preprocess(image_size=SIZE, stored_size=STORED, fit="crop", mean=(120.0, 110.0, 100.0), std=(60.0, 65.0, 70.0))
    model = build_model(case.model, case.choices, CLASSES, 3, pre).double()
    model.network.fix(case.config.fixed_layers)
    model.keeps_statistics = case.config.norm_statistics == "kept"
    return model


def noise(count: int = IMAGES + HELD_OUT) -> ArrayDataset:
    """Images of noise with labels of chance: what is compared is arithmetic."""
    draw = torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 256, (count, 3, STORED, STORED), dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, CLASSES, (count,), generator=draw)
    return ArrayDataset(
        "noise", [f"c{label}" for label in range(CLASSES)], [(None, pixels, labels)], Traits(flip=True, colour=True, gray=False)
    )


def store() -> ImageStore:
    """The noise, decoded."""
    return open_images(noise(), STORED, "crop", workers=0, check=False)


def batches(batch_size: int, rows: Callable[[int], range], balance: Balance = "none") -> AugmentedBatches:
    """The training images, changed at random, or a worker's share of them."""
    return AugmentedBatches(
        store(),
        range(IMAGES),
        size=SIZE,
        batch_size=batch_size,
        config=AugmentConfig(brightness=0.1),
        pca=None,
        seed=11,
        device=torch.device("cpu"),
        rows=rows,
        balance=balance,
    )


def validation(batch_size: int, rows: Callable[[int], range]) -> Any:
    """The images held out."""
    held_out = range(IMAGES, IMAGES + HELD_OUT)
    return plain_batches(store(), held_out, size=SIZE, batch_size=batch_size, device=torch.device("cpu"), rows=rows)


def whole(parts: list[Mapping[str, Tensor]], dims: Mapping[str, int]) -> dict[str, Tensor]:
    """The workers' parts put together; of what all hold, every worker's must be the same to the last bit."""
    together = {}
    for name, first in parts[0].items():
        if name in dims:
            together[name] = torch.cat([part[name] for part in parts], dims[name])
        else:
            assert all(torch.equal(part[name], first) for part in parts), f"workers differ in {name}"
            together[name] = first
    return together


def difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """The largest difference of two sets of tensors, which must have the same names and shapes."""
    assert {name: part.shape for name, part in one.items()} == {name: part.shape for name, part in other.items()}
    return max(((part - other[name]).abs().max().item() for name, part in one.items() if part.numel()), default=0.0)


def assert_same(many: list[Trained], one: Trained, within: float = EXACT) -> None:
    """What several workers have trained is what one process has: losses, errors, weights, momentum, average, counters."""
    for worker in many:
        assert worker.dims == many[0].dims
        assert (worker.step, worker.images_seen) == (one.step, one.images_seen)
        count = len(worker.losses)
        assert max((abs(a - b) for a, b in zip(worker.losses, one.losses[-count:], strict=True)), default=0.0) < within
        for mine, its in zip(worker.history, one.history, strict=True):
            for name in ("training_loss", "training_error", "validation_loss", "validation_error"):
                assert abs(mine[name] - its[name]) < within, name
            assert (mine["epoch"], mine["step"], mine["learning_rate"]) == (its["epoch"], its["step"], its["learning_rate"])
    dims = many[0].dims
    assert difference(whole([worker.weights for worker in many], dims), one.weights) < within
    assert difference(whole([worker.momentum for worker in many], dims), one.momentum) < within
    assert difference(whole([worker.average for worker in many], dims), one.average) < within
