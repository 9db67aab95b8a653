"""How an image becomes a model's input. The means and spreads are measured on the training images and saved with the model."""

from dataclasses import dataclass
from typing import Literal, get_args

from alexnet.errors import BadRecipe
from alexnet.storage.records import shown

Fit = Literal["crop", "squash"]
PixelRange = Literal["0-255", "0-1", "unit-variance", "-1-1", "imagenet", "half", "clip", "dpn"]
FIXED: dict[PixelRange, tuple[tuple[float, ...], tuple[float, ...]]] = {  # mean and spread that do not depend on the images
    "0-1": ((0.0,) * 3, (255.0,) * 3),
    "-1-1": ((127.0,) * 3, (128.0,) * 3),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "half": ((127.5,) * 3, (127.5,) * 3),
    "clip": ((122.771, 116.746, 104.094), (68.501, 66.632, 70.323)),
    "dpn": ((124.0, 117.0, 104.0), (59.88,) * 3),
}
LARGEST_SIDE = 8_192  # px: such an image has 201 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessConfig:
    """The part of a recipe that defines how images are resized and normalised for the model."""

    image_size: int = 224  # px per side, the model's input
    stored_size: int = 256  # px per side of the squares that crops are taken from (paper section 2)
    fit: Fit = "crop"  # short side to stored_size, then the centre square; "squash": resize to a square, aspect ratio lost
    channels: int = 3  # 1: gray
    # minus the training mean; "unit-variance": also divided by the spread; "0-1": only pixels / 255; of networks that others have trained,
    # "-1-1": minus 127, divided by 128; "imagenet": minus the mean of ImageNet, divided by its spread; "half", "clip" and "dpn": as other
    # libraries have them
    pixel_range: PixelRange = "0-255"

    def __post_init__(self) -> None:
        for name in ("image_size", "stored_size"):
            if getattr(self, name) > LARGEST_SIDE:
                raise BadRecipe(f"preprocess.{name} is {getattr(self, name)}; it is a side in pixels, at most {LARGEST_SIDE:,}.")
        if self.stored_size < self.image_size:
            raise BadRecipe(
                f"preprocess.stored_size is {self.stored_size}, below preprocess.image_size {self.image_size}; "
                "crops are taken from the stored squares, which must be at least as large."
            )
        if self.channels not in (1, 3):
            raise BadRecipe(f"preprocess.channels is {self.channels}; it can be 1 (gray) or 3 (RGB).")
        for name, kind in (("fit", Fit), ("pixel_range", PixelRange)):
            if getattr(self, name) not in get_args(kind):
                raise BadRecipe(f"preprocess.{name} is {shown(getattr(self, name))}; it can be {', '.join(map(repr, get_args(kind)))}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocess:
    """The preprocessing that prediction must repeat: sizes, fit, and the mean and spread of the training pixels (0-255)."""

    image_size: int
    stored_size: int
    fit: Fit
    mean: tuple[float, ...]  # one number per channel
    std: tuple[float, ...]
