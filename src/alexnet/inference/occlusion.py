"""`occluded` for a classifier of PyTorch and its tensors."""

import torch
from torch import Tensor

from alexnet.errors import AlexNetError
from alexnet.inference.classifier import Classifier
from alexnet.inference.occluded import occluded


def occlusion_map(
    classifier: Classifier, image: Tensor, class_index: int | None = None, *, patch: float = 1 / 7, stride: float = 1 / 14
) -> Tensor:
    """The probability that the class loses, in 0..1, when a patch over each pixel is covered: float32 (S, S), on the CPU.

    image: uint8 (3, S, S), as `Classifier.fitted` returns it; see `occluded` for the rest. Raises AlexNetError as it does, and for an image
    of another form.
    """
    size = classifier.model.image_size
    _check_image(image, size)
    pixels = image.detach().cpu().numpy()
    found = occluded(
        lambda covered: classifier.probabilities(torch.from_numpy(covered)).numpy(), pixels, size, class_index, patch=patch, stride=stride
    )
    return torch.from_numpy(found)


def _check_image(image: Tensor, size: int) -> None:
    if image.dtype != torch.uint8 or image.dim() != 3 or image.shape[0] != 3 or image.shape[1] != image.shape[2]:
        kind = str(image.dtype).removeprefix("torch.")
        raise AlexNetError(f"The image is {kind} {tuple(image.shape)}; it must be uint8 (3, S, S), as Classifier.fitted returns it.")
    if image.shape[1] < size:
        raise AlexNetError(f"The image has {image.shape[1]} px, less than the model's {size} px; Classifier.fitted enlarges it.")
