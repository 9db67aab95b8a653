"""Which parts of an image a model's answer depends on: cover each part and see how much the class loses (Zeiler and Fergus 2013).

Works through the seam alone, so it is the same for networks, hand-crafted systems and exported files. Independent of gradients.
"""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import AlexNetError
from alexnet.inference.classifier import BATCH, Classifier
from alexnet.runtime.arguments import whole_number

Corner = tuple[int, int]  # of a patch: row and column of its first pixel


def occlusion_map(
    classifier: Classifier, image: Tensor, class_index: int | None = None, *, patch: float = 1 / 7, stride: float = 1 / 14
) -> Tensor:
    """The probability that the class loses, in 0..1, when a patch over each pixel is covered: float32 (S, S), on the CPU.

    image: uint8 (3, S, S), as `Classifier.fitted` returns it. The patches lie in the centre that the model sees; the map is 0 outside. A
    pixel has the mean of all patches that cover it; it is negative where covering it speaks for the class. A covered pixel has the mean
    colour of what the model sees, so that average pixels, and not black or gray ones, count as no information.
    class_index: the class; by default the most likely one. patch, stride: sides of a patch and of a step, as shares of the model's side.
    Raises AlexNetError for an image of another form, an unknown class, or a patch or step that is not between 0 and 1
    or leaves gaps.
    """
    _check_image(image, classifier.model.image_size)
    seen = centre_crop(image[None], classifier.model.image_size)[0].cpu()
    size = seen.shape[-1]
    side, step = _pixels(patch, size, "patch"), _pixels(stride, size, "stride")
    if step > side:
        raise AlexNetError(f"stride is {stride}, more than the patch's {patch}; patches must not leave gaps.")
    corners = [(row, column) for row, column in product(starts(size, side, step), repeat=2)]
    whole = classifier.probabilities(seen[None])[0]
    chosen = int(whole.argmax()) if class_index is None else _class(class_index, len(whole))
    covered = torch.cat([classifier.probabilities(batch)[:, chosen] for batch in _covered(seen, corners, side)])
    losses = _spread(whole[chosen] - covered, corners, side, size)
    margin = image.shape[-1] - size
    framed = torch.zeros(image.shape[-2:])
    framed[margin // 2 : margin // 2 + size, margin // 2 : margin // 2 + size] = losses
    return framed


def starts(size: int, side: int, step: int) -> list[int]:
    """The first pixels of the patches along one side: a step apart, the last one flush with the border."""
    last = size - side
    return [*range(0, last, step), last]


def _covered(seen: Tensor, corners: list[Corner], side: int) -> Iterator[Tensor]:
    """The image with one patch covered, for each corner, in batches: uint8 (n, 3, S, S)."""
    colour = seen.float().mean(dim=(1, 2)).round().to(torch.uint8).view(3, 1, 1)
    for first in range(0, len(corners), BATCH):
        part = corners[first : first + BATCH]
        batch = seen.repeat(len(part), 1, 1, 1)
        for image, (row, column) in zip(batch, part, strict=True):
            image[:, row : row + side, column : column + side] = colour
        yield batch


def _spread(losses: Tensor, corners: list[Corner], side: int, size: int) -> Tensor:
    """The mean loss of the patches that cover each pixel: (size, size)."""
    total, count = torch.zeros(2, size, size, dtype=torch.float64)
    for loss, (row, column) in zip(losses.tolist(), corners, strict=True):
        total[row : row + side, column : column + side] += loss
        count[row : row + side, column : column + side] += 1
    mean: Tensor = total / count.clamp(min=1)
    return mean.float()


def _check_image(image: Tensor, size: int) -> None:
    if image.dtype != torch.uint8 or image.dim() != 3 or image.shape[0] != 3 or image.shape[1] != image.shape[2]:
        kind = str(image.dtype).removeprefix("torch.")
        raise AlexNetError(f"The image is {kind} {tuple(image.shape)}; it must be uint8 (3, S, S), as Classifier.fitted returns it.")
    if image.shape[1] < size:
        raise AlexNetError(f"The image has {image.shape[1]} px, less than the model's {size} px; Classifier.fitted enlarges it.")


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
