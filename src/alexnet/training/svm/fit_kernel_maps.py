"""Fits explicit feature maps and kernel widths to training vectors. Independent of labels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.models.handcrafted.kernel_maps import Chi2Map, NystroemMap
from alexnet.models.handcrafted.kernels import chi2_distances, kernel_matrix
from alexnet.training.svm.config import SolverConfig

WIDTH_ROWS, DISTANCE_ROWS = 10_000, 500  # images that gamma is estimated from: their values, or all their distances
SMALLEST_EIGENVALUE = 1e-6  # of the largest: smaller ones would amplify the rounding of single precision


def kernel_width(kernel: str, vectors: NDArray[np.float16], config: SolverConfig, seed: int) -> float:
    """`config.gamma` if set; else 1 / (D variance) for rbf, 1 / mean distance for chi2; 1 for a kernel without gamma."""
    if config.gamma:
        return config.gamma
    if kernel == "rbf":
        spread = _sample(vectors, WIDTH_ROWS, seed).double().var(correction=0).item()
        return 1.0 / float(max(vectors.shape[1] * spread, 1e-12))
    if kernel == "chi2":
        rows = _sample(vectors, DISTANCE_ROWS, seed)
        return 1.0 / max(float(chi2_distances(rows, rows).mean()), 1e-12)
    return 1.0


def explicit_map(
    kernel: str, vectors: NDArray[np.float16], gamma: float, config: SolverConfig, seed: int, device: torch.device
) -> Chi2Map | NystroemMap | None:
    """The map whose scalar products approximate the kernel; None for the linear kernel."""
    if kernel == "linear":
        return None
    if kernel == "chi2":
        return Chi2Map()
    return nystroem(_sample(vectors, config.components, seed).to(device), kernel, gamma)


def nystroem(components: Tensor, kernel: str, gamma: float) -> NystroemMap:
    """The map that reproduces the kernel between `components` (M, D) exactly, except in directions of negligible eigenvalue."""
    exact = components.double()
    values, vectors = torch.linalg.eigh(kernel_matrix(kernel, exact, exact, gamma))
    kept = values > SMALLEST_EIGENVALUE * values[-1]
    vectors = vectors[:, kept]
    normalisation = (vectors / values[kept].sqrt()) @ vectors.t()
    return NystroemMap(components.float(), normalisation.float(), kernel=kernel, gamma=gamma)


def _sample(vectors: NDArray[np.float16], rows: int, seed: int) -> Tensor:
    chosen = np.random.default_rng(seed).choice(len(vectors), min(rows, len(vectors)), replace=False)
    return torch.from_numpy(np.array(vectors[np.sort(chosen)], dtype=np.float32))
