"""Which parts of an image a model's answer depends on: cover each part and see how much the class loses (Zeiler and Fergus 2013).

Needs nothing of a model but its probabilities, so it is the same for networks, hand-crafted systems and exported files. Independent of
gradients and of PyTorch.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from alexnet.errors import AlexNetError
from alexnet.runtime.arguments import whole_number

BATCH = 64  # covered images that go through the model at once

Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]
Probabilities = Callable[[Pixels], Map]  # uint8 (N, 3, S, S) -> float32 (N, classes)
Corner = tuple[int, int]  # of a patch: row and column of its first pixel


def occluded(
    probabilities: Probabilities, image: Pixels, size: int, class_index: int | None = None, *, patch: float = 1 / 7, stride: float = 1 / 14
) -> Map:
    """The probability that the class loses, in 0..1, when a patch over each pixel is covered: float32 (S, S).

    image: uint8 (3, S, S), the square that the model takes views from; size: of the centre that it sees. The patches lie in that centre;
    the map is 0 outside. A pixel has the mean of all patches that cover it; it is negative where covering it speaks for the class. A
    covered pixel has the mean colour of what the model sees: average pixels, and not black or gray ones, count as no information.
    class_index: the class; by default the most likely one. patch, stride: sides of a patch and of a step, as shares of the model's side.
    Raises AlexNetError for an unknown class, or a patch or step that is not between 0 and 1 or leaves gaps.
    """
    margin = (image.shape[-1] - size) // 2
    seen = image[:, margin : margin + size, margin : margin + size]
    side, step = _pixels(patch, size, "patch"), _pixels(stride, size, "stride")
    if step > side:
        raise AlexNetError(f"stride is {stride}, more than the patch's {patch}; patches must not leave gaps.")
    corners = [(row, column) for row, column in product(starts(size, side, step), repeat=2)]
    whole = probabilities(seen[None])[0]
    chosen = int(whole.argmax()) if class_index is None else _class(class_index, len(whole))
    covered = np.concatenate([probabilities(batch)[:, chosen] for batch in _covered(seen, corners, side)])
    framed = np.zeros(image.shape[-2:], np.float32)
    framed[margin : margin + size, margin : margin + size] = _spread(whole[chosen] - covered, corners, side, size)
    return framed


def starts(size: int, side: int, step: int) -> list[int]:
    """The first pixels of the patches along one side: a step apart, the last one flush with the border."""
    last = size - side
    return [*range(0, last, step), last]


def _covered(seen: Pixels, corners: list[Corner], side: int) -> Iterator[Pixels]:
    """The image with one patch covered, for each corner, in batches: uint8 (n, 3, S, S)."""
    colour = np.rint(seen.astype(np.float32).mean(axis=(1, 2))).astype(np.uint8).reshape(3, 1, 1)
    for first in range(0, len(corners), BATCH):
        part = corners[first : first + BATCH]
        batch = np.repeat(seen[None], len(part), axis=0)
        for image, (row, column) in zip(batch, part, strict=True):
            image[:, row : row + side, column : column + side] = colour
        yield batch


def _spread(losses: Map, corners: list[Corner], side: int, size: int) -> NDArray[np.float64]:
    """The mean loss of the patches that cover each pixel: (size, size)."""
    total, count = np.zeros((2, size, size))
    for loss, (row, column) in zip(losses.tolist(), corners, strict=True):
        total[row : row + side, column : column + side] += loss
        count[row : row + side, column : column + side] += 1
    return total / np.maximum(count, 1)


def _class(index: int, classes: int) -> int:
    number = whole_number(index, "class_index", least=0)
    if number >= classes:
        raise AlexNetError(f"class_index is {number}, but the model has {classes} classes, from 0 to {classes - 1}.")
    return number


def _pixels(share: float, size: int, name: str) -> int:
    """A share of the side in whole pixels, at least one."""
    if not 0 < share <= 1:
        raise AlexNetError(f"{name} is {share}; it is a share of the image's side, above 0 and at most 1.")
    return max(1, round(share * size))
