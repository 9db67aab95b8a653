"""Pixels as features: the baseline of all descriptors."""

import torch
from torch import Tensor, nn

LARGEST = 255.0  # of a uint8 pixel


class Pixels(nn.Module):
    """uint8 (N, 3, S, S) -> float32 (N, 3 * S * S), 0 to 1: red, green, blue, each row by row."""

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.dimensions = 3 * image_size**2
        self.white: Tensor
        self.register_buffer("white", torch.tensor(LARGEST), persistent=False)  # a buffer, so that .double() applies to it

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image: one scaling per number."""
        return self.dimensions

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).to(self.white.dtype).div_(self.white)
