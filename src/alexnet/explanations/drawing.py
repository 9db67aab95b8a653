"""Small images for the page: channels side by side, parts of images. All uint8 (3, H, W)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from alexnet.pages.plots import data_uri


def enlarged(image: Tensor, least: int) -> Tensor:
    """The image with each pixel repeated, so that its side is at least `least` pixels."""
    factor = max(1, math.ceil(least / image.shape[-1]))
    return image.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def shown(image: Tensor) -> str:
    """An image as a data: URI; small ones are enlarged, since browsers would blur them."""
    return data_uri(enlarged(image, 96))


def thumbnail(image: Tensor, side: int = 40) -> str:
    """A small data: URI."""
    small = functional.interpolate(image[None].float(), (side, side), mode="area")[0]
    return data_uri(small.round().to(torch.uint8))


def grid(channels: Tensor, columns: int) -> Tensor:
    """Channels (n, h, w) side by side in gray, each from its own smallest to its largest value, one pixel apart."""
    low, high = channels.amin((1, 2), keepdim=True), channels.amax((1, 2), keepdim=True)
    scaled = ((channels - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)
    scaled = torch.stack([enlarged(one, 40) for one in scaled])
    return tiled(list(scaled[:, None].expand(-1, 3, -1, -1)), columns)


def tiled(images: Sequence[Tensor], columns: int, gap: int = 2) -> Tensor:
    """Images (3, h, w) of one size in rows, on gray."""
    _, height, width = images[0].shape
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    sheet = torch.full((3, rows * (height + gap) - gap, columns * (width + gap) - gap), 128, dtype=torch.uint8)
    for place, image in enumerate(images):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def cut(image: Tensor, box: tuple[int, int, int, int], side: int = 56) -> Tensor:
    """A part of an image (top, left, bottom, right), resized to a square."""
    top, left, bottom, right = box
    part = image[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    square = functional.interpolate(part[None].float(), (side, side), mode="bilinear", align_corners=False, antialias=True)
    return square[0].round().clamp(0, 255).to(torch.uint8)
