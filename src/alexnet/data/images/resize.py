"""Resize images of any size to the squares that models take."""

from torch import Tensor
from torch.nn import functional

from alexnet.data.preprocess import Fit


def fit_square(image: Tensor, size: int, how: Fit) -> Tensor:
    """Resize a uint8 (..., 3, H, W) image to a square of `size` pixels, bilinear with antialiasing.

    "crop" takes the centre square first (as in the paper); "squash" resizes the whole image, which changes its aspect ratio.
    """
    if how == "crop":
        height, width = image.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[..., top : top + side, left : left + side]
    return _resize(image, size, size)


def fit_short_side(image: Tensor, size: int) -> Tensor:
    """Resize a uint8 (..., 3, H, W) image so that its short side has `size` pixels; the aspect ratio is preserved."""
    height, width = image.shape[-2:]
    scale = size / min(height, width)
    return _resize(image, max(size, round(height * scale)), max(size, round(width * scale)))


def _resize(image: Tensor, height: int, width: int) -> Tensor:
    if tuple(image.shape[-2:]) == (height, width):
        return image
    batch = image if image.dim() == 4 else image[None]
    if height == width == 1:  # for bytes, PyTorch's kernel fails an assertion of its own
        resized = functional.interpolate(batch.float(), size=(1, 1), mode="bilinear", antialias=True).round().to(batch.dtype)
    else:
        resized = functional.interpolate(batch, size=(height, width), mode="bilinear", antialias=True)
    return resized if image.dim() == 4 else resized[0]
