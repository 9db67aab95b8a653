"""Trying a finished run on one image: its classes, why, and the training images that are most like it.

Models are loaded when they are first asked for; the last two stay in memory, until their files change. They run in one thread.
"""

import base64
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.images.decode import decode
from alexnet.data.images.encode import png_bytes
from alexnet.errors import AlexNetError, UnreadableImage
from alexnet.explanations.neighbourhood import NearestRows
from alexnet.i18n.translate import Lang
from alexnet.inference.classifier import BATCH, Classifier, load
from alexnet.inference.familiarity import unit
from alexnet.inference.occlusion import occlusion_map
from alexnet.pages.overlay import overlay
from alexnet.runs.folder import RunFolder
from alexnet.studio.limits import Limits
from alexnet.studio.refusal import Refusal, problem_text
from alexnet.studio.run_images import RunImages

MOST_LOADED = 2
TOP = 5
NEAREST = 5
COMPARED = 600  # training images, evenly spaced, among which the nearest are found: a few seconds at most
NOT_FINITE = "cannot be classified: the model's scores for it are not finite"


@dataclass(slots=True)
class Loaded:
    """A model in memory. names and rows: of the training images that images are compared with, once somebody has asked."""

    classifier: Classifier
    signature: object
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rows: NearestRows | None = None


class Tries:
    """The models that are tried."""

    def __init__(self, images: RunImages, limits: Limits) -> None:
        self.images, self.limits = images, limits
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._loaded: OrderedDict[Path, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def top(self, run: Path, content: bytes, name: str) -> dict[str, Any]:
        """The most likely classes of an image, and whether it is unlike the training images; raises UnreadableImage, BadRun."""
        classifier = self._model(run).classifier
        square = self._square(classifier, content, name)
        row = _row(classifier, square)
        best = row.topk(min(TOP, len(classifier.classes)))
        pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        known = classifier.familiarity
        unlike = known.unlike(classifier.hidden(square[None]).float().cpu())[0] if known is not None else None
        return {
            "top": [{"class": classifier.classes[index], "probability": share} for share, index in pairs],
            "classes": list(classifier.classes),
            "unlike": unlike,
        }

    def why(self, run: Path, content: bytes, name: str, class_name: str, lang: Lang = "en") -> dict[str, Any]:
        """The occlusion map of an image over it, and the nearest training images; `missing` says why there are none."""
        loaded = self._model(run)
        classifier = loaded.classifier
        if class_name not in classifier.classes:
            raise Refusal("no_class", 404, name=class_name)
        square = self._square(classifier, content, name)
        losses = occlusion_map(classifier, square, classifier.classes.index(class_name))
        found: dict[str, Any] = {"overlay": base64.b64encode(png_bytes(overlay(square, losses))).decode(), "near": [], "missing": None}
        try:
            found |= {"near": self._nearest(run, loaded, square), "compared": len(loaded.names)}
        except (AlexNetError, Refusal) as problem:
            found["missing"] = problem_text(problem, lang)
        return found

    def close(self) -> None:
        """End the thread, after what it is doing."""
        self.thread.shutdown(wait=False, cancel_futures=True)

    def _model(self, run: Path) -> Loaded:
        folder = RunFolder(run)
        if folder.finished() is None:
            raise Refusal("not_finished", 409, name=run.name)
        signature = tuple((file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(folder.model.iterdir()))
        with self._lock:
            loaded = self._loaded.get(run)
            if loaded is None or loaded.signature != signature:
                loaded = Loaded(load(run), signature)
            self._loaded[run] = loaded
            self._loaded.move_to_end(run)
            while len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)
        return loaded

    def _square(self, classifier: Classifier, content: bytes, name: str) -> Tensor:
        return classifier.fitted(decode(content, name, max_pixels=self.limits.image_pixels))

    def _nearest(self, run: Path, loaded: Loaded, square: Tensor) -> list[dict[str, Any]]:
        if loaded.rows is None:
            self._compare_with_training(run, loaded)
        assert loaded.rows is not None, "it has just been made"
        similarities, numbers = loaded.rows.nearest(hidden_rows(loaded.classifier, square[None]), NEAREST)
        return [
            {"file": loaded.names[number], "class": loaded.classes[number], "similarity": float(similarity)}
            for similarity, number in zip(similarities[0], numbers[0], strict=True)
        ]

    def _compare_with_training(self, run: Path, loaded: Loaded) -> None:
        """The hidden layers of a sample of the training images; those that cannot be read are left out."""
        dataset, _ = self.images.opened(run)
        train = RunFolder(run).read_splits(dataset).train
        chosen, rows, preprocess = [], [], loaded.classifier.model_card.preprocess
        sample = train[:: -(-len(train) // COMPARED)]
        for first in range(0, len(sample), BATCH):
            squares = []
            for index in sample[first : first + BATCH]:
                try:
                    squares.append(dataset.fitted(index, preprocess.stored_size, preprocess.fit)[0])
                except UnreadableImage:
                    continue
                chosen.append(dataset.items[index])
            if squares:
                rows.append(hidden_rows(loaded.classifier, _stacked(squares)))
        if not rows:
            raise Refusal("no_training_image", 409, name=run.name)
        loaded.names = tuple(item.name for item in chosen)
        loaded.classes = tuple(dataset.classes[item.label] for item in chosen)
        loaded.rows = NearestRows(np.concatenate(rows))


def hidden_rows(classifier: Classifier, squares: Tensor) -> NDArray[np.float32]:
    """The hidden layers of squares uint8 (n, 3, S, S) at unit length: float32 (n, D)."""
    rows: NDArray[np.float32] = unit(classifier.hidden(squares)).numpy()
    return rows


def _stacked(squares: list[Tensor]) -> Tensor:
    import torch

    return torch.stack(squares)


def _row(classifier: Classifier, square: Tensor) -> Tensor:
    row = classifier.probabilities(square[None])[0]
    if not bool(row.isfinite().all()):
        raise UnreadableImage("image", NOT_FINITE)
    return row
