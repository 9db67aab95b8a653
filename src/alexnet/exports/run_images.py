"""The images of a run that an export is checked, calibrated and measured on: evenly spaced ones of a split of its own data set."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.inference.classifier import Classifier
from alexnet.runs.folder import RunFolder
from alexnet.runs.own_data import open_own_data

GENERATED = "generated"  # squares of no data set
COARSEST, SEED = 4, 0  # px a side of the noise that generated squares are enlarged from
CHUNK = 64  # images that are in memory at once


@dataclass(frozen=True, slots=True)
class Squares:
    """images: uint8 (n, 3, stored_size, stored_size). labels: int64 (n,), or None. source: the split, or "generated"."""

    images: Tensor
    labels: Tensor | None
    source: str


def squares_of_run(folder: RunFolder, classifier: Classifier, split: str, most: int) -> Iterator[Squares]:
    """Up to `most` readable images of a split, a few at a time.

    Raises AlexNetError, when the first is asked for, if the run's data set is not there any more, is another one, or has no such images.
    """
    if not (folder.recipe.exists() and folder.splits.exists()):
        raise AlexNetError("The folder holds a model, but not the run's recipe.toml and splits.json.")
    sizes, dataset = classifier.model_card.preprocess, open_own_data(folder, "put it back, or link it there")
    if dataset.classes != classifier.classes:
        raise AlexNetError(f"The data set {dataset.name} has other classes than the model.")
    indices = getattr(folder.read_splits(dataset), split)
    chosen = indices[:: max(1, -(-len(indices) // most))]
    found = 0
    for start in range(0, len(chosen), CHUNK):
        images, labels = [], []
        for index in chosen[start : start + CHUNK]:
            try:
                images.append(dataset.fitted(index, sizes.stored_size, sizes.fit)[0])
            except UnreadableImage:
                continue
            labels.append(dataset.items[index].label)
        if images:
            found += len(images)
            yield Squares(torch.stack(images), torch.tensor(labels), split)
    if not found:
        raise AlexNetError(f"The run has no {split} pictures that can be read.")


def generated(size: int, count: int) -> Squares:
    """Smooth colour noise of several scales: closer to photos than white noise, and the same every time."""
    draw = torch.Generator().manual_seed(SEED)
    squares = []
    for number in range(count):
        side = min(size, COARSEST << (number % 4))
        noise = torch.rand(1, 3, side, side, generator=draw) * 255
        squares.append(functional.interpolate(noise, size=(size, size), mode="bilinear").round().to(torch.uint8)[0])
    return Squares(torch.stack(squares), None, GENERATED)
