"""An ONNX file behind the service's seam: ONNX Runtime computes it. Independent of PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.data.images.pillow import decode_pixels
from alexnet.inference.onnx_classifier import OnnxClassifier
from alexnet.serve.served_classifier import Row, Square


class ServedFile:
    """See `ServedClassifier`."""

    def __init__(self, file: Path, *, threads: int | None = None) -> None:
        """Open the file; raises BadModel for one that `alexnet export` did not write."""
        self.classifier = OnnxClassifier(file, threads=threads)
        self.classes = self.classifier.classes
        self.stored_size, self.image_size = self.classifier.record.stored_size, self.classifier.record.image_size

    def decoded(self, content: bytes, name: str, max_pixels: int) -> Square:
        """An encoded image as the model's square; raises UnreadableImage."""
        return self.classifier.fitted(decode_pixels(content, name, max_pixels=max_pixels)[0])

    def fitted(self, pixels: Square) -> Square:
        """Pixels (3, H, W) as the model's square."""
        return self.classifier.fitted(pixels.transpose(1, 2, 0))

    def rows(self, squares: NDArray[np.uint8]) -> list[Row]:
        """The answers for several squares; a file does not know what is unlike the training images."""
        return [Row(row) for row in self.classifier.probabilities(squares)]

    def probabilities(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Those probabilities alone."""
        return self.classifier.probabilities(squares)

    def described(self) -> dict[str, Any]:
        """As `GET /v1/models` shows it."""
        record = self.classifier.record
        return {
            "classes": list(record.classes),
            "model": record.model,
            "image_size": self.image_size,
            "stored_size": self.stored_size,
            "scores": record.scores,
            "versions": record.versions,
        }
