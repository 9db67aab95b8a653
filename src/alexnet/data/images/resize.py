"""Resize images of any size to the squares that models take."""

from torch import Tensor
from torch.nn import functional

from alexnet.data.preprocess import Fit

LONGEST_ASPECT = 8  # long side by short side of an image that a network sees whole


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


def fit_whole(image: Tensor, size: int) -> Tensor:
    """`fit_short_side`, but at most LONGEST_ASPECT times as long as wide: of a longer image, the centre of that shape.

    Without the limit, an image of 1 x 65,500 pixels would become one of 17 million pixels a row and gigabytes in the network.
    """
    height, width = image.shape[-2:]
    most = LONGEST_ASPECT * min(height, width)
    top, left = max(0, height - most) // 2, max(0, width - most) // 2
    return fit_short_side(image[..., top : top + most, left : left + most], size)


def _resize(image: Tensor, height: int, width: int) -> Tensor:
    if tuple(image.shape[-2:]) == (height, width):
        return image
    batch = image if image.dim() == 4 else image[None]
    if height == width == 1:  # torch's kernel for uint8 fails for a single pixel
        resized = functional.interpolate(batch.float(), size=1, mode="bilinear", antialias=True).round().to(batch.dtype)
    else:
        resized = functional.interpolate(batch, size=(height, width), mode="bilinear", antialias=True)
    return resized if image.dim() == 4 else resized[0]
