"""A service's models in other processes: the service decodes and answers, and its batches go to whichever replica is free.

Independent of what carries a batch there (`Far`). A replica that is lost costs no answer: its batch is sent once more, to another.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from alexnet.errors import BadRun
from alexnet.serve.models import model_files, opened
from alexnet.serve.served_classifier import Row, ServedClassifier, Square, Unanswered

Asked = Literal["rows", "probabilities"]
KEPT = 2  # versions of each model in a replica: the latest, and the one that requests under way began with


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a replica computes. digest: of the model's files, as the service has loaded them; squares: uint8 (n, 3, S, S)."""

    path: str
    digest: str
    asked: Asked
    squares: NDArray[np.uint8]


class ReplicaLost(Exception):
    """A replica ended, or its machine did, before it answered."""


class Far(Protocol):
    """What carries batches to replicas and answers back; called from several threads."""

    def compute(self, batch: Batch, seconds: float) -> Any:
        """The answer of a replica, None if the model's files are others there; raises ReplicaLost, or TimeoutError after `seconds`."""
        ...

    def close(self) -> None:
        """End the replicas."""
        ...


class Replicas:
    """All replicas of one service."""

    def __init__(self, far: Far, *, count: int, seconds: float) -> None:
        """count: how many there are; seconds: in which a batch must be answered."""
        self.far, self.count, self.seconds = far, count, seconds

    def opened(self, path: Path, device: str) -> ServedClassifier:
        """The model at a path, which is loaded here for its classes and sizes, and computed by replicas. Raises BadRun or BadModel."""
        digest = digest_of(path)
        return ReplicatedClassifier(opened(path, "cpu"), path.absolute(), digest, self)

    def answer(self, batch: Batch) -> Any:
        """The answer to a batch; raises Unanswered if two replicas were lost with it, or none was free in time."""
        try:
            try:
                found = self.far.compute(batch, self.seconds)
            except ReplicaLost:
                found = self.far.compute(batch, self.seconds)
        except ReplicaLost:
            raise Unanswered("Two replicas were lost while they computed this. Try again after the seconds in Retry-After.") from None
        except TimeoutError:
            raise Unanswered(f"No replica answered within {self.seconds:g} seconds.") from None
        if found is None:
            raise Unanswered("The model's files have just changed. Try again after the seconds in Retry-After.")
        return found

    def close(self) -> None:
        """End the replicas."""
        self.far.close()


class ReplicatedClassifier:
    """See `ServedClassifier`: images are decoded here, and answered by replicas."""

    def __init__(self, here: ServedClassifier, path: Path, digest: str, replicas: Replicas) -> None:
        self._here, self._path, self._digest, self._replicas = here, path, digest, replicas
        self.classes, self.stored_size, self.image_size = here.classes, here.stored_size, here.image_size

    def decoded(self, content: bytes, name: str, max_pixels: int) -> Square:
        """An encoded image as the model's square; raises UnreadableImage."""
        return self._here.decoded(content, name, max_pixels)

    def fitted(self, pixels: Square) -> Square:
        """Pixels (3, H, W) as the model's square."""
        return self._here.fitted(pixels)

    def rows(self, squares: NDArray[np.uint8]) -> list[Row]:
        """The answers for several squares."""
        found: list[Row] = self._answer("rows", squares)
        return found

    def probabilities(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Those probabilities alone."""
        found: NDArray[np.float32] = self._answer("probabilities", squares)
        return found

    def _answer(self, asked: Asked, squares: NDArray[np.uint8]) -> Any:
        return self._replicas.answer(Batch(path=str(self._path), digest=self._digest, asked=asked, squares=squares))

    def described(self) -> dict[str, Any]:
        """As `GET /v1/models` shows it."""
        return self._here.described()


class Replica:
    """The models of a service in one process of the cluster, each computed by one thread. Paths must be the same on all machines."""

    def __init__(self, paths: Sequence[str], device: str) -> None:
        """Load the models; raises BadRun or BadModel."""
        self._device, self._lock = device, threading.Lock()
        self._models: dict[tuple[str, str], ServedClassifier] = {}
        for path in paths:
            self._model(path, digest_of(Path(path)))

    def compute(self, batch: Batch) -> Any:
        """The answer to a batch; None if the files at its path are not those that the service has loaded."""
        with self._lock:
            model = self._model(batch.path, batch.digest)
            return None if model is None else getattr(model, batch.asked)(batch.squares)

    def _model(self, path: str, digest: str) -> ServedClassifier | None:
        if (path, digest) not in self._models:
            if digest_of(Path(path)) != digest:
                return None
            model = opened(Path(path), self._device, threads=1)
            if digest_of(Path(path)) != digest:
                return None
            self._models[path, digest] = model
            for former in [key for key in self._models if key[0] == path][:-KEPT]:
                del self._models[former]
        return self._models[path, digest]


def digest_of(path: Path) -> str:
    """What changes when the model's files do, on whatever machine they are; "" while one of them cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in model_files(path):
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    except (OSError, BadRun):
        return ""
    return digest.hexdigest()
