"""A map over an image: which pixels speak for a class, and which against it. Independent of how the map was found."""

import torch
from torch import Tensor

FOR, AGAINST = (214.0, 69.0, 29.0), (31.0, 111.0, 196.0)  # RGB of what speaks for the class, and against it
LARGEST = 0.85  # of the colour; the image stays visible below


def overlay(image: Tensor, found: Tensor) -> Tensor:
    """The image, uint8 (3, S, S), in gray with the map, float32 (S, S), over it: uint8 (3, S, S).

    Red speaks for the class, blue against it; the strongest is that of the map's largest magnitude.
    """
    gray = image.float().mean(0, keepdim=True).expand(3, -1, -1)
    strength = (found / found.abs().max().clamp(min=1e-12)).clamp(-1, 1)
    colours = torch.where(strength > 0, torch.tensor(FOR).view(3, 1, 1), torch.tensor(AGAINST).view(3, 1, 1))
    alpha = LARGEST * strength.abs().sqrt()
    return (gray * (1 - alpha) + colours * alpha).round().clamp(0, 255).to(torch.uint8)
