"""The part of an image that a model sees at test time: its centre, ten views, the centre and its shifts, or all of it at any size.

A model is anything that returns scores for uint8 images. Independent of where images come from.
"""

from collections.abc import Iterator
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

from alexnet.data.pipeline.augment import centre_crop

View = Literal["centre", "ten", "shifted", "any"]
VIEWS: tuple[View, ...] = get_args(View)
SHIFTS = ((0, 0), (-1, -1), (1, 1))  # down and to the right, in px


class Scorer(Protocol):
    """The part of the seam that evaluation needs: uint8 images in, scores out. Every `ImageModel` satisfies it."""

    @property
    def image_size(self) -> int:
        """Side of the input squares, in pixels."""

    @property
    def classes(self) -> int:
        """Number of scores per image."""

    def __call__(self, images: Tensor, /) -> Tensor:
        """uint8 (N, 3, image_size, image_size) -> scores (N, classes)."""
        ...

    def dense_scores(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, H, W), H and W at least image_size -> scores (N, classes, h, w)."""
        ...


def count_views(side: int, size: int, view: View, *, flip: bool) -> int:
    """How many crops of `size` px the model sees of a square of `side` px; "any" is one whole image."""
    crops = {"centre": 1, "ten": 5 if side > size else 1, "shifted": len(SHIFTS), "any": 1}[view]
    return crops * (2 if flip and view in ("ten", "shifted") else 1)


def most_views(view: View) -> int:
    """How many crops there are of any image, at most."""
    return count_views(2, 1, view, flip=True)


def view_probabilities(model: Scorer, images: Tensor, view: View, *, flip: bool) -> Tensor:
    """float32 (N, classes): the model's probabilities for a batch of uint8 images (N, 3, H, W), on the images' device.

    "centre": the centre crop. "ten": four corners and the centre, and their mirror images if `flip` is true (a mirrored image keeps its
    class), else five views; softmax is averaged, not scores (paper 4.1). Images already of the model's size have one crop: 2 views or 1.
    "shifted": the centre, the same a pixel higher and further left, and a pixel lower and further right, and their mirror images (after
    Jordan 2024, who weighs the first twice and averages scores).
    "any": the whole image through the network with its fc layers as convolutions, softmax averaged over positions.
    """
    if view == "any":
        return softmax(model.dense_scores(images)).mean(dim=(2, 3))
    if view == "centre":
        return softmax(model(centre_crop(images, model.image_size)))
    total, count = torch.zeros(len(images), model.classes, device=images.device), 0
    crops_of = ten_views if view == "ten" else shifted_views
    for crops in crops_of(images, model.image_size, flip=flip):
        total += softmax(model(crops))
        count += 1
    return total / count


def ten_views(images: Tensor, size: int, *, flip: bool) -> Iterator[Tensor]:
    """Batches uint8 (N, 3, size, size): top left, top right, bottom left, bottom right, centre; then their mirror images."""
    crops = _five_crops(images, size) if max(images.shape[-2:]) > size else [centre_crop(images, size)]
    yield from _with_mirrors(crops, flip=flip)


def shifted_views(images: Tensor, size: int, *, flip: bool) -> Iterator[Tensor]:
    """Batches uint8 (N, 3, size, size): the centre, then shifted by SHIFTS; then their mirror images. Borders are reflected."""
    framed = pad(images, (1, 1, 1, 1), mode="reflect")
    height, width = framed.shape[-2:]
    crops = [centre_crop(framed[..., 1 + down : height - 1 + down, 1 + right : width - 1 + right], size) for down, right in SHIFTS]
    yield from _with_mirrors(crops, flip=flip)


def _with_mirrors(crops: list[Tensor], *, flip: bool) -> Iterator[Tensor]:
    yield from crops
    if flip:
        yield from (crop.flip(-1) for crop in crops)


def softmax(scores: Tensor) -> Tensor:
    """Scores (N, classes, ...) -> probabilities, in float32 whatever precision the network computed in."""
    return torch.softmax(scores.float(), dim=1)


def _five_crops(images: Tensor, size: int) -> list[Tensor]:
    centre = centre_crop(images, size)  # raises for images that are too small
    height, width = images.shape[-2:]
    corners = [images[..., top : top + size, left : left + size] for top in (0, height - size) for left in (0, width - size)]
    return [*corners, centre]
