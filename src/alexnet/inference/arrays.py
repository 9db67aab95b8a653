"""Arrays and tensors of pixels as images: one or several, gray, RGB or RGBA, channels first or last.

Independent of PyTorch, though its tensors are accepted. A shape is interpreted by the first rule that applies:
    2 axes: one gray image (H, W).
    3 axes, of which the first or last is the channels: one image, (C, H, W) or (H, W, C). RGB (3) is tried before gray (1) and RGBA (4),
    and for each, channels first before channels last: (3, H, 3) is (C, H, W), (4, H, 3) is (H, W, C).
    3 axes otherwise: several gray images (N, H, W). Pass three gray images as a list, or as (3, H, W, 1): (3, H, W) is one RGB image.
    4 axes: several images, each as above.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, Union

import numpy as np
from numpy.typing import NDArray

from alexnet.errors import UnreadableImage

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = (3, 1, 4)  # RGB, gray, RGBA: tried in this order
SHAPES = "a picture is (H, W), (H, W, C) or (C, H, W), C = 1, 3 or 4"

Pixels = Union[NDArray[Any], "Tensor"]


def is_tensor(value: object) -> TypeGuard["Tensor"]:
    """Whether a value is PyTorch's tensor, without importing PyTorch."""
    return any(kind.__name__ == "Tensor" and kind.__module__ == "torch" for kind in type(value).__mro__)


def each_of(pixels: Pixels) -> Iterator[Pixels]:
    """The images of an array, one by one; the array itself if it is a single image."""
    several = pixels.ndim == 4 or (pixels.ndim == 3 and _channel_axis(pixels.shape) is None)
    yield from pixels if several else (pixels,)


def rgb_pixels(pixels: Pixels, name: str) -> NDArray[np.uint8]:
    """A copy of one image as uint8 (3, H, W), transparency on white; raises UnreadableImage with `name` for an unsuitable array."""
    kind = str(pixels.dtype).removeprefix("torch.")
    if kind != "uint8":
        raise UnreadableImage(name, f"is {kind}; pictures are uint8, 0 to 255")
    axis = 0 if pixels.ndim == 2 else _channel_axis(pixels.shape) if pixels.ndim == 3 else None
    if axis is None or 0 in pixels.shape:
        raise UnreadableImage(name, f"has shape {tuple(pixels.shape)}; {SHAPES}")
    array = pixels.detach().cpu().numpy() if is_tensor(pixels) else np.asarray(pixels)
    image = _on_white(array[None] if array.ndim == 2 else np.moveaxis(array, axis, 0))
    return np.array(np.broadcast_to(image, (3, *image.shape[1:])), order="C")


def _channel_axis(shape: Sequence[int]) -> int | None:
    """The axis of the channels, 0 or 2; None if neither fits."""
    return next((axis for channels in CHANNELS for axis in (0, 2) if shape[axis] == channels), None)


def _on_white(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA (4, H, W) composited on white, rounded to nearest; an image without alpha unchanged."""
    if image.shape[0] != 4:
        return image
    colours, alpha = image[:3].astype(np.int32), image[3:].astype(np.int32)
    return ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
