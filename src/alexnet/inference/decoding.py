"""The images that a user passes, decoded to tensors."""

import torch
from torch import Tensor

from alexnet.data.images.decode import decode
from alexnet.inference.inputs import PendingImage, content_of


def decoded(image: PendingImage) -> Tensor:
    """The upright RGB pixels, uint8 (3, H, W); raises UnreadableImage."""
    content = content_of(image)
    return decode(content, image.name) if isinstance(content, bytes) else torch.from_numpy(content)
