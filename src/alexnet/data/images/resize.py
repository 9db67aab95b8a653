"""Pixels of any size to the squares that models take."""

from torch import Tensor
from torch.nn import functional

from alexnet.data.preprocess import Fit


def fit_square(image: Tensor, size: int, how: Fit) -> Tensor:
    """A uint8 (..., 3, H, W) image as a square of `size` pixels, antialiased bilinear.

    "crop" takes the centre square of the short side (the paper's); "squash" forces the whole image into the square.
    """
    if how == "crop":
        height, width = image.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[..., top : top + side, left : left + side]
    return _resize(image, size, size)


def fit_short_side(image: Tensor, size: int) -> Tensor:
    """A uint8 (..., 3, H, W) image with its short side at `size` pixels, aspect kept."""
    height, width = image.shape[-2:]
    scale = size / min(height, width)
    return _resize(image, max(size, round(height * scale)), max(size, round(width * scale)))


def _resize(image: Tensor, height: int, width: int) -> Tensor:
    if tuple(image.shape[-2:]) == (height, width):
        return image
    batch = image if image.dim() == 4 else image[None]
    resized = functional.interpolate(batch, size=(height, width), mode="bilinear", antialias=True)
    return resized if image.dim() == 4 else resized[0]
