"""The confident mistakes in groups, the training images that misled the model, and reasons: places where mistaken images look different."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations.drawing import cut, shown
from alexnet.explanations.neighbourhood import NearestRows
from alexnet.explanations.part import Content
from alexnet.explanations.subject import Described, Subject
from alexnet.inference.occlusion import occlusion_map
from alexnet.pages.overlay import overlay
from alexnet.storage.spreadsheets import csv_text

GROUPS = 8  # pairs of classes, those with the most mistakes
IMAGES = 3  # of each group
EXAMINED = 3  # classes whose reasons are looked for, those with the most mistakes
MAPS = 6  # training images of each, whose occlusion maps are averaged
COMPARED = 60  # images on each side, whose places are compared
WINDOW = 2 / 7  # of the side: the place that holds most of what speaks for the class; covered at once, or half a mark would still decide
FOCUSED = 0.35  # share of the map in the window, which has 8% of the area
DIFFERENT = 0.9  # area under the ROC curve between training and mistaken images, by the appearance of the place


@dataclass(frozen=True, slots=True)
class Place:
    """A square of what the model sees: the share of the map in it, and how well its look tells mistaken from training images (AUROC)."""

    top: int
    left: int
    side: int
    focus: float
    difference: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right in pixels."""
        return self.top, self.left, self.top + self.side, self.left + self.side

    @property
    def is_reason(self) -> bool:
        """Whether the class is recognised by this place, and the mistaken images look different there."""
        return self.focus >= FOCUSED and self.difference >= DIFFERENT


def make(subject: Subject) -> Content:
    """Mistakes on the judged split."""
    judged, training = subject.described(subject.judged_split), subject.described("train")
    wrong = np.flatnonzero(judged.predicted != judged.labels)
    index = NearestRows(training.unit)
    values = {
        "split": subject.judged_split,
        "n": len(judged.labels),
        "wrong": len(wrong),
        "reasons": [_reason(subject, judged, training, number) for number in _most_mistaken(judged, wrong)],
        "groups": [_group(subject, judged, training, index, wrong, pair) for pair in _pairs(judged, wrong)],
    }
    confidence = judged.probabilities.max(1)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")]
    rows = [
        (
            subject.name_of(judged.indices[row]),
            subject.classes[judged.labels[row]],
            subject.classes[judged.predicted[row]],
            f"{confidence[row]:.6f}",
        )
        for row in order
    ]
    return Content(values=values, files={"mistakes.csv": csv_text([("file", "class", "predicted", "probability"), *rows])})


def _pairs(judged: Described, wrong: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(true, predicted) of the most frequent mistakes."""
    pairs, counts = np.unique(np.stack([judged.labels[wrong], judged.predicted[wrong]], 1), axis=0, return_counts=True)
    return [(int(pairs[place][0]), int(pairs[place][1])) for place in np.argsort(-counts, kind="stable")[:GROUPS]] if len(wrong) else []


def _group(
    subject: Subject, judged: Described, training: Described, index: NearestRows, wrong: NDArray[np.int64], pair: tuple[int, int]
) -> dict[str, Any]:
    rows = wrong[(judged.labels[wrong] == pair[0]) & (judged.predicted[wrong] == pair[1])]
    confidence = judged.probabilities[rows, pair[1]]
    surest = rows[np.argsort(-confidence, kind="stable")[:IMAGES]]
    _, near = index.nearest(judged.unit[surest], 1)
    misled = [
        {
            "image": shown(subject.image(judged.indices[row])),
            "name": subject.name_of(judged.indices[row]),
            "probability": float(judged.probabilities[row, pair[1]]),
            "near": shown(subject.image(training.indices[other])),
            "near_class": subject.classes[training.labels[other]],
        }
        for row, other in zip(surest, near[:, 0], strict=True)
    ]
    of_class = int((judged.labels == pair[0]).sum())
    return {"true": subject.classes[pair[0]], "predicted": subject.classes[pair[1]], "count": len(rows), "of": of_class, "images": misled}


def _most_mistaken(judged: Described, wrong: NDArray[np.int64]) -> list[int]:
    """The classes with the most mistaken images."""
    classes, counts = np.unique(judged.labels[wrong], return_counts=True)
    return [int(classes[place]) for place in np.argsort(-counts, kind="stable")[:EXAMINED]]


def _reason(subject: Subject, judged: Described, training: Described, number: int) -> dict[str, Any]:
    """Where training images of a class are recognised, and whether its mistaken images look different there."""
    own = np.flatnonzero((training.labels == number) & (training.predicted == number))
    own = own if len(own) else np.flatnonzero(training.labels == number)
    missed = np.flatnonzero((judged.labels == number) & (judged.predicted != number))
    images = _seen(subject, [training.indices[row] for row in _spread(own, COMPARED)])
    mistaken = _seen(subject, [judged.indices[row] for row in missed[:COMPARED]])
    chosen = images[:: max(1, len(images) // MAPS)][:MAPS]
    maps = [occlusion_map(subject.classifier, image, number, patch=WINDOW, stride=WINDOW / 2) for image in chosen]
    evidence = torch.stack(maps).clamp(min=0).mean(0)
    place = decisive_place(evidence, images, mistaken)
    middle = (place.top + place.side / 2, place.left + place.side / 2)
    return {
        "class": subject.classes[number],
        "mistaken": len(missed),
        "focus": place.focus,
        "difference": place.difference,
        "is_reason": place.is_reason,
        "row": middle[0] / subject.size,
        "column": middle[1] / subject.size,
        "map": shown(overlay(images.float().mean(0).round().to(torch.uint8), evidence)),
        "training": shown(cut(chosen[0], place.box, 96)),
        "test": shown(cut(mistaken[0], place.box, 96)),
    }


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows[:: max(1, -(-len(rows) // most))]


def _seen(subject: Subject, indices: list[int]) -> Tensor:
    """Images as the model sees them, uint8 (n, 3, S, S)."""
    return centre_crop(next(subject.store.stream([indices])), subject.size)


def decisive_place(evidence: Tensor, training: Tensor, mistaken: Tensor) -> Place:
    """The square with the largest share of the map (S, S), and how its look differs: uint8 (n, 3, S, S) on both sides.

    The look is the mean and the spread of each colour; the number that separates best is counted, whichever way it points.
    """
    size = evidence.shape[-1]
    side = max(1, round(WINDOW * size))
    sums = functional.avg_pool2d(evidence[None, None], side, 1)[0, 0] * side**2
    best = int(sums.argmax())
    top, left = divmod(best, sums.shape[1])
    focus = float(sums.max() / evidence.sum().clamp(min=1e-12))
    looks = [_look(images[:, :, top : top + side, left : left + side]) for images in (training, mistaken)]
    truth = np.repeat([0, 1], [len(training), len(mistaken)])
    areas = [float(roc_auc_score(truth, column)) for column in np.concatenate(looks).T]
    return Place(top, left, side, focus, max(max(area, 1 - area) for area in areas))


def _look(places: Tensor) -> NDArray[np.float32]:
    pixels = places.float()
    return torch.cat([pixels.mean((2, 3)), pixels.std((2, 3))], dim=1).numpy()
