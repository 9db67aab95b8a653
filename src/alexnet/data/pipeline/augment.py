"""Random changes of training images that keep their class: crop, scale, mirror, brightness, colour temperature, PCA colour noise, cutout.

Whole uint8 batches in, whole uint8 batches out, on the batch's device and without a loop over images. Random numbers are counter-based
(see `counter_rng`): in an epoch an image gets the same change, whichever batch, worker or machine it is on. Which changes keep a class
depends on the data set (digits are not mirrored) and is decided elsewhere.
"""

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor
from torch.nn.functional import pad

from alexnet.data.pipeline.colour_statistics import ColourPCA
from alexnet.data.pipeline.counter_rng import normal, uniform
from alexnet.data.pipeline.pieces import cache_sized
from alexnet.data.pipeline.resample import resampled
from alexnet.data.preprocess import LARGEST_SIDE
from alexnet.errors import BadRecipe

_GRAY = 128.0
MOST_NOISE = 1_000  # all pixels are black or white long before
SMALLEST_SCALE = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Which changes, and how strong. A change at 0 or False costs nothing; all off is exactly `centre_crop`. Raises BadRecipe."""

    crop: bool = True  # a random window, all positions equally likely; off: the centre
    crop_padding: int = 0  # px of reflected border added before a random crop, for images already at the model's size
    scale: float = 1.0  # with crop: smallest side of the window, as a share of the whole image; 1: all windows have the model's size
    flip: bool = True  # half of the images are mirrored, and the other half in the next epoch
    brightness: float = 0.0  # one gain per image, uniform in 1 - b .. 1 + b
    colour_temperature: float = 0.0  # t uniform in -c .. c per image: red x (1 + t), blue x (1 - t)
    pca_noise: float = 0.0  # sd of the multipliers of the principal colours; the paper's is 0.1 (section 4.1)
    cutout: int = 0  # px, side of a square that is painted over; it may extend past the border

    def __post_init__(self) -> None:
        _check_range("crop_padding", self.crop_padding, LARGEST_SIDE, f"px around the picture, 0 for none, at most {LARGEST_SIDE:,}")
        if not SMALLEST_SCALE <= self.scale <= 1:
            raise BadRecipe(f"augment.scale = {self.scale} cannot be used: use a share of the side from {SMALLEST_SCALE} to 1 (off).")
        _check_range("brightness", self.brightness, 1.0, "a fraction from 0 (off) to 1")
        _check_range("colour_temperature", self.colour_temperature, 1.0, "a fraction from 0 (off) to 1")
        _check_range("pca_noise", self.pca_noise, MOST_NOISE, f"0 for none, 0.1 as in the paper, at most {MOST_NOISE:,}")
        _check_range("cutout", self.cutout, LARGEST_SIDE, f"px of a square, 0 for none, at most {LARGEST_SIDE:,}")


def augment(images: Tensor, size: int, config: AugmentConfig, pca: ColourPCA | None, *, seed: int, epoch: int, indices: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) -> uint8 (N, 3, size, size) on the same device: crop, mirror, colours, cutout, in this order.

    indices: int64 (N,), the images' numbers in their data set; best left on the CPU, where the few draws are cheap.
    pca: needed for `pca_noise`; its mean is also the colour of the cutout (mid-gray without it). Raises BadRecipe if the crop, the padding
    or the cutout does not fit the images.
    """
    check_fit(images.shape[-2], images.shape[-1], size, config)
    if not len(images):
        return images.new_empty((0, 3, size, size))
    if config.crop and config.scale < 1:
        draws = torch.cat([uniform(seed, epoch, indices, stream, count) for stream, count in (("scale", 1), ("crop", 2))], dim=1)
        images = _random_scaled_crop(images, size, config, draws)
    elif config.crop:
        images = _random_crop(images, size, config.crop_padding, uniform(seed, epoch, indices, "crop", 2))
    else:
        images = centre_crop(images, size)
    if config.flip:
        images = _mirror(images, _mirrored(seed, epoch, indices))
    if config.brightness or config.colour_temperature or config.pca_noise:
        images = _recolour(images, *_colours(config, pca, seed, epoch, indices))
    if config.cutout:
        images = _cut_out(images, config.cutout, pca, uniform(seed, epoch, indices, "cutout", 2))
    return images


