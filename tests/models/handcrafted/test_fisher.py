"""Fisher vectors against scikit-image's and against the gradient of the likelihood, on descriptors of photos."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from alexnet.models.handcrafted.fisher import FisherVector, improved
from alexnet.models.handcrafted.sift import DenseSIFT
from alexnet.models.handcrafted.spatial_pyramid import Cells

COMPONENTS, GAUSSIANS, SIZE = 12, 10, 72
SIFT = DenseSIFT(SIZE, bin_size=4, step=4)
PHOTOS = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]


def fitted_on_photos() -> tuple[Tensor, PCA, GaussianMixture]:
    """Descriptors (4, P, 128), float64, of four crops; axes and Gaussians fitted to them."""
    images = torch.stack([photo[:, top : top + SIZE, 3 * top : 3 * top + SIZE] for photo in PHOTOS for top in (20, 100)])
    descriptors = SIFT(images).double()
    axes = PCA(COMPONENTS, random_state=0).fit(descriptors.flatten(0, 1).numpy())
    mixture = GaussianMixture(GAUSSIANS, covariance_type="diag", max_iter=300, random_state=0)
    return descriptors, axes, mixture.fit(axes.transform(descriptors.flatten(0, 1).numpy()))


DESCRIPTORS, AXES, MIXTURE = fitted_on_photos()


def encoder(pyramid: list[tuple[int, int]], centres: Tensor = SIFT.centres) -> FisherVector:
    values = {
        "projection": AXES.components_.T,
        "offset": AXES.components_ @ AXES.mean_,
        "weights": MIXTURE.weights_,
        "means": MIXTURE.means_,
        "variances": MIXTURE.covariances_,
    }
    tensors = {name: torch.tensor(np.ascontiguousarray(value), dtype=torch.float64) for name, value in values.items()}
    return FisherVector(**tensors, cells=Cells(centres, pyramid)).double()


@pytest.mark.parametrize("asks_improved", [False, True])
def test_agrees_with_scikit_image(asks_improved: bool) -> None:
    fisher_vector = pytest.importorskip("skimage.feature").fisher_vector
    single, double = encoder([(1, 1)]).float()(DESCRIPTORS.float()).numpy(), encoder([(1, 1)])(DESCRIPTORS).numpy()
    for place, descriptors in enumerate(DESCRIPTORS.numpy()):
        whole: np.ndarray[Any, Any] = fisher_vector(AXES.transform(descriptors), MIXTURE, improved=asks_improved)
        by_mean, by_spread = np.split(whole[GAUSSIANS:], 2)  # its first numbers are by the mixture's weights, which ours leave out
        theirs = np.concatenate([by_mean, -by_spread])  # its gradients by variances have the other sign
        expected = theirs / np.linalg.norm(theirs) if asks_improved else improved(torch.tensor(theirs)).numpy()
        np.testing.assert_allclose(double[place], expected, rtol=0, atol=1e-6)
        np.testing.assert_allclose(single[place], expected, rtol=0, atol=3e-4)  # the root is steep at 0


def test_it_is_the_gradient_of_the_likelihood_by_means_and_spreads() -> None:
    fisher = encoder([(1, 1)])
    points = DESCRIPTORS[0] @ fisher.projection - fisher.offset
    means, spreads = fisher.means.clone().requires_grad_(), fisher.variances.sqrt().requires_grad_()
    gaussians = Independent(Normal(means, spreads), 1)
    MixtureSameFamily(Categorical(probs=fisher.weights), gaussians).log_prob(points).mean().backward()
    assert means.grad is not None
    assert spreads.grad is not None
    weights = fisher.weights[:, None].sqrt()
    by_mean = means.grad * spreads / weights  # the Fisher information, diagonal: 1 / variance and 2 / variance, times the weight
    by_spread = spreads.grad * spreads / (2**0.5 * weights)
    expected = improved(torch.cat([by_mean.flatten(), by_spread.flatten()])[None].detach())
    torch.testing.assert_close(fisher(DESCRIPTORS[:1]), expected, rtol=1e-7, atol=1e-9)


def test_a_small_move_of_a_mean_changes_the_likelihood_as_the_vector_says() -> None:
    fisher = encoder([(1, 1)])
    points = DESCRIPTORS[1] @ fisher.projection - fisher.offset

    def likelihood(means: Tensor) -> float:
        gaussians = Independent(Normal(means, fisher.variances.sqrt()), 1)
        return float(MixtureSameFamily(Categorical(probs=fisher.weights), gaussians).log_prob(points).mean())

    step, scale = 1e-5, (fisher.variances.sqrt() / fisher.weights[:, None].sqrt()).flatten()
    numeric = torch.zeros(GAUSSIANS * COMPONENTS, dtype=torch.float64)
    for place in range(len(numeric)):
        move = torch.zeros_like(numeric)
        move[place] = step
        ahead, behind = likelihood(fisher.means + move.view_as(fisher.means)), likelihood(fisher.means - move.view_as(fisher.means))
        numeric[place] = (ahead - behind) / (2 * step) * scale[place]
    by_mean = fisher(DESCRIPTORS[1:2])[0, : len(numeric)]
    squares = by_mean * by_mean.abs()  # up to one factor, since the whole vector has unit length
    torch.testing.assert_close(squares / squares.norm(), numeric / numeric.norm(), rtol=0, atol=1e-6)


def test_a_cell_is_the_vector_of_its_descriptors_alone() -> None:
    pyramid = [(1, 1), (2, 2), (1, 3)]
    fisher = encoder(pyramid)
    parts = fisher(DESCRIPTORS).chunk(8, dim=1)
    assert fisher.dimensions == sum(part.shape[1] for part in parts) == 8 * 2 * GAUSSIANS * COMPONENTS
    for part, places in zip(parts, fisher.cells.places(), strict=True):
        inside = DESCRIPTORS if places is None else DESCRIPTORS[:, places]
        alone = encoder([(1, 1)], centres=torch.full((inside.shape[1], 2), 0.5))(inside)
        torch.testing.assert_close(part, alone, rtol=0, atol=1e-10)
        torch.testing.assert_close(part.norm(dim=1), torch.ones(4).double())


def test_single_precision_is_enough() -> None:
    double = encoder([(1, 1), (2, 2)])(DESCRIPTORS)
    single = encoder([(1, 1), (2, 2)]).float()(DESCRIPTORS.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-3)


def test_cells_without_descriptors_and_descriptors_without_gradients_are_no_trouble() -> None:
    one = encoder([(1, 1), (2, 2)], centres=torch.tensor([[0.75, 0.25]]))  # one descriptor: three of four cells are empty
    parts = one(DESCRIPTORS[:, :1]).view(4, 5, -1)
    assert parts.isfinite().all()
    torch.testing.assert_close(parts.norm(dim=2), torch.tensor([[1.0, 0, 1, 0, 0]]).double().expand(4, -1))
    flat = encoder([(1, 1), (2, 2)])(torch.zeros_like(DESCRIPTORS))
    assert flat.isfinite().all()
    torch.testing.assert_close(flat.view(4, 5, -1).norm(dim=2), torch.ones(4, 5).double())


def test_descriptors_exactly_as_the_mixture_expects_want_no_move() -> None:
    mixture = {"weights": torch.ones(1), "means": torch.zeros(1, 3), "variances": torch.ones(1, 3)}
    cube = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)[None]  # mean 0, variance 1
    fisher = FisherVector(projection=torch.eye(3), offset=torch.zeros(3), **mixture, cells=Cells(torch.rand(8, 2), [(1, 1)]))
    assert torch.equal(fisher(cube), torch.zeros(1, 6))
    assert torch.equal(fisher(cube + 0.5).sign(), torch.ones(1, 6))  # means up, spreads up


def test_signs_stay_and_lengths_are_one_or_nothing() -> None:
    raw = torch.tensor([[4.0, -9.0, 0.0], [0.0, -0.0, 0.0], [1e-30, -1e-30, 0.0]])
    expected = torch.tensor([[2.0, -3.0, 0.0], [0.0, 0.0, 0.0], [0.5**0.5, -(0.5**0.5), 0.0]])
    expected[0] /= 13**0.5
    torch.testing.assert_close(improved(raw.clone()), expected)
    kept = raw.clone()
    improved(kept)
    assert torch.equal(kept, raw)


def test_its_costs_and_that_it_can_be_copied() -> None:
    fisher = encoder([(1, 1), (2, 2)])
    assert fisher.macs == len(SIFT.centres) * (COMPONENTS * 128 + 2 * GAUSSIANS * COMPONENTS * 3)
    torch.testing.assert_close(copy.deepcopy(fisher)(DESCRIPTORS), fisher(DESCRIPTORS))
