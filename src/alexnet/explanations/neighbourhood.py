"""Nearest images in the last hidden layer: exact, by scikit-learn or, above 100,000 images, by faiss. Independent of images and labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.errors import BadModel

MOST_FOR_SKLEARN = 100_000  # rows; above, an index without faiss takes too long


class NearestRows:
    """An index of rows float32 (n, D) of unit length."""

    def __init__(self, rows: NDArray[np.float32], *, library: str | None = None) -> None:
        self.library = library or ("sklearn" if len(rows) <= MOST_FOR_SKLEARN else "faiss")
        self.count = len(rows)
        self.index: Any = _sklearn(rows) if self.library == "sklearn" else _faiss(rows)

    def nearest(self, queries: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosine similarities and numbers of the `count` nearest rows of each query, nearest first: (m, count) each."""
        count = min(count, self.count)
        if self.library == "sklearn":
            distances, numbers = self.index.kneighbors(queries, count)
            return np.asarray(1 - distances**2 / 2, np.float32), np.asarray(numbers, np.int64)
        similarities, numbers = self.index.search(np.ascontiguousarray(queries), count)
        return np.asarray(similarities, np.float32), np.asarray(numbers, np.int64)


def _sklearn(rows: NDArray[np.float32]) -> Any:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(algorithm="brute", metric="euclidean").fit(rows)


def _faiss(rows: NDArray[np.float32]) -> Any:
    try:
        import faiss
    except ImportError:
        raise BadModel(f"Neighbours among {len(rows):,} pictures need faiss: pip install '.[faiss]'") from None
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(np.ascontiguousarray(rows))
    return index


def others(
    similarities: NDArray[np.float32], numbers: NDArray[np.int64], queries: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The neighbours of the indexed rows `queries` (m,) without each row itself: one column less."""
    own = numbers == queries[:, None]
    own[~own.any(1), -1] = True  # among equal rows, a row may not be its own neighbour: the last goes
    keep = ~own
    shape = (len(numbers), numbers.shape[1] - 1)
    return similarities[keep].reshape(shape), numbers[keep].reshape(shape)
