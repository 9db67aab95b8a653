"""Values between the pixels of whole batches, each image at its own places: bilinear, with the same bits on every machine."""

import torch
from torch import Tensor

from alexnet.data.pipeline.pieces import cache_sized

_FRACTIONS = 128  # of a pixel, to which places are rounded


def resampled(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """uint8 (N, C, H, W) at `rows` and `columns`, (N, size) in pixels from 0 to H - 1 and W - 1 -> uint8 (N, C, size, size).

    Values between pixels are in proportion to their places, which are rounded to 1/128 px; halves are rounded up. Two matrix products with
    at most two shares in a row: a pixel and its two shares have 22 bits together, so float32 sums them exactly, in any order.
    """
    rows, columns = ((places * _FRACTIONS).round().to(images.device, torch.float32) / _FRACTIONS for places in (rows, columns))
    (count, channels, height, width), size = images.shape, rows.shape[1]
    result = images.new_empty((count, channels, size, size))
    for part in cache_sized(images):
        narrow = images[part].flatten(1, 2).float() @ _shares(columns[part], width).mT
        result[part] = (_shares(rows[part], height)[:, None] @ narrow.unflatten(1, (channels, height))).add_(0.5)
    return result


def _shares(places: Tensor, side: int) -> Tensor:
    """(N, size, side): for each place of (N, size), in pixels, the shares of the two pixels beside it; 0 for all others."""
    return (places[:, :, None] - torch.arange(side, device=places.device)).abs_().neg_().add_(1).clamp_(min=0)
