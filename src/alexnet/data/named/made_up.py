"""Two made-up data sets in which it is known what makes the class: `hues` (the colour and nothing else) and `shapes` (all but the colour).

A control for claims about augmentation: random colours must harm where hue is the class, and not matter where it is not. Both have the same
images, under two names each: a figure of one of four shapes, in one of four hues between violet and pink, those of stained cells. Figure
and ground have the same hue and differ in luminance only, so that nothing in an image tells which hue it had before it was recoloured: an
earlier version had gray grounds, whose tint gave that away, and hues from red to yellow, which differ in green alone, that a colour
temperature does not touch. The same numbers on every machine.
"""

import colorsys
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.array_dataset import ArrayDataset, Parts
from alexnet.data.dataset import Traits

VERSION = "2"  # of the images
SIDE = 32  # px
TRAIN, TEST = 1_200, 4_800  # images
HUES = ("violet", "purple", "magenta", "pink")
CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "circle": 40}
FIRST_HUE, APART, SPREAD = 277.5, 15.0, 6.0  # degrees: of the first class on average, between classes, standard deviation within one
SATURATION = (0.15, 0.35)  # of a stain: with so little, a small change of red or blue is a large one of hue
LUMINANCE = (0.35, 0.65)  # of the ground
BRIGHTEST = 0.75  # of a figure: all colours stay below white, also where an augmentation makes them 1.3 times as bright
CONTRAST = (1.2, 1.5)  # of a figure to its ground, or the other way round
TEXTURE = 0.05  # standard deviation of a pixel's luminance, as a share
NOISE = (3.0, 12.0)  # standard deviation of the values of a channel, of 255; of each image and channel its own


def hues() -> ArrayDataset:
    """Four hues of figures whose shape says nothing: recolouring an image changes its class."""
    images, tints, _ = _made()
    return _data_set("hues", HUES, images, tints, Traits(flip=True, colour=False))


def shapes() -> ArrayDataset:
    """The same images as triangles, squares, pentagons and circles, whose hue says nothing: recolouring an image leaves its class."""
    images, _, figures = _made()
    return _data_set("shapes", tuple(CORNERS), images, figures, Traits(flip=True, colour=True))


def _data_set(name: str, classes: tuple[str, ...], images: NDArray[np.uint8], labels: NDArray[np.int64], traits: Traits) -> ArrayDataset:
    """The data set of those images: the first TRAIN to train on, the others to test."""
    pixels, classes_of = torch.from_numpy(images), torch.from_numpy(labels)
    parts: Parts = [("train", pixels[:TRAIN], classes_of[:TRAIN]), ("test", pixels[TRAIN:], classes_of[TRAIN:])]
    return ArrayDataset(name, classes, parts, traits, version=VERSION)


@cache
def _made() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The images, uint8 (N, 3, SIDE, SIDE), their hues and their figures: each pair of a hue and a figure equally often."""
    rng = np.random.default_rng(int(VERSION))
    tints, figures = np.divmod(rng.permutation(np.arange(TRAIN + TEST) % (len(HUES) * len(CORNERS))), len(CORNERS))
    colours = _colours(tints, rng)
    luminance = _luminance(np.array(list(CORNERS.values()))[figures], rng)
    noise = rng.uniform(*NOISE, (len(tints), 3, 1, 1)) * rng.standard_normal((len(tints), 3, SIDE, SIDE))
    images = 255 * colours[:, :, None, None] * luminance[:, None] + noise
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), tints, figures


def _colours(tints: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour of each class at full luminance, (N, 3) in 0 to 1: hue and saturation vary within a class, as from stain to stain."""
    degrees = FIRST_HUE + APART * tints + SPREAD * rng.standard_normal(len(tints))
    saturations = rng.uniform(*SATURATION, len(tints))
    return np.array([colorsys.hsv_to_rgb(hue / 360, saturation, 1.0) for hue, saturation in zip(degrees, saturations, strict=True)])


def _luminance(corners: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Of each pixel, (N, SIDE, SIDE): a regular figure of random size, place and rotation, brighter or darker than its ground."""
    count = len(corners)
    radius, turn, across, down, ground, contrast = (
        draws[:, None, None]
        for draws in (
            rng.uniform(6, 12, count),
            rng.uniform(0, 2 * np.pi, count),
            rng.random(count),
            rng.random(count),
            rng.uniform(*LUMINANCE, count),
            rng.uniform(*CONTRAST, count) ** rng.choice([-1, 1], count),
        )
    )
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    down, across = rows - radius - down * (SIDE - 2 * radius), columns - radius - across * (SIDE - 2 * radius)
    sector = 2 * np.pi / corners[:, None, None]
    angle = (np.arctan2(down, across) - turn) % sector - sector / 2
    inside = np.hypot(down, across) * np.cos(angle) <= radius * np.cos(sector / 2)
    texture = 1 + TEXTURE * rng.standard_normal((count, SIDE, SIDE))
    return np.minimum(np.where(inside, ground * contrast, ground), BRIGHTEST) * texture
