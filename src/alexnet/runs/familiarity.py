"""The distance to the training set, measured on a run's own training and validation images."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.inference.classifier import BATCH, Classifier
from alexnet.inference.familiarity import FEWEST, Familiarity, fit_familiarity

REFERENCES = 2_000  # training images that an image is compared with
CALIBRATION = 1_000  # validation images that determine the threshold: the rate of false alarms is then 5% with a standard deviation of 0.7%


def measure_familiarity(classifier: Classifier, store: ImageStore, splits: Splits, *, seed: int) -> Familiarity | None:
    """The distance to a sample of the training images; None with too few validation images for a threshold."""
    if len(splits.validation) < FEWEST:
        return None
    training, validation = _sample(splits.train, REFERENCES, seed), _sample(splits.validation, CALIBRATION, seed)
    return fit_familiarity(hidden_layers(classifier, store, training), hidden_layers(classifier, store, validation))


def familiarity_of(hidden: NDArray[np.float16], training: int, *, seed: int) -> Familiarity | None:
    """The same, of hidden layers that have been computed: (n, D), of `training` training images and then of those of validation."""
    if len(hidden) - training < FEWEST:
        return None
    places = _sample(range(training), REFERENCES, seed), _sample(range(training, len(hidden)), CALIBRATION, seed)
    return fit_familiarity(*([torch.from_numpy(hidden[list(part)]).float()] for part in places))


def images_measured(splits: Splits) -> int:
    """The number of images that `measure_familiarity` reads."""
    return min(len(splits.train), REFERENCES) + min(len(splits.validation), CALIBRATION)


def hidden_layers(classifier: Classifier, store: ImageStore, indices: Sequence[int]) -> Iterator[Tensor]:
    """The last hidden layers of images, in batches on the CPU: float32 (n, units)."""
    parts = [indices[first : first + BATCH] for first in range(0, len(indices), BATCH)]
    for images in store.stream(parts, classifier.device):
        yield classifier.hidden(images).float().cpu()


def _sample(indices: Sequence[int], most: int, seed: int) -> Sequence[int]:
    """At most `most` of the indices, drawn without replacement and in ascending order."""
    if len(indices) <= most:
        return indices
    order = torch.randperm(len(indices), generator=torch.Generator().manual_seed(seed))[:most]
    return [indices[place] for place in sorted(order.tolist())]
