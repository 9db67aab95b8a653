"""Nearest images in the last hidden layer: of the images that are explained, suspect labels, and near-duplicates across splits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

from alexnet.data.curation.duplicates import exact_pairs, near_pairs
from alexnet.data.curation.overlaps import MOST_COMPARED
from alexnet.data.dataset import SPLIT_NAMES
from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations.drawing import shown, thumbnail
from alexnet.explanations.neighbourhood import NearestRows, others
from alexnet.explanations.part import Content
from alexnet.explanations.subject import Subject
from alexnet.explanations.suspects import NEIGHBOURS, Suspicion, suspicion
from alexnet.storage.spreadsheets import csv_text

NEAREST = 5  # training images shown beside an image
QUERIES = 4  # images shown, if the user passes none
SHOWN = 24


@dataclass(frozen=True, slots=True)
class AllImages:
    """The images of all splits: indices (n,) into the store, split numbers (n,), labels (n,), unit hidden layers (n, D), probabilities."""

    indices: NDArray[np.int64]
    splits: NDArray[np.int64]
    labels: NDArray[np.int64]
    rows: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def make(subject: Subject) -> Content:
    """The neighbours of all images of the run, computed once."""
    every = all_images(subject)
    index = NearestRows(every.rows)
    found = [others(*index.nearest(every.rows[part], NEIGHBOURS + 1), np.arange(len(every.rows))[part]) for part in _parts(len(every.rows))]
    numbers = np.concatenate([each[1] for each in found])
    doubt = suspicion(every.rows, every.labels, numbers, len(subject.classes))
    ranked = np.argsort(-doubt.score, kind="stable")
    suspects = [row for row in ranked if doubt.suspect[row]]
    pairs = duplicates(subject, every)
    table = _suspect_table(subject, every, doubt, ranked)
    values = {
        "count": len(every.rows),
        "queries": _queries(subject, every),
        "suspects": len(suspects),
        "shown": [_suspect(subject, every, doubt, row, numbers[row]) for row in suspects[:SHOWN]],
        "pairs": len(pairs),
    }
    keys = [_as_key(subject, every, doubt, row) for row in suspects]
    files = {"suspects.csv": table, "near-duplicates.csv": csv_text([("file", "split", "other", "other split"), *pairs])}
    return Content(values=values, files=files, keys={"suspects": keys})


def all_images(subject: Subject) -> AllImages:
    """Those of the splits that have images, one after the other."""
    held = [(number, subject.described(name)) for number, name in enumerate(SPLIT_NAMES) if subject.split(name)]
    return AllImages(
        indices=np.concatenate([np.asarray(part.indices, np.int64) for _, part in held]),
        splits=np.concatenate([np.full(len(part.labels), number, np.int64) for number, part in held]),
        labels=np.concatenate([part.labels for _, part in held]),
        rows=np.concatenate([part.unit for _, part in held]),
        probabilities=np.concatenate([part.probabilities for _, part in held]),
    )


def _parts(count: int, step: int = 2_000) -> list[slice]:
    return [slice(first, min(first + step, count)) for first in range(0, count, step)]


def _as_key(subject: Subject, every: AllImages, doubt: Suspicion, row: int) -> dict[str, str]:
    classes = subject.classes
    return {
        "file": subject.name_of(int(every.indices[row])),
        "label": classes[every.labels[row]],
        "predicted": classes[doubt.other[row]],
    }


def _suspect(subject: Subject, every: AllImages, doubt: Suspicion, row: int, neighbours: NDArray[np.int64]) -> dict[str, Any]:
    near = [int(every.indices[number]) for number in neighbours[:3]]
    return {
        **_as_key(subject, every, doubt, row),
        "image": shown(subject.image(int(every.indices[row]))),
        "agree": round(float(doubt.agreement[row]) * NEIGHBOURS),
        "near": [thumbnail(subject.image(index)) for index in near],
    }


def _suspect_table(subject: Subject, every: AllImages, doubt: Suspicion, ranked: NDArray[np.int64]) -> str:
    """Every image whose neighbours or the regression prefer another class, the most suspect first."""
    head = ("file", "split", "label", "predicted", "score", "neighbours with the label", "suspect")
    rows = [
        (
            subject.name_of(int(every.indices[row])),
            SPLIT_NAMES[every.splits[row]],
            subject.classes[every.labels[row]],
            subject.classes[doubt.other[row]],
            f"{doubt.score[row]:.4f}",
            f"{doubt.agreement[row] * NEIGHBOURS:.0f} of {NEIGHBOURS}",
            "yes" if doubt.suspect[row] else "",
        )
        for row in ranked
        if doubt.score[row] > 0
    ]
    return csv_text([head, *rows])


def duplicates(subject: Subject, every: AllImages) -> list[tuple[str, str, str, str]]:
    """Pairs of the same image, exactly or nearly, in two splits: file, split, file, split."""
    fingerprints = subject.store.fingerprints
    near = near_pairs(fingerprints) if len(every.indices) <= MOST_COMPARED else np.zeros((0, 2), np.int64)
    row_of = {int(index): row for row, index in enumerate(every.indices)}
    pairs = [(row_of[first], row_of[second]) for first, second in np.concatenate([exact_pairs(fingerprints), near]).tolist()]
    across = [pair for pair in pairs if every.splits[pair[0]] != every.splits[pair[1]]]
    return [(*_place(subject, every, first), *_place(subject, every, second)) for first, second in across]


def _place(subject: Subject, every: AllImages, row: int) -> tuple[str, str]:
    return subject.name_of(int(every.indices[row])), SPLIT_NAMES[every.splits[row]]


def _queries(subject: Subject, every: AllImages) -> list[dict[str, Any]]:
    """The images that are explained, or the first of some classes of the judged split, each with its nearest training images."""
    training = np.flatnonzero(every.splits == 0)
    index = NearestRows(every.rows[training])
    rows, queries = [], _query_rows(subject, every)
    for name, truth, image, unit in queries:
        similarities, numbers = index.nearest(unit[None], NEAREST)
        near = [
            {
                "image": shown(subject.image(int(every.indices[training[number]]))),
                "class": subject.classes[every.labels[training[number]]],
                "similarity": float(similarity),
            }
            for similarity, number in zip(similarities[0], numbers[0], strict=True)
        ]
        rows.append({"name": name, "truth": truth, "image": image, "near": near})
    return rows


def _query_rows(subject: Subject, every: AllImages) -> list[tuple[str, str | None, str, NDArray[np.float32]]]:
    if subject.images:
        found = []
        for image in subject.images:
            seen = centre_crop(image.pixels, subject.size)
            hidden = subject.classifier.hidden(seen[None])
            unit = functional.normalize(hidden.float().cpu().flatten(1), dim=1)[0].numpy()
            found.append((image.name, image.truth, shown(seen), unit))
        return found
    judged = np.flatnonzero(every.splits == SPLIT_NAMES.index(subject.judged_split))
    chosen = judged[:: max(1, len(judged) // QUERIES)][:QUERIES]
    return [
        (
            subject.name_of(int(every.indices[row])),
            subject.classes[every.labels[row]],
            shown(subject.image(int(every.indices[row]))),
            every.rows[row],
        )
        for row in chosen
    ]