def centre_crop(images: Tensor, size: int) -> Tensor:
    """The central `size` x `size` of (..., H, W), a view; of an odd margin, the extra pixel is right or below. BadRecipe if too large."""
    height, width = images.shape[-2:]
    _check_crop(height, width, size)
    top, left = (height - size) // 2, (width - size) // 2
    return images[..., top : top + size, left : left + size]


def _mirrored(seed: int, epoch: int, indices: Tensor) -> Tensor:
    """Bool (N,): a random half of the images, and the other half in the next epoch, so that each is seen both ways equally often."""
    return (uniform(seed, 0, indices, "flip", 1)[:, 0] < 0.5) ^ bool(epoch % 2)


def _random_crop(images: Tensor, size: int, padding: int, draws: Tensor) -> Tensor:
    """Windows at positions drawn as (N, 2) in [0, 1). Each row of each window is one run of bytes, copied whole by `index_select`."""
    if padding:
        images = pad(images, (padding,) * 4, mode="reflect")
    count, channels, height, width = images.shape
    if height == width == size:
        return images
    room = torch.tensor([height - size + 1, width - size + 1])
    top, left = (draws.cpu() * room).long().to(images.device).unbind(1)
    planes = torch.arange(count * channels, device=images.device).view(count, channels, 1)
    rows = planes * height + top.view(count, 1, 1) + torch.arange(size, device=images.device)
    starts = (rows * width + left.view(count, 1, 1)).flatten()
    flat = images.contiguous().view(-1)
    runs = flat.as_strided((flat.numel() - size + 1, size), (1, 1))  # every run of `size` bytes, overlapping: no copy
    return runs.index_select(0, starts).view(count, channels, size, size)


def _random_scaled_crop(images: Tensor, size: int, config: AugmentConfig, draws: Tensor) -> Tensor:
    """Square windows whose side and position are drawn as (N, 3) in [0, 1), resampled to `size` px. All whole sides are equally likely.

    Bilinear, without smoothing: stored images are hardly larger than the model's, so a window is never reduced by much.
    """
    if config.crop_padding:
        images = pad(images, (config.crop_padding,) * 4, mode="reflect")
    height, width = images.shape[-2:]
    largest = min(height, width)
    smallest = max(1, round(config.scale * largest))
    draws = draws.cpu()
    side = smallest + (draws[:, :1] * (largest - smallest + 1)).long()
    first = (draws[:, 1:] * (torch.tensor([height, width]) - side + 1)).long()  # row, column
    places = (torch.arange(size) + 0.5).double() * side / size - 0.5  # (N, size), from the window's first pixel
    steps = places.clamp_(min=0).minimum(side - 1)
    return resampled(images, first[:, :1] + steps, first[:, 1:] + steps)


