"""Pixels to encoded images."""

import io

import numpy as np
from PIL import Image
from torch import Tensor


def jpeg_bytes(image: Tensor, *, gray: bool, quality: int) -> bytes:
    """A baseline JPEG of uint8 (3, H, W); with one channel, the first, if `gray`."""
    pixels = image[0] if gray else image.permute(1, 2, 0)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.numpy())).save(out, "JPEG", quality=quality)
    return out.getvalue()


def png_bytes(image: Tensor) -> bytes:
    """An RGB PNG of uint8 (3, H, W) or (1, H, W)."""
    out = io.BytesIO()
    Image.fromarray(image.detach().cpu().expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()).save(out, "png", optimize=True)
    return out.getvalue()
