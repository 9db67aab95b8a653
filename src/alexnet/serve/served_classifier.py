"""What the service needs of a model, whatever computes it: a run by PyTorch, or an exported file without."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Square = NDArray[np.uint8]  # (3, S, S)


class Unanswered(Exception):
    """A model that is computed elsewhere gave no answer, for a reason that passes: the request is answered with 503."""


@dataclass(frozen=True, slots=True)
class Row:
    """A model's answer for one image: probabilities float32 (classes,), and whether it is unlike the training images, if that is known."""

    probabilities: NDArray[np.float32]
    unlike: bool | None = None

    def best(self, count: int) -> list[tuple[int, float]]:
        """The numbers of the `count` most likely classes, best first, with their probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(number), float(self.probabilities[number])) for number in order]


class ServedClassifier(Protocol):
    """A model in memory. Its methods are called from several threads, `rows` and `probabilities` from one at a time."""

    classes: tuple[str, ...]
    stored_size: int  # px, of the squares
    image_size: int  # px, of the centre that the model sees

    def decoded(self, content: bytes, name: str, max_pixels: int) -> Square:
        """An encoded image as the model's square; raises UnreadableImage."""
        ...

    def fitted(self, pixels: Square) -> Square:
        """Pixels (3, H, W) as the model's square."""
        ...

    def rows(self, squares: NDArray[np.uint8]) -> list[Row]:
        """The answers for several squares, uint8 (n, 3, S, S)."""
        ...

    def probabilities(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Those probabilities alone, (n, classes); squares of the image size are taken too."""
        ...

    def described(self) -> dict[str, Any]:
        """Model, sizes, scores and versions, as `GET /v1/models` shows them."""
        ...