def _mirror(images: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror the images where `mirrored` (N,) is true; selected as the widest integers that divide an image, up to 8 times faster."""
    count, size = len(images), images[0].numel()
    word = next(kind for kind in (torch.int64, torch.int32, torch.int16, torch.uint8) if size % kind.itemsize == 0)
    straight = images.contiguous().view(count, size).view(word)
    turned = images.flip(-1).view(count, size).view(word)
    chosen = torch.where(mirrored.to(images.device).view(count, 1), turned, straight)
    return chosen.view(torch.uint8).view(images.shape)


def _colours(config: AugmentConfig, pca: ColourPCA | None, seed: int, epoch: int, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and offset of each image's channels, float32 (N, 3) each: pixel' = pixel * gain + offset, on the 0-255 scale."""
    gain, offset = torch.ones(len(indices), 3), torch.zeros(len(indices), 3)
    if config.brightness:
        gain *= 1 + config.brightness * _either_side(uniform(seed, epoch, indices, "brightness", 1))
    if config.colour_temperature:
        warmer = config.colour_temperature * _either_side(uniform(seed, epoch, indices, "colour temperature", 1))
        gain *= 1 + warmer * torch.tensor([1.0, 0.0, -1.0])
    if config.pca_noise:
        if pca is None:
            raise ValueError("pca_noise needs the principal colours of the training pictures (colour_pca)")
        multipliers = config.pca_noise * normal(seed, epoch, indices, "pca noise", 3).cpu()
        # The sum over components of eigenvector (a column) x multiplier x sd, where the sd is the square root of the eigenvalue. The paper
        # prints the eigenvalue itself; for pixels of 0-255 that would be thousands of gray levels.
        offset = (multipliers * pca.eigenvalues.cpu().sqrt()) @ pca.eigenvectors.cpu().T
    return gain, offset


def _recolour(images: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """round(pixel * gain + offset), halves up, clamped to 0..255, in one float pass over cache-sized pieces (one piece on a GPU)."""
    parts = cache_sized(images)
    gain = gain.to(images.device)[:, :, None, None]
    offset = (offset + 0.5).to(images.device)[:, :, None, None]  # `copy_` to uint8 truncates; with the half added, it rounds
    recoloured = torch.empty_like(images, memory_format=torch.contiguous_format)
    work = torch.empty_like(images[parts[0]], dtype=torch.float32, memory_format=torch.contiguous_format)
    for part in parts:
        levels = work[: len(images[part])].copy_(images[part])
        recoloured[part] = levels.mul_(gain[part]).add_(offset[part]).clamp_(0, 255.5)
    return recoloured


def _cut_out(images: Tensor, side: int, pca: ColourPCA | None, draws: Tensor) -> Tensor:
    """Paint a square of `side` px, centred at a random pixel (N, 2), in the training images' mean colour (DeVries and Taylor 2017)."""
    size = images.shape[-1]
    first = (draws.cpu() * size).long() - side // 2
    places = torch.arange(size)
    inside = ((places >= first[:, :, None]) & (places < first[:, :, None] + side)).to(images.device)  # (N, 2, size): rows, columns
    square = inside[:, 0, :, None] & inside[:, 1, None, :]
    colour = torch.full((3,), _GRAY) if pca is None else pca.mean
    return torch.where(square[:, None], colour.round().to(images.device, torch.uint8).view(3, 1, 1), images)


def _either_side(draws: Tensor) -> Tensor:
    """[0, 1) -> [-1, 1), on the CPU."""
    return 2 * draws.cpu() - 1


def _check_range(field: str, value: float, most: float, meaning: str) -> None:
    if not (isfinite(value) and 0 <= value <= most):
        raise BadRecipe(f"augment.{field} = {value} cannot be used: use {meaning}.")


def check_fit(height: int, width: int, size: int, config: AugmentConfig) -> None:
    """Raise BadRecipe if crops of `size` px, the padding or the cutout do not fit images of that height and width."""
    side = min(height, width)
    if config.crop and config.crop_padding >= side:
        raise BadRecipe(f"augment.crop_padding = {config.crop_padding} is too large for pictures of {side} px: use at most {side - 1}.")
    if config.cutout > size:
        raise BadRecipe(f"augment.cutout = {config.cutout} is larger than the picture of {size} px: use at most {size}.")
    padding = 2 * config.crop_padding if config.crop else 0
    _check_crop(height + padding, width + padding, size)


def _check_crop(height: int, width: int, size: int) -> None:
    if not 1 <= size <= min(height, width):
        raise BadRecipe(f"image_size = {size} does not fit in pictures of {width}x{height} px: use 1 to {min(height, width)}.")
