"""One step of gradient descent, and the measurement of a model on held-out images. Independent of epochs, checkpoints and the screen.

Losses and errors are returned on the device that computed them: reading one makes the CPU wait for a GPU, so the caller decides when.
"""

from collections.abc import Callable, Iterable
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.runtime.device import Precision, autocast
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import Layout

OnScores = Callable[[Tensor, Tensor], None]  # scores (n, classes) and labels (n,) of one batch
Batch = tuple[Tensor, Tensor]  # uint8 images (N, 3, S, S), int64 labels (at most N,): images beyond the last label are padding
Totals = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # loss and errors of one worker -> of all workers, on the same device


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seed the generators of PyTorch that a step on `device` uses, as `torch.manual_seed` does.

    On a CPU `torch.manual_seed` is slower: it also records the call stack for every kind of device that has not been initialised.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def _of_one_worker(loss: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
    return loss, wrong


def training_step(  # noqa: PLR0913 - the model (2), the batch (2), the loss (2), the precision (1), a worker's share (2)
    model: nn.Module,
    optimizer: Descent,
    images: Tensor,
    labels: Tensor,
    smoothing: float,
    precision: Precision,
    count: int | None = None,
    totals: Totals = _of_one_worker,
    *,
    class_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of gradient descent; returns the mean cross-entropy (nats, without smoothing) and the number of errors, 0-d on the device.

    count: images in the whole batch, if the labels are one worker's share of it: the loss is then these images' part of the batch's
    mean, and the workers' losses and gradients add up to the batch's. totals: sums the workers' losses and errors. class_weights:
    (classes,), what the loss of an image of each class counts, 1 on the mean of all training images; None: 1.
    If the loss is not finite, neither weights nor momentum nor running statistics change, on any worker; see `Descent.step`.
    """
    optimizer.statistics.save()
    model.train()
    with autocast(precision, images.device):
        scores = model(images)[: len(labels)]
    objective = _cross_entropy(scores, labels, count, smoothing, class_weights)
    optimizer.zero_grad()
    objective.backward()
    with torch.no_grad():
        loss, wrong = totals(_plain_loss(scores, labels, count, objective, smoothing, class_weights), (scores.argmax(1) != labels).sum())
    optimizer.step(loss)
    return loss, wrong


def _plain_loss(
    scores: Tensor, labels: Tensor, count: int | None, objective: Tensor, smoothing: float, class_weights: Tensor | None
) -> Tensor:
    """The loss without smoothing, or the smoothed one if that is not finite: whether a step failed depends on the loss it minimises."""
    objective = objective.detach()
    if not smoothing:
        return objective
    return torch.where(objective.isfinite(), _cross_entropy(scores, labels, count, 0.0, class_weights), objective)


def _cross_entropy(scores: Tensor, labels: Tensor, count: int | None, smoothing: float, class_weights: Tensor | None) -> Tensor:
    """The mean over `count` images; with class weights, those of the images' own classes, also where the target is smoothed."""
    if class_weights is not None:
        losses = functional.cross_entropy(scores, labels, label_smoothing=smoothing, reduction="none")
        return (losses * class_weights.to(losses.dtype)[labels]).sum() / (count or len(labels))
    if count in (None, len(labels)):
        return functional.cross_entropy(scores, labels, label_smoothing=smoothing)
    return functional.cross_entropy(scores, labels, label_smoothing=smoothing, reduction="sum") / count


def measure(model: nn.Module, batches: Iterable[Batch], precision: Precision, layout: Layout | None = None) -> tuple[float, float]:
    """Mean cross-entropy (nats) and error (0 to 1) of the model over the batches, as `measure_classes` finds them."""
    return measure_classes(model, batches, precision, layout)[:2]


@torch.no_grad()
def measure_classes(
    model: nn.Module,
    batches: Iterable[Batch],
    precision: Precision,
    layout: Layout | None = None,
    class_weights: Tensor | None = None,
    on_scores: OnScores | None = None,
) -> tuple[float, float, float]:
    """Mean cross-entropy (nats), error (0 to 1) and weighed error of the model over the batches, which `layout` may share among workers.

    class_weights: (classes,), what a mistake with an image of each class counts, 1 on the mean of the images; None: 1. Mistakes are counted
    before they are weighed, so that neither batches nor workers decide which of two equal errors is the lower one.
    on_scores is called with the scores and labels of each batch. The CPU waits for a GPU once, at the end.
    """
    model.eval()
    losses: list[Tensor] = []
    errors: list[Tensor] = []
    mistakes = None if class_weights is None else torch.zeros_like(class_weights, dtype=torch.int64)  # with images of each class
    images_seen = 0
    for images, labels in batches:
        with autocast(precision, images.device):
            scores = model(images)[: len(labels)]
        losses.append(functional.cross_entropy(scores, labels, reduction="sum"))
        missed = scores.argmax(1) != labels
        errors.append(missed.sum())
        if mistakes is not None:
            mistakes.index_add_(0, labels, missed.long())
        images_seen += len(labels)
        if on_scores is not None:
            on_scores(scores, labels)
    loss, wrong, seen, by_class = _sum(losses), _sum(errors), float(images_seen), [] if mistakes is None else mistakes.tolist()
    if layout is not None:
        loss, wrong, seen, *by_class = layout.totals(loss, wrong, seen, *by_class)
    of_classes = wrong if class_weights is None else sum(map(mul, class_weights.tolist(), by_class))
    return loss / max(1, seen), wrong / max(1, seen), of_classes / max(1, seen)


def _sum(parts: list[Tensor]) -> float:
    """The sum in float64, in order: the same bits on every device, without the compensation that Python's own `sum` may apply."""
    total = 0.0
    for part in torch.stack(parts).tolist() if parts else ():
        total += part
    return total
