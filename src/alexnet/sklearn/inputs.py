"""What scikit-learn calls X, as images: arrays, flat rows of numbers, or paths of files.

    (N, H, W), (N, H, W, 1), (N, H, W, 3)   images
    (N, D)                                  rows of numbers, of a given shape or laid out as gray squares (see `shape_of_rows`)
    paths                                   a list, or an array of text or paths; their images may differ in size

Numbers other than uint8 are mapped to 0 to 255 by the smallest and largest number that `fit` has seen.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.array_dataset import ArrayDataset
from alexnet.data.dataset import Dataset, Item, Traits, traits_of
from alexnet.data.images.resize import fit_square
from alexnet.data.preprocess import Preprocess
from alexnet.data.sources.source import MAX_FILE_BYTES, read_image_file
from alexnet.errors import UnreadableImage

LEAST_SIDE = 8  # px, of what is an image rather than a few numbers
GRAY, RGB = 1, 3
NAME = "the images of fit"

Files = Sequence[str | os.PathLike[str]]
Shape = tuple[int, ...]


def are_files(images: object) -> TypeGuard[Files]:
    """Whether X consists of paths."""
    if isinstance(images, np.ndarray):
        return images.ndim == 1 and images.size > 0 and images.dtype.kind in "OU" and isinstance(images.flat[0], str | os.PathLike)
    return isinstance(images, Sequence) and len(images) > 0 and isinstance(images[0], str | os.PathLike) and not isinstance(images, str)


def flattened(images: Any) -> tuple[Any, Shape | None]:
    """Arrays of images as rows (N, D), and their shape (H, W) or (H, W, C); anything else unchanged, and None.

    Raises ValueError for four axes of which the last is not the channels.
    """
    shape: Shape = getattr(images, "shape", ())
    if len(shape) not in (3, 4):
        return images, None
    if len(shape) == 4 and shape[3] not in (GRAY, RGB):
        raise ValueError(f"X has shape {tuple(shape)}; several images are (N, H, W), (N, H, W, 1) or (N, H, W, 3).")
    return np.asarray(images).reshape(len(images), -1), tuple(shape[1:])


def shape_of_rows(length: int, stated: Shape | None, *, any_order: bool) -> Shape:
    """The shape of the image in a row of `length` numbers: the one that is stated, or a gray square, filled up with zeros.

    any_order: the system does not care which pixels are neighbours. Raises ValueError if the stated shape does not fit, or if the row may
    be a colour image, whose order cannot be guessed.
    """
    if stated is not None:
        if math.prod(stated) != length or len(stated) not in (2, 3) or (len(stated) == 3 and stated[2] not in (GRAY, RGB)):
            raise ValueError(f"image_shape is {stated}, and rows have {length:,} numbers; it is (H, W), (H, W, 1) or (H, W, 3).")
        return stated
    side = math.isqrt(length - 1) + 1
    colour = math.isqrt(length // RGB)  # the side of a colour image
    if not any_order and side * side != length and RGB * colour**2 == length and colour >= LEAST_SIDE:
        raise ValueError(
            f"Rows of {length:,} numbers may be colour images of {colour} x {colour}: pass image_shape=({colour}, {colour}, 3), after "
            f"transposing rows that hold one channel after the other, or the images as (N, {colour}, {colour}, 3)."
        )
    return (side, side)


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers that mean black and white."""

    low: float = 0.0
    high: float = 255.0

    @classmethod
    def of(cls, rows: NDArray[Any]) -> "Scale":
        """Of uint8, its whole range; of other numbers, the smallest and the largest."""
        return cls() if rows.dtype == np.uint8 else cls(float(rows.min()), float(rows.max()))

    def pixels(self, rows: NDArray[Any], shape: Shape) -> Tensor:
        """Rows (N, D) as uint8 (N, C, H, W); what is beyond the scale is black or white, and missing pixels are black."""
        if rows.dtype != np.uint8:
            spread = (self.high - self.low) or 1.0
            rows = np.clip(np.rint((rows.astype(np.float64) - self.low) * (255 / spread)), 0, 255).astype(np.uint8)
        missing = math.prod(shape) - rows.shape[1]
        images = np.pad(rows, ((0, 0), (0, missing))).reshape(len(rows), *(shape if len(shape) == 3 else (*shape, GRAY)))
        return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


class FileImages(Dataset):
    """Images in files, with their classes."""

    def __init__(self, files: Files, classes: Sequence[str], labels: NDArray[np.int64]) -> None:
        self.name, self.classes = NAME, tuple(classes)
        self.paths = [Path(file) for file in files]
        self.items = tuple(
            Item(f"{number:06d} {path}", int(label), None) for number, (path, label) in enumerate(zip(self.paths, labels, strict=True))
        )

    @property
    def traits(self) -> Traits:
        """As for class folders of these names."""
        return self.sampled_traits()

    def content(self, index: int) -> bytes:
        """The encoded file; raises UnreadableImage."""
        return read_file(self.paths[index])


def read_file(path: Path) -> bytes:
    """The encoded image in a file; raises UnreadableImage."""
    try:
        return read_image_file(path, str(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as problem:
        raise UnreadableImage(str(path), f"cannot be opened: {getattr(problem, 'strerror', None) or problem}") from None


def array_images(pixels: Tensor, classes: Sequence[str], labels: NDArray[np.int64]) -> ArrayDataset:
    """Pixels uint8 (N, C, H, W), with their classes."""
    traits = traits_of(classes, gray=pixels.shape[1] == GRAY)
    return ArrayDataset(NAME, classes, [(None, pixels, torch.from_numpy(labels))], traits)


def squares(pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """Pixels (n, C, H, W) as the squares that a classifier takes, (n, 3, S, S)."""
    return fit_square(pixels, preprocess.stored_size, preprocess.fit).expand(-1, 3, -1, -1)
