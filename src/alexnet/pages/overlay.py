"""A map over an image: which pixels speak for a class, and which against it. Independent of how the map was found, and of PyTorch."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

FOR, AGAINST = (214.0, 69.0, 29.0), (31.0, 111.0, 196.0)  # RGB of what speaks for the class, and against it
LARGEST = 0.85  # of the colour; the image stays visible below


def overlay(image: "Tensor", found: "Tensor") -> "Tensor":
    """`overlaid` for tensors."""
    import torch

    return torch.from_numpy(overlaid(image.detach().cpu().numpy(), found.detach().cpu().numpy()))


def overlaid(image: NDArray[np.uint8], found: NDArray[Any]) -> NDArray[np.uint8]:
    """The image, uint8 (3, S, S), in gray with the map, float (S, S), over it: uint8 (3, S, S).

    Red speaks for the class, blue against it; the strongest is that of the map's largest magnitude.
    """
    gray = image.astype(np.float32).mean(0, keepdims=True)
    strength = np.clip(found / max(float(np.abs(found).max()), 1e-12), -1, 1)
    colours = np.where(strength > 0, np.reshape(FOR, (3, 1, 1)), np.reshape(AGAINST, (3, 1, 1)))
    alpha = LARGEST * np.sqrt(np.abs(strength))
    drawn: NDArray[np.uint8] = np.clip(np.rint(gray * (1 - alpha) + colours * alpha), 0, 255).astype(np.uint8)
    return drawn
