"""Which labels may be wrong: the model is confident of another class, and the neighbours are of another class.

A model that has learned a wrong label by heart is confident of it, so its own answer says little about its training images. Here every
image is judged without its own label: by its neighbours, and by a ridge regression on the last hidden layer whose answer for each image,
fitted on all the others, has a closed form (the diagonal of the hat matrix). Independent of where the hidden layers come from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

NEIGHBOURS = 10
RIDGE = 0.1  # times the mean variance of a direction
MOST_DIMENSIONS = 512  # of the rows, after a projection on their principal directions


@dataclass(frozen=True, slots=True)
class Suspicion:
    """For each image: score (higher is more suspect, from -2 to 2), the class that speaks loudest against its label, and how sure it is.

    agreement: share of the neighbours with the label. confidence: of `other`, 0..1, by the regression without the image.
    """

    score: NDArray[np.float64]
    other: NDArray[np.int64]
    agreement: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def suspect(self) -> NDArray[np.bool_]:
        """Images of which both say that the label is wrong: no more than a tenth of the neighbours have it, and another class leads."""
        return np.asarray((self.agreement <= 0.1) & (self.score > 1), dtype=bool)


def suspicion(rows: NDArray[np.float32], labels: NDArray[np.int64], neighbours: NDArray[np.int64], classes: int) -> Suspicion:
    """rows: hidden layers (n, D) of unit length; neighbours: (n, k), each image's neighbours without itself."""
    votes = np.stack([(labels[neighbours] == number).mean(1) for number in range(classes)], axis=1)
    answers = leave_one_out(rows, labels, classes)
    together, own = votes + answers, np.arange(len(labels))
    against = together.copy()
    against[own, labels] = -np.inf
    other = against.argmax(1)
    score = against[own, other] - together[own, labels]
    return Suspicion(score, other.astype(np.int64), votes[own, labels], np.clip(answers[own, other], 0, 1))


def leave_one_out(rows: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Ridge regression on the classes: for each image, the answer of the fit to all other images (n, classes), about 0..1.

    With the hat matrix H = X (X'X + a I)^-1 X', the answer without image i is (h_i - H_ii y_i) / (1 - H_ii), h = H y (Allen's PRESS).
    """
    centred = rows.astype(np.float64)
    centred -= rows.mean(0)  # in place: a second copy would be as large as the rows twice over
    left, variances = _principal(centred)
    shrink = variances / (variances + RIDGE * variances.mean() + 1e-12)
    targets = np.eye(classes)[labels]
    mean = targets.mean(0)
    whole = mean + (left * shrink) @ (left.T @ (targets - mean))
    leverage = np.minimum(((left**2) * shrink).sum(1) + 1 / len(rows), 1 - 1e-6)[:, None]
    return np.asarray((whole - leverage * targets) / (1 - leverage))


def _principal(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Left singular vectors (n, K) of rows (n, D) and their squared singular values (K,), largest first.

    They come from the smaller of the two products. Only the vectors that are used are computed, in the memory of the product.
    """
    by_rows = centred.shape[1] > len(centred)
    product = centred @ centred.T if by_rows else centred.T @ centred
    used = (max(0, len(product) - MOST_DIMENSIONS), len(product) - 1)
    values, vectors = eigh(product.T, subset_by_index=used, overwrite_a=True, check_finite=False)  # symmetric; .T is in LAPACK's order
    if not by_rows:
        vectors = centred @ vectors / np.sqrt(np.maximum(values, 1e-12))
    kept = np.flatnonzero(values > 1e-10 * max(values.max(), 1e-12))[::-1]
    return vectors[:, kept], values[kept]
