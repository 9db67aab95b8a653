"""Resize NumPy pixels to the squares that models take, as `resize.fit_square` does tensors. Independent of PyTorch.

PyTorch's antialiased bilinear resizing of bytes follows Pillow's, with fixed-point weights of its own: a pixel differs by at most one gray
level (tested on the shared photos).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexnet.data.preprocess import Fit


def fit_square_pixels(pixels: NDArray[np.uint8], size: int, how: Fit) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) -> (size, size, 3); see `resize.fit_square`."""
    if how == "crop":
        height, width = pixels.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((size, size), Image.Resampling.BILINEAR))
