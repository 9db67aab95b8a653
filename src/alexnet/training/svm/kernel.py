"""Exact kernel machines: libsvm on a kernel matrix that is computed once for all values of C. Independent of validation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.svm import SVC
from torch import Tensor

from alexnet.data.balance import class_weights
from alexnet.errors import BadDataset
from alexnet.i18n.units import data_size
from alexnet.models.handcrafted.kernels import kernel_matrix
from alexnet.models.handcrafted.svm import KernelMachine
from alexnet.runtime.machine import available_bytes
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.rows import FeatureSet

ROWS_AT_A_TIME = 1_024
VALUES_AT_A_TIME = 8_000_000  # of the matrix, while kernels and margins are computed
MOST_IMAGES = 50_000  # libsvm needs hours for more
CACHE_SHARE = 0.125  # of the matrix's bytes, for libsvm's own copies of its columns
CACHE_BYTES = 500_000_000  # at most
MARGIN_BYTES = 40  # for each image and pair of classes: margins and coefficients, with copies while objectives are summed
VECTOR_BYTES = 16  # for each value of a feature vector: all vectors, and the support vectors of the current, best and next machine
WORKING_BYTES = 200_000_000  # slices of kernels and margins, and the working memory of NumPy and libsvm: up to 170 MB were measured


@dataclass(frozen=True, slots=True)
class KernelFit:
    """A machine for one C; primal and dual are sums over the pairs of classes."""

    strength: float
    machine: KernelMachine
    primal: float
    dual: float
    training_scores: Tensor

    @property
    def relative_gap(self) -> float:
        """(primal - dual) / primal: a bound on how far from the optimum libsvm stopped."""
        return max(0.0, self.primal - self.dual) / self.primal


def cache_bytes(n: int) -> float:
    """Size of libsvm's cache for n images."""
    return min(CACHE_BYTES, CACHE_SHARE * 8 * n * n)


def peak_bytes(n: int, *, classes: int = 2, inputs: int = 0) -> float:
    """The peak memory for fitting an exact kernel machine to n images, besides their features; measured in tests/training/svm.

    classes: number of classes; each pair of them has a machine. inputs: feature dimensions, 0 if not known yet.
    """
    pairs = classes * (classes - 1) // 2
    return 8 * n * n + cache_bytes(n) + MARGIN_BYTES * n * pairs + VECTOR_BYTES * n * inputs + WORKING_BYTES


def check_kernel_size(n: int, config: SolverConfig, *, classes: int = 2, inputs: int = 0) -> None:
    """Raise BadDataset if the configuration requires an exact kernel machine and n training images are too many; see `peak_bytes`."""
    if config.map != "exact":
        return
    needed, free = peak_bytes(n, classes=classes, inputs=inputs), available_bytes()
    matrix = data_size(8 * n * n, tenths=True)
    instead = "Use --solver.map explicit, or --model fisher-svm, whose linear machine has no such limit."
    if needed > free:
        raise BadDataset(
            f"An exact kernel machine on {n:,} training pictures needs {data_size(needed, tenths=True)} of memory ({matrix} of it for its "
            f"kernel matrix), and {data_size(free, tenths=True)} are free. {instead}"
        )
    if n > MOST_IMAGES:
        raise BadDataset(
            f"An exact kernel machine on {n:,} training pictures would take hours (its kernel matrix has {matrix}); "
            f"the limit is {MOST_IMAGES:,}. {instead}"
        )


