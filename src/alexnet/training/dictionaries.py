"""What a hand-crafted system learns without labels: principal axes, Gaussians, visual words. scikit-learn fits them on a sample.

Callers must pass descriptors of training images only (trap 14): this module cannot tell which images they come from.
"""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor

from alexnet.models.handcrafted.systems import FeatureConfig

Descriptors = NDArray[np.float32]

PASSES = 25  # of expectation and maximisation: the likelihood gains little after that
LEAST_VARIANCE = 1e-5  # of a component, so that a Gaussian fitted to equal descriptors does not degenerate
FEWEST_PER_GAUSSIAN = 4  # descriptors; with fewer of them, fewer Gaussians are fitted


def wanted_descriptors(config: FeatureConfig) -> int:
    """The largest number of descriptors that a configuration's dictionaries are fitted on."""
    return config.sample_per_word * (config.words if config.encoding == "words" else config.gaussians)


def sampled(batches: Iterable[Descriptors], most: int, share: float, seed: int) -> Descriptors:
    """A seeded sample (n, d) of at most `most` descriptors, taking a `share` (0 to 1) of each batch."""
    chance = np.random.default_rng(seed)
    parts = []
    for batch in batches:
        take = min(len(batch), max(1, round(share * len(batch))))
        parts.append(batch[np.sort(chance.permutation(len(batch))[:take])])
    whole = np.concatenate(parts)
    return whole if len(whole) <= most else whole[np.sort(chance.permutation(len(whole))[:most])]


def fit_gaussians(sample: Descriptors, config: FeatureConfig, seed: int) -> dict[str, Tensor]:
    """PCA and then a diagonal Gaussian mixture of descriptors (n, d): the tensors that a `FisherVector` needs.

    A small sample yields fewer components or Gaussians than configured.
    """
    sample = sample if len(sample) > 1 else np.repeat(sample, 2, axis=0)  # scikit-learn needs two
    components = min(config.components, sample.shape[1], len(sample))
    with np.errstate(invalid="ignore"):  # equal descriptors have no variance to explain; those ratios are not used
        axes = PCA(components, svd_solver="covariance_eigh" if len(sample) > components else "auto").fit(sample)
    gaussians = max(1, min(config.gaussians, len(sample) // FEWEST_PER_GAUSSIAN))
    mixture = GaussianMixture(
        gaussians, covariance_type="diag", max_iter=PASSES, init_params="k-means++", reg_covar=LEAST_VARIANCE, random_state=seed
    )
    with (
        warnings.catch_warnings(),
        threadpool_limits(1),
    ):  # its many small products gain nothing from threads, and lose much when other work runs
        warnings.simplefilter("ignore", ConvergenceWarning)  # PASSES stops it early on purpose
        mixture.fit(axes.transform(sample))
    found = {
        "projection": axes.components_.T,
        "offset": axes.components_ @ axes.mean_,
        "weights": mixture.weights_,
        "means": mixture.means_,
        "variances": mixture.covariances_,
    }
    return {name: torch.tensor(np.ascontiguousarray(value), dtype=torch.float32) for name, value in found.items()}


def fit_words(sample: Descriptors, config: FeatureConfig, seed: int) -> dict[str, Tensor]:
    """K-means of descriptors (n, d): the vocabulary of a bag of words. A small sample yields fewer words than configured."""
    words = min(config.words, len(sample))
    means = MiniBatchKMeans(words, batch_size=max(1024, 2 * words), n_init=1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct descriptors than words
        means.fit(sample)
    return {"vocabulary": torch.tensor(means.cluster_centers_, dtype=torch.float32)}


def fit_dictionary(sample: Descriptors, config: FeatureConfig, seed: int) -> dict[str, Tensor]:
    """The dictionary that the configuration's encoding needs."""
    return fit_words(sample, config, seed) if config.encoding == "words" else fit_gaussians(sample, config, seed)


def sample_indices(indices: Sequence[int], most: int, seed: int) -> list[int]:
    """A seeded choice of at most `most` of the indices, in their order."""
    order = np.random.default_rng(seed).permutation(len(indices))[:most]
    return [indices[place] for place in np.sort(order)]
