"""The made-up data sets: the same images under two names, a hue that a colour decides and nothing else, no trace of a recolouring."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from alexnet.data.array_dataset import ArrayDataset, Parts
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.augment import AugmentConfig, augment
from alexnet.data.pipeline.colour_statistics import colour_pca


@pytest.fixture(scope="module")
def both() -> tuple[ArrayDataset, ArrayDataset]:
    """`hues` and `shapes`."""
    hues, shapes = open_dataset("hues"), open_dataset("shapes")
    assert isinstance(hues, ArrayDataset)
    assert isinstance(shapes, ArrayDataset)
    return hues, shapes


def test_the_same_images_have_two_names_each_pair_of_them_equally_often(both: tuple[ArrayDataset, ArrayDataset]) -> None:
    hues, shapes = both
    assert torch.equal(hues.pixels, shapes.pixels)
    assert len({image.numpy().tobytes() for image in hues.pixels}) == len(hues.items)
    pairs = np.zeros((4, 4), int)
    np.add.at(pairs, (hues.labels, shapes.labels), 1)
    assert (pairs == len(hues.items) // 16).all()
    assert (hues.traits.colour, shapes.traits.colour) == (False, True)


def recoloured(dataset: ArrayDataset) -> ArrayDataset:
    """The data set with each image recoloured as the study's arm with colours does."""
    pca = colour_pca([dataset.pixels])
    colours = AugmentConfig(crop=False, flip=False, brightness=0.2, colour_temperature=0.1, pca_noise=0.1)
    changed = augment(dataset.pixels, 32, colours, pca, seed=0, epoch=0, indices=torch.arange(len(dataset.pixels)))
    parts: Parts = [(None, changed, torch.from_numpy(dataset.labels))]
    return ArrayDataset("recoloured", dataset.classes, parts, dataset.traits)


def colours_of(dataset: ArrayDataset) -> NDArray[np.float32]:
    """The mean colour of each image, (N, 3)."""
    return dataset.pixels.float().mean((2, 3)).numpy()


def traces_of(dataset: ArrayDataset) -> NDArray[np.float32]:
    """What else could tell how an image was recoloured: noise and extremes of each channel, the colour of a corner."""
    pixels = dataset.pixels.float()
    return torch.cat([pixels.std((2, 3)), pixels.amax((2, 3)), pixels.amin((2, 3)), pixels[..., :4, :4].mean((2, 3))], dim=1).numpy()


def error(features: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The error of a kernel machine on the last 3,000 images, fitted to the first 1,500."""
    machine = make_pipeline(StandardScaler(), SVC(C=10)).fit(features[:1_500], labels[:1_500])
    return float(1 - machine.score(features[-3_000:], labels[-3_000:]))


def test_the_mean_colour_tells_a_hue_as_well_as_hues_allow_and_a_shape_not_at_all(both: tuple[ArrayDataset, ArrayDataset]) -> None:
    # four normal distributions 15 degrees apart with a standard deviation of 6: the two in the middle overlap on both sides
    hues, shapes = both
    assert error(colours_of(hues), hues.labels) == pytest.approx(0.158, abs=0.03)
    assert error(colours_of(shapes), shapes.labels) == pytest.approx(0.75, abs=0.03)


def test_a_recoloured_hue_is_lost_and_nothing_in_the_image_tells_how_it_was_recoloured(
    both: tuple[ArrayDataset, ArrayDataset],
) -> None:
    changed = recoloured(both[0])
    by_colour = error(colours_of(changed), changed.labels)
    assert by_colour > 0.4
    assert error(np.hstack([colours_of(changed), traces_of(changed)]), changed.labels) > by_colour - 0.03
