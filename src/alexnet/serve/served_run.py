"""A run folder, or a compressed model, behind the service's seam: PyTorch computes it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.images.decode import decode
from alexnet.inference.classifier import load
from alexnet.serve.served_classifier import Row, Square


class ServedRun:
    """See `ServedClassifier`."""

    def __init__(self, run: Path, *, device: str) -> None:
        """Load the run; raises BadRun if a file is missing or damaged."""
        self.classifier = load(run, device=device)
        self.classes = self.classifier.classes
        sizes = self.classifier.model_card.preprocess
        self.stored_size, self.image_size = sizes.stored_size, sizes.image_size

    def decoded(self, content: bytes, name: str, max_pixels: int) -> Square:
        """An encoded image as the model's square; raises UnreadableImage."""
        found: Square = self.classifier.fitted(decode(content, name, max_pixels=max_pixels)).numpy()
        return found

    def fitted(self, pixels: Square) -> Square:
        """Pixels (3, H, W) as the model's square."""
        found: Square = self.classifier.fitted(torch.from_numpy(pixels)).numpy()
        return found

    def rows(self, squares: NDArray[np.uint8]) -> list[Row]:
        """The answers for several squares."""
        probabilities, unlike = self.classifier.judged(torch.from_numpy(squares))
        return [Row(row, far) for row, far in zip(probabilities.numpy(), unlike, strict=True)]

    def probabilities(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Those probabilities alone."""
        found: NDArray[np.float32] = self.classifier.probabilities(torch.from_numpy(squares)).numpy()
        return found

    def described(self) -> dict[str, Any]:
        """As `GET /v1/models` shows it."""
        trained = self.classifier.model_card
        return {
            "classes": list(trained.classes),
            "model": trained.model,
            "image_size": self.image_size,
            "stored_size": self.stored_size,
            "scores": trained.scores,
            "versions": trained.versions,
        }
