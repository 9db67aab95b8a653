"""Fine-tuning a network that must keep a form: ordinary steps of gradient descent, each followed by a projection back to that form."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from alexnet.data.balance import class_weights
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.batches import AugmentedBatches, plain_batches
from alexnet.data.pipeline.image_store import ImageStore, open_images
from alexnet.errors import BadRun
from alexnet.evaluation.batches import images_at_once
from alexnet.evaluation.views import softmax
from alexnet.exports.request import Job
from alexnet.models.networks.model import NetworkModel
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import from_toml
from alexnet.runs.folder import RunFolder
from alexnet.runs.own_data import open_own_data
from alexnet.runs.prepare import colour_statistics
from alexnet.runtime.device import Precision, autocast
from alexnet.runtime.events import Listener, Message, Reading, StepDone
from alexnet.runtime.machine import available_cpus, keep_freed_memory
from alexnet.training.optimizer import Descent
from alexnet.training.schedule import one_cycle
from alexnet.training.step import Batch, measure, seed_dropout

RATE = 0.15  # of the recipe's learning rate, at the peak
WARMUP, LAST = 0.1, 0.01  # of the one-cycle schedule of each tuning
SCANNED = 1_000  # validation images by which layers are compared
SCANNED_SHARE = 0.005  # of the budget, for one look at them
SCALES = tuple(2 ** (step / 4) for step in range(-2, 13))  # of scores


@dataclass(slots=True)
class Tuning:
    """A network, the images that it is tuned on, and those that decide. teacher: the same before any change. steps: made so far."""

    model: NetworkModel
    teacher: NetworkModel
    recipe: Recipe
    batches: AugmentedBatches
    validation: Callable[[], Iterator[Batch]]
    scanned: tuple[Tensor, Tensor]  # uint8 images (n, 3, S, S), labels
    precision: Precision
    class_weights: Tensor | None
    listen: Listener
    steps: int = 0

    def run(self, seconds: float, project: Callable[[], None]) -> None:
        """Fine-tune for that long; `project` puts the weights back into their form after each step."""
        config, device = self.recipe.training, self.batches.device
        optimizer, started, images_seen = Descent(self.model, replace(config, compile=False)), time.monotonic(), 0
        with closing(self._endless()) as batches:
            while (elapsed := time.monotonic() - started) < seconds:
                images, labels = next(batches)
                optimizer.set_learning_rate(RATE * config.learning_rate * one_cycle(elapsed / seconds, WARMUP, LAST))
                seed_dropout(self.recipe.seed * 1_000_003 + self.steps, device)
                loss = self._step(optimizer, images, labels)
                project()
                self.steps += 1
                images_seen += len(labels)
                done, epoch = time.monotonic() - started, self.steps / self.batches.steps_per_epoch
                left = max(0.0, seconds - done)
                self.listen(StepDone(self.steps, epoch, min(1.0, done / seconds), float(loss), images_seen / done, left))
        self.model.eval()

    def _step(self, optimizer: Descent, images: Tensor, labels: Tensor) -> Tensor:
        """One step towards the mean of the labels and the teacher's answers (distillation: Hinton, Vinyals, Dean 2015); the loss, 0-d.

        What has to stay are the answers, and the teacher's say more of each image than its label.
        """
        optimizer.statistics.save()
        self.model.train()
        with autocast(self.precision, images.device):
            with torch.no_grad():
                taught = softmax(self.teacher(images))
            scores = self.model(images)
        classes = taught.shape[1]
        smoothing = self.recipe.training.label_smoothing
        labelled = functional.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
        weights = 1.0 if self.class_weights is None else self.class_weights[labels]
        loss = (weights * functional.cross_entropy(scores, (labelled + taught) / 2, reduction="none")).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(loss.detach())
        return loss.detach()

    def _endless(self) -> Generator[Batch]:
        """Batches of one epoch after another, from where the last tuning ended."""
        per_epoch = self.batches.steps_per_epoch
        while True:
            yield from self.batches.epoch(self.steps // per_epoch, self.steps % per_epoch)

    def error(self) -> float:
        """The share of validation images that the network gets wrong, in the precision that it is used in."""
        return measure(self.model, self.validation(), self.precision)[1]

    @torch.no_grad()
    def scanned_loss(self) -> float:
        """The cross-entropy, in nats, on the images by which layers are compared, of scores at their best scale; infinite if not finite.

        Pruning makes scores smaller, which costs likelihood but hardly an answer, and which fine-tuning puts right at once.
        """
        self.model.eval()
        images, labels = self.scanned
        with autocast(self.precision, images.device):
            scores = torch.cat([self.model(part) for part in images.split(256)])
        losses = [float(functional.cross_entropy(scores * scale, labels)) for scale in SCALES]
        return min((loss for loss in losses if math.isfinite(loss)), default=math.inf)


def tuning_of(job: Job, budget_seconds: float) -> Tuning:
    """What a run's model is tuned and judged with; raises AlexNetError if the run's own images or recipe are not there."""
    folder, model, sizes = RunFolder(job.path, writes=False), job.classifier.model, job.classifier.model_card.preprocess
    assert isinstance(model, NetworkModel)
    recipe, dataset = from_toml(folder.recipe), open_own_data(folder, "put it back, or link it there")
    model.keeps_statistics = recipe.training.norm_statistics == "kept"
    if dataset.classes != job.classifier.classes:
        raise BadRun(f"The data set {dataset.name} has other classes than the model.")
    splits = folder.read_splits(dataset)
    if not splits.validation:
        raise BadRun("The run has no validation pictures, which decide how much may be removed.")
    job.listen(Message(f"Reading {len(dataset.items):,} pictures ..."))
    store = open_images(
        dataset,
        sizes.stored_size,
        sizes.fit,
        workers=available_cpus(),
        check=False,
        on_progress=lambda done, total: job.listen(Reading(done, total)),
    )
    readable = set(store.readable)
    train, validation = ([index for index in part if index in readable] for part in (splits.train, splits.validation))
    keep_freed_memory()
    device, size = job.classifier.device, sizes.image_size
    weights = class_weights(store.labels_of(train), len(dataset.classes)) if recipe.training.balance == "loss" else None
    tuning = Tuning(
        model=model,
        teacher=deepcopy(model).eval(),
        recipe=recipe,
        batches=AugmentedBatches(
            store,
            train,
            size=size,
            batch_size=recipe.training.batch_size,
            config=recipe.augment,
            pca=colour_statistics(store, splits, recipe.seed),
            seed=recipe.seed + 1,  # not the batches that the network was trained with
            device=device,
            balance=recipe.training.balance,
        ),
        validation=lambda: plain_batches(store, validation, size=size, batch_size=images_at_once(size, device), device=device),
        scanned=_scanned(store, validation, size, device),
        precision=job.classifier.precision,
        class_weights=None if weights is None else torch.from_numpy(weights).float().to(device),
        listen=job.listen,
    )
    return _with_few_enough(tuning, SCANNED_SHARE * budget_seconds)


def _scanned(store: ImageStore, validation: list[int], size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    chosen = validation[:: max(1, -(-len(validation) // SCANNED))]
    images = centre_crop(next(store.stream([chosen], device)), size)
    return images, store.labels[torch.tensor(chosen)].to(device)


def _with_few_enough(tuning: Tuning, seconds: float) -> Tuning:
    """Fewer images to compare layers by, where one look at all of them would take longer than that."""
    tuning.scanned_loss()
    started = time.monotonic()
    tuning.scanned_loss()
    taken, images = time.monotonic() - started, tuning.scanned[0]
    every = max(1, min(len(images), math.ceil(taken / max(seconds, 1e-3))))
    tuning.scanned = (images[::every], tuning.scanned[1][::every])
    return tuning
