"""Encode pixels as image files. Independent of PyTorch, whose tensors are accepted."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor


def jpeg_bytes(image: "Tensor", *, gray: bool, quality: int) -> bytes:
    """A baseline JPEG of a uint8 (3, H, W) image; if `gray`, of its first channel only."""
    pixels = image[0] if gray else image.permute(1, 2, 0)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.numpy())).save(out, "JPEG", quality=quality)
    return out.getvalue()


def png_bytes(image: "Tensor") -> bytes:
    """An RGB PNG of a uint8 (3, H, W) or (1, H, W) image."""
    return png_of(image.detach().cpu().expand(3, -1, -1).numpy())


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """The same of an array (3, H, W), without PyTorch."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(out, "png", optimize=True)
    return out.getvalue()
