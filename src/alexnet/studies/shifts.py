"""What a small shift of the image changes in a network's predictions (Zhang 2019, arXiv 1904.11486). One pass over some images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from alexnet.data.pipeline.image_store import ImageStore
from alexnet.models.image_model import ImageModel

SHIFTS = (1, 2, 3)  # px to the right
IMAGES = 1_000  # at most, spread evenly
AT_ONCE = 250


def moved(model: ImageModel, store: ImageStore, indices: Sequence[int], size: int, device: torch.device) -> list[bool]:
    """Of some of the images: whether the predicted class changes under any of the shifts.

    size: side of the model's input in px. Where the stored image ends, its border is reflected.
    """
    some = moved_images(indices)
    batches = [some[start : start + AT_ONCE] for start in range(0, len(some), AT_ONCE)]
    found: list[bool] = []
    for images in store.stream(batches, device):
        still = _classes(model, shifted(images, size, 0))
        found += torch.stack([_classes(model, shifted(images, size, shift)) != still for shift in SHIFTS]).any(0).tolist()
    return found


def moved_images(indices: Sequence[int]) -> Sequence[int]:
    """Those of the judged images that are shifted: IMAGES at most, spread evenly."""
    return indices[:: max(1, -(-len(indices) // IMAGES))]


def shifted(images: Tensor, size: int, shift: int) -> Tensor:
    """The central squares of (N, 3, S, S), (N, 3, size, size), seen from `shift` px further to the left: the image moves to the right."""
    start, side = (images.shape[-1] - size) // 2, images.shape[-1]
    columns = torch.arange(start - shift, start - shift + size, device=images.device).abs()  # reflected at 0
    columns = torch.where(columns < side, columns, 2 * (side - 1) - columns)
    return images[..., start : start + size, :].index_select(-1, columns)


def _classes(model: ImageModel, images: Tensor) -> Tensor:
    with torch.inference_mode():
        classes: Tensor = model(images).argmax(1)
    return classes
