"""Encode pixels as image files."""

import io

import numpy as np
from PIL import Image
from torch import Tensor


def jpeg_bytes(image: Tensor, *, gray: bool, quality: int) -> bytes:
    """A baseline JPEG of a uint8 (3, H, W) image; if `gray`, of its first channel only."""
    pixels = image[0] if gray else image.permute(1, 2, 0)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.numpy())).save(out, "JPEG", quality=quality)
    return out.getvalue()


def png_bytes(image: Tensor) -> bytes:
    """An RGB PNG of a uint8 (3, H, W) or (1, H, W) image."""
    out = io.BytesIO()
    Image.fromarray(image.detach().cpu().expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()).save(out, "png", optimize=True)
    return out.getvalue()
