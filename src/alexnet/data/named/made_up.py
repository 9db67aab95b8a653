"""Two made-up data sets in which it is known what makes the class: `hues` (the colour and nothing else) and `shapes` (all but the colour).

A control for claims about augmentation: random colours must harm where hue is the class, and not matter where it is not. Every image is one
filled figure of 32 x 32 pixels, of a random size, place and rotation, on a gray ground with noise; the same numbers on every machine.
"""

import colorsys

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.array_dataset import ArrayDataset, Parts
from alexnet.data.dataset import Traits

SIDE = 32  # px
TRAIN, TEST = 1_200, 1_200  # images
APART = 12.0  # degrees of hue between neighbouring classes
HUES = ("hue1", "hue2", "hue3", "hue4", "hue5", "hue6")
CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "disc": 40}
NOISE = 12.0  # standard deviation of a pixel's value, of 255


def hues() -> ArrayDataset:
    """Six hues, 12 degrees apart, of figures whose shape says nothing: recolouring an image changes its class."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(TRAIN + TEST) % len(HUES))
    corners = rng.choice(list(CORNERS.values()), len(labels))
    return _made("hues", HUES, labels, APART * labels, corners, rng, Traits(flip=True, colour=False))


def shapes() -> ArrayDataset:
    """Triangles, squares, pentagons and discs of any hue: recolouring an image leaves its class."""
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.arange(TRAIN + TEST) % len(CORNERS))
    corners = np.array(list(CORNERS.values()))[labels]
    return _made("shapes", tuple(CORNERS), labels, rng.uniform(0, 360, len(labels)), corners, rng, Traits(flip=True, colour=True))


def _made(
    name: str,
    classes: tuple[str, ...],
    labels: NDArray[np.int64],
    degrees: NDArray[np.float64],
    corners: NDArray[np.int64],
    rng: np.random.Generator,
    traits: Traits,
) -> ArrayDataset:
    """The data set of those figures: the first TRAIN images to train on, the others to test."""
    images = np.stack([_image(hue, sides, rng) for hue, sides in zip(degrees, corners, strict=True)])
    pixels, classes_of = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels).long()
    parts: Parts = [("train", pixels[:TRAIN], classes_of[:TRAIN]), ("test", pixels[TRAIN:], classes_of[TRAIN:])]
    return ArrayDataset(name, classes, parts, traits)


def _image(degrees: float, corners: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (SIDE, SIDE, 3): one regular figure of that hue."""
    radius, turn = rng.uniform(6, 12), rng.uniform(0, 2 * np.pi)
    across, down = rng.uniform(radius, SIDE - radius, 2)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    angle = (np.arctan2(rows - down, columns - across) - turn) % (2 * np.pi / corners) - np.pi / corners
    inside = np.hypot(rows - down, columns - across) * np.cos(angle) <= radius * np.cos(np.pi / corners)
    colour = 255 * np.array(colorsys.hsv_to_rgb(degrees % 360 / 360, 0.6, rng.uniform(0.6, 0.9)))
    image = np.where(inside[..., None], colour, rng.uniform(60, 180)) + rng.normal(0, NOISE, (SIDE, SIDE, 3))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
