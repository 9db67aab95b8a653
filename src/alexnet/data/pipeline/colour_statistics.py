"""Mean, spread and principal colours of the training pixels."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.data.preprocess import FIXED, Preprocess, PreprocessConfig


@dataclass(frozen=True, slots=True)
class ColourPCA:
    """The principal colours of the training pixels, on the 0-255 scale.

    mean (3,) RGB; eigenvalues (3,), in descending order; eigenvectors (3, 3), in *columns*. All float32.
    """

    mean: Tensor
    eigenvalues: Tensor
    eigenvectors: Tensor


def colour_pca(images: Iterable[Tensor]) -> ColourPCA:
    """Mean and principal colours of all pixels of uint8 images (3, H, W) or batches (N, 3, H, W), in one pass (paper 4.1).

    The sums are whole numbers in float64, exact for up to 1e11 pixels, so the order of the images does not matter.
    Raises ValueError if there are no pixels.
    """
    total, products, pixels = torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64), 0
    for batch in images:
        for image in batch.reshape(-1, 3, batch.shape[-2] * batch.shape[-1]).cpu():
            of_colours, of_products = pixel_sums(image)
            total += of_colours
            products += of_products
            pixels += image.shape[1]
    if not pixels:
        raise ValueError("no pictures to take colours from")
    return principal_colours(total, products, pixels)


def pixel_sums(image: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of the colours, (3,), and of their products, (3, 3), over the pixels of a uint8 image (3, ...).

    In float64, which represents whole numbers up to 9e15 exactly and multiplies fast.
    """
    values = image.reshape(3, -1).to(torch.float64)
    return values.sum(dim=1), values @ values.T


def principal_colours(total: Tensor, products: Tensor, pixels: int) -> ColourPCA:
    """Mean and principal colours from the sums of `pixel_sums` over `pixels` pixels, at least one."""
    mean = total / pixels
    covariance = products / pixels - torch.outer(mean, mean)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)  # ascending; rounding may leave -1e-12 if all images are gray
    return ColourPCA(mean.float(), eigenvalues.flip(0).clamp(min=0).float(), eigenvectors.flip(1).float())


def measured(config: PreprocessConfig, pca: ColourPCA) -> Preprocess:
    """The preprocessing of a run: the recipe's sizes, and the mean and spread of its training images."""
    if config.pixel_range in FIXED:
        known = FIXED[config.pixel_range]
        return _preprocess(config, *(values if config.channels == 3 else (sum(values) / 3,) for values in known))
    luma = (0.299, 0.587, 0.114)
    mean = tuple(float(value) for value in pca.mean)
    covariance = pca.eigenvectors @ pca.eigenvalues.diag() @ pca.eigenvectors.T
    std = tuple(float(value) ** 0.5 for value in covariance.diag())
    if config.channels == 1:
        mean = (sum(weight * value for weight, value in zip(luma, mean, strict=True)),)
        gray = covariance.new_tensor(luma)
        std = (float(gray @ covariance @ gray) ** 0.5,)
    spread = std if config.pixel_range == "unit-variance" else (1.0,) * len(mean)
    return _preprocess(config, mean, spread)


def _preprocess(config: PreprocessConfig, mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocess:
    return Preprocess(
        image_size=config.image_size,
        stored_size=config.stored_size,
        fit=config.fit,
        mean=tuple(round(value, 4) for value in mean),
        std=tuple(max(1.0, round(value, 4)) for value in std),
    )
