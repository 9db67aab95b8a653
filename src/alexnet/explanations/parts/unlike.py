"""Unlike anything seen: the rate of false alarms on the run's own images, and how well other images are told from them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.augment import centre_crop
from alexnet.evaluation.metrics import error_interval
from alexnet.explanations.drawing import shown
from alexnet.explanations.part import Content
from alexnet.explanations.subject import SEED, Subject, batches
from alexnet.storage.spreadsheets import csv_text

OTHER = "digits"  # scikit-learn's, which are always at hand
MOST_OTHERS = 500
BLOCKS = 4  # a side: an image whose blocks change places has the same colours and textures, and shows nothing
SHOWN = 12


def make(subject: Subject) -> Content:
    """Distances of the judged split, of its images with their blocks in another order, and of another data set."""
    familiarity = subject.familiarity
    judged = subject.described(subject.judged_split)
    own = familiarity.distances(torch.from_numpy(judged.hidden)).numpy()
    threshold = float(familiarity.threshold)
    far = own > threshold
    sample = subject.sample(subject.judged_split, MOST_OTHERS)
    others = [("shuffled", _distances(subject, (_in_blocks(images) for images in subject.store.stream(batches(sample)))))]
    if subject.dataset.name != OTHER:
        others.append((OTHER, _distances(subject, _other_images(subject, open_dataset(OTHER)))))
    order = np.argsort(-own, kind="stable")
    values: dict[str, Any] = {
        "split": subject.judged_split,
        "n": len(own),
        "alarms": float(far.mean()),
        "interval": list(error_interval(int(far.sum()), len(own))),
        "others": [
            {"name": name, "n": len(found), "auroc": auroc(own, found), "alarms": float((found > threshold).mean())}
            for name, found in others
        ],
        "images": [
            {"image": shown(subject.image(judged.indices[row])), "name": subject.name_of(judged.indices[row]), "far": bool(far[row])}
            for row in order[:SHOWN]
        ],
    }
    rows = [(subject.name_of(judged.indices[row]), f"{own[row]:.5f}", "yes" if far[row] else "") for row in order]
    return Content(values=values, files={"unlike.csv": csv_text([("file", "distance", "unlike"), *rows])})


def auroc(own: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The probability that an image of another kind is further from the training images than one of the same kind."""
    truth = np.concatenate([np.zeros(len(own)), np.ones(len(other))])
    return float(roc_auc_score(truth, np.concatenate([own, other])))


def _distances(subject: Subject, images: Iterator[Tensor]) -> NDArray[np.float32]:
    found = [subject.familiarity.distances(subject.classifier.hidden(part)).numpy() for part in images]
    return np.concatenate(found).astype(np.float32)


def _other_images(subject: Subject, other: Dataset) -> Iterator[Tensor]:
    count = min(MOST_OTHERS, len(other.items))
    preprocess = subject.classifier.model_card.preprocess
    chosen = np.linspace(0, len(other.items) - 1, count).astype(int).tolist()
    for part in batches(chosen):
        yield other.squares(part, preprocess.stored_size, preprocess.fit)


def _in_blocks(images: Tensor) -> Tensor:
    """Images (n, 3, S, S) whose 4 x 4 blocks have changed places, the same for all."""
    size = images.shape[-1] // BLOCKS * BLOCKS
    side = size // BLOCKS
    blocks = centre_crop(images, size).unfold(2, side, side).unfold(3, side, side).flatten(2, 3)  # (n, 3, 16, side, side)
    order = torch.randperm(BLOCKS**2, generator=torch.Generator().manual_seed(SEED))
    moved = blocks[:, :, order].unflatten(2, (BLOCKS, BLOCKS)).permute(0, 1, 2, 4, 3, 5).reshape(*images.shape[:2], size, size)
    changed = images.clone()
    top = (images.shape[-1] - size) // 2
    changed[:, :, top : top + size, top : top + size] = moved
    return changed
