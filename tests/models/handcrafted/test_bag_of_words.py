"""Bags of words: nearest words against scipy's distances, and two ways to the same histogram."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_sample_images
from torch import Tensor

from alexnet.models.handcrafted.bag_of_words import DenseWords, ScatteredWords, VisualWords
from alexnet.models.handcrafted.sift import DenseSIFT
from alexnet.models.handcrafted.spatial_pyramid import Cells

SIZE, WORDS = 64, 40
SIFT = DenseSIFT(SIZE, bin_size=4, step=4, root=False)
PYRAMID = ((1, 1), (2, 2), (3, 1))
CELLS = sum(columns * rows for columns, rows in PYRAMID)


def descriptors_of_photos() -> Tensor:
    photos = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]
    found: Tensor = SIFT(torch.stack([photo[:, top : top + SIZE, top : top + SIZE] for photo in photos for top in (20, 100, 250)]))
    return found


DESCRIPTORS = descriptors_of_photos()
VOCABULARY = DESCRIPTORS.flatten(0, 1)[torch.randperm(6 * 169, generator=torch.Generator().manual_seed(1))[:WORDS]]


def scattered(descriptors: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """The same descriptors as if they had been found at interest points."""
    count, positions = descriptors.shape[:2]
    images = torch.arange(count).repeat_interleave(positions)
    return descriptors.flatten(0, 1), images, SIFT.centres.repeat(count, 1), count


def test_the_nearest_word_is_the_one_at_the_least_distance() -> None:
    distances = cdist(DESCRIPTORS.flatten(0, 1).double().numpy(), VOCABULARY.double().numpy())
    nearest = VisualWords(VOCABULARY).double().nearest(DESCRIPTORS.double()).flatten().numpy()
    np.testing.assert_array_equal(nearest, distances.argmin(1))


def test_single_precision_chooses_a_word_as_near() -> None:
    distances = cdist(DESCRIPTORS.flatten(0, 1).double().numpy(), VOCABULARY.double().numpy())
    nearest = VisualWords(VOCABULARY).nearest(DESCRIPTORS).flatten().numpy()
    np.testing.assert_allclose(distances[np.arange(len(nearest)), nearest] ** 2, distances.min(1) ** 2, rtol=0, atol=1e-5)


def test_a_histogram_counts_shares_cell_by_cell() -> None:
    found = DenseWords(VOCABULARY, Cells(SIFT.centres, PYRAMID))(DESCRIPTORS).view(6, CELLS, WORDS)
    nearest = cdist(DESCRIPTORS.flatten(0, 1).numpy(), VOCABULARY.numpy()).argmin(1).reshape(6, -1)
    x, y = SIFT.centres.numpy().T
    quarter = (x >= 0.5) & (y < 0.5)  # the second of the second level
    for image in range(6):
        whole = np.bincount(nearest[image], minlength=WORDS) / nearest.shape[1]
        part = np.bincount(nearest[image, quarter], minlength=WORDS) / quarter.sum()
        np.testing.assert_allclose(found[image, 0], whole, atol=1e-6)
        np.testing.assert_allclose(found[image, 2], part, atol=1e-6)
    torch.testing.assert_close(found.sum(2), torch.ones(6, CELLS))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_scattered_words_of_dense_descriptors_are_dense_words(kind: torch.dtype) -> None:
    dense, loose = DenseWords(VOCABULARY, Cells(SIFT.centres, PYRAMID)).to(kind), ScatteredWords(VOCABULARY, PYRAMID).to(kind)
    expected = dense(DESCRIPTORS.to(kind))
    assert dense.dimensions == loose.dimensions == expected.shape[1] == CELLS * WORDS
    found = loose(*scattered(DESCRIPTORS))  # interest points are float32 whatever the words are
    assert found.dtype == expected.dtype == kind
    torch.testing.assert_close(found, expected)


def test_images_without_interest_points_give_zeros_and_leave_the_others_alone() -> None:
    loose = ScatteredWords(VOCABULARY, PYRAMID)
    descriptors, images, centres, count = scattered(DESCRIPTORS)
    kept = (images == 1) | (images == 4)
    found = loose(descriptors[kept], images[kept], centres[kept], count + 1)
    assert found.shape == (count + 1, CELLS * WORDS)
    torch.testing.assert_close(found[[1, 4]], loose(descriptors, images, centres, count)[[1, 4]])
    assert (found[[0, 2, 3, 5, 6]] == 0).all()


def test_no_descriptors_at_all() -> None:
    nothing = ScatteredWords(VOCABULARY, PYRAMID)(torch.empty(0, 128), torch.empty(0, dtype=torch.int64), torch.empty(0, 2), 3)
    assert torch.equal(nothing, torch.zeros(3, CELLS * WORDS))


def test_a_cell_without_descriptors_gives_zeros() -> None:
    one = DenseWords(VOCABULARY, Cells(torch.tensor([[0.2, 0.9]]), ((2, 2),)))
    assert one(DESCRIPTORS[:, :1]).view(6, 4, WORDS).sum(2).tolist() == [[0, 0, 1, 0]] * 6


def test_points_on_the_image_edge_belong_to_the_last_cells() -> None:
    corner = ScatteredWords(VOCABULARY, ((2, 2),))(VOCABULARY[:1], torch.zeros(1, dtype=torch.int64), torch.ones(1, 2), 1)
    assert corner.view(4, WORDS).nonzero().tolist() == [[3, 0]]


def test_what_words_cost() -> None:
    assert DenseWords(VOCABULARY, Cells(SIFT.centres, PYRAMID)).macs == len(SIFT.centres) * WORDS * 128
    assert ScatteredWords(VOCABULARY, PYRAMID).macs == WORDS * 128