class KernelProblem:
    """Training images with their kernel matrix, float64 (n, n), to be solved for any number of values of C."""

    def __init__(  # the images (1), the kernel (2), where (1), what images of each class count (1)
        self, training: FeatureSet, *, classes: int, kernel: str, gamma: float, device: torch.device, balanced: bool = False
    ) -> None:
        self.classes, self.kernel, self.gamma = classes, kernel, gamma
        self.seen, self.owners = np.unique(training.labels, return_inverse=True)
        self.costs = class_weights(self.owners, len(self.seen)) if balanced else np.ones(len(self.seen))  # of an image's loss, by class
        if len(self.seen) < 2:
            raise BadDataset("The training pictures are all of one class; a kernel machine needs two.")
        self.vectors = torch.from_numpy(np.array(training.vectors, dtype=np.float32)).to(device)
        n = len(self.vectors)
        self.matrix = np.empty((n, n))
        for rows in slices(n, min(ROWS_AT_A_TIME, 2 * VALUES_AT_A_TIME // n)):
            self.matrix[rows] = kernel_matrix(kernel, self.vectors[rows], self.vectors, gamma).cpu().numpy()

    def solve(self, strength: float) -> KernelFit:
        """The machine for this C, which holds only its support vectors."""
        costs = dict(enumerate(self.costs.tolist()))
        svc = SVC(C=strength, kernel="precomputed", class_weight=costs, cache_size=cache_bytes(len(self.owners)) / (1 << 20))
        svc.fit(self.matrix, self.owners)
        coefficients, intercepts = pair_coefficients(svc, self.owners)
        margins = self.margins(svc.support_, coefficients)
        margins += intercepts
        primal, dual = pair_objectives(margins, self.owners, svc.support_, coefficients, intercepts, strength * self.costs)
        tensors = (
            torch.from_numpy(coefficients).float(),
            torch.from_numpy(intercepts).float(),
            torch.from_numpy(self.seen),
            torch.ones(()),
        )
        support = self.vectors[torch.from_numpy(svc.support_.astype(np.int64))]
        machine = KernelMachine(support, *tensors, kernel=self.kernel, gamma=self.gamma, classes=self.classes).to(support.device)
        scores = machine.votes(torch.from_numpy(margins).float().to(support.device))
        return KernelFit(strength, machine, primal, dual, scores)

    def margins(self, support: NDArray[np.int32], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64 (n, pairs), without the intercepts. In slices, because the columns of all support vectors would be a second matrix."""
        n = len(self.owners)
        margins = np.empty((n, coefficients.shape[1]))
        for rows in slices(n, VALUES_AT_A_TIME // n):
            np.matmul(self.matrix[rows][:, support], coefficients, out=margins[rows])
        return margins


def slices(n: int, length: int) -> Iterator[slice]:
    """The range 0 to n in slices of `length`, at least 1."""
    length = max(1, length)
    return (slice(start, min(start + length, n)) for start in range(0, n, length))


def pair_coefficients(svc: SVC, owners: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S, pairs) and (pairs,): libsvm's packed dual variables, unpacked so that margins = kernel @ coefficients + intercepts.

    Row k of `dual_coef_` holds a support vector's variable against the k-th of the *other* classes. Margins are above 0 for the first class
    of a pair; with a single pair, scikit-learn reverses the signs.
    """
    seen = len(svc.classes_)
    turn = -1.0 if seen == 2 else 1.0
    mine, packed = owners[svc.support_], np.asarray(svc.dual_coef_)
    coefficients = np.zeros((len(mine), seen * (seen - 1) // 2))
    for pair, (first, second) in enumerate(zip(*np.triu_indices(seen, 1), strict=True)):
        coefficients[mine == first, pair] = packed[second - 1, mine == first]
        coefficients[mine == second, pair] = packed[first, mine == second]
    return turn * coefficients, turn * np.asarray(svc.intercept_)


def pair_objectives(
    margins: NDArray[np.float64],
    owners: NDArray[np.int64],
    support: NDArray[np.int32],
    coefficients: NDArray[np.float64],
    intercepts: NDArray[np.float64],
    strengths: NDArray[np.float64],
) -> tuple[float, float]:
    """Primal and dual objective, summed over the pairs: each pair is a machine of its own, |w|^2 / 2 + sum C_c hinge, on its two classes.

    strengths: C of the images of each class.
    """
    energy = (coefficients * (margins[support] - intercepts)).sum() / 2
    loss = 0.0
    for pair, (first, second) in enumerate(zip(*np.triu_indices(int(owners.max()) + 1, 1), strict=True)):
        own, other = np.maximum(0, 1 - margins[owners == first, pair]).sum(), np.maximum(0, 1 + margins[owners == second, pair]).sum()
        loss += float(strengths[first] * own + strengths[second] * other)
    return float(energy + loss), float(np.abs(coefficients).sum() - energy)
