"""Which images are the same image: byte for byte, or nearly (saved again, resized, darkened).

Near means: the gray 16 x 16 thumbnails, each normalised by its own mean and contrast, point in nearly the same direction. All pairs that
close are found by a k-d tree over a few principal axes of the thumbnails: since a projection only shortens distances, thumbnails that are
close in all 256 numbers are close in those few, and none is missed. The limit is tight, because images with little detail (digits, clothes
on black) resemble each other without being copies; the price is that a copy that is cropped, or brightened until large parts are white,
is not found. Images with almost no detail (a blank wall) are compared byte for byte only.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from alexnet.data.fingerprints import THUMBNAIL, Fingerprints, digest

NEAR = (
    0.06  # distance of two unit vectors, a correlation of 0.9982; resaved and resized photos lie at 0.01-0.05, distinct shirts from 0.05 on
)
AXES = 8  # of the k-d tree: more is slower, fewer lets more candidates through
BLANK = 4.0  # standard deviation in gray levels, below which an image is blank
PAIRS_PER_PART = 200_000

Pairs = NDArray[np.int64]  # (n, 2), lower index first


def groups(fingerprints: Fingerprints) -> NDArray[np.int64]:
    """The group number of every image, int64 (N,): equal for duplicates of either kind, and for duplicates of duplicates."""
    return group_numbers(fingerprints, near=True)


def group_numbers(fingerprints: Fingerprints, *, near: bool) -> NDArray[np.int64]:
    """The same; without `near`, only images that are equal to the byte have the same number."""
    count = len(fingerprints.digests)
    exact = exact_pairs(fingerprints)
    pairs = np.concatenate([exact, near_pairs(fingerprints)]) if near else exact
    edges = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(edges, directed=False)
    return np.asarray(labels, dtype=np.int64)


def exact_pairs(fingerprints: Fingerprints) -> Pairs:
    """Pairs of images with equal bytes: each copy with the first image of the same bytes."""
    indices = np.flatnonzero(fingerprints.readable)
    _, first, kind = np.unique(fingerprints.digests[indices], return_index=True, return_inverse=True)
    firsts = indices[first[kind]]
    copies = indices != firsts
    return np.stack([firsts[copies], indices[copies]], axis=1).astype(np.int64)


def near_pairs(fingerprints: Fingerprints) -> Pairs:
    """Pairs of images that look alike and differ in bytes; among images that look exactly alike, each is paired with the first only."""
    vectors, indices = _unit_vectors(fingerprints)
    if len(indices) < 2:
        return np.zeros((0, 2), np.int64)
    _, first, kind = np.unique([digest(row.tobytes()) for row in fingerprints.thumbnails[indices]], return_index=True, return_inverse=True)
    twins = np.flatnonzero(first[kind] != np.arange(len(indices)))
    candidates = first[cKDTree(_projections(vectors[first])).query_pairs(NEAR, output_type="ndarray")].reshape(-1, 2)
    parts = np.array_split(candidates, len(candidates) // PAIRS_PER_PART + 1)
    close = [part[np.linalg.norm(vectors[part[:, 0]] - vectors[part[:, 1]], axis=1) <= NEAR] for part in parts]
    alike = np.concatenate([*close, np.stack([first[kind[twins]], twins], axis=1)])
    return np.sort(indices[alike], axis=1).astype(np.int64)


def _unit_vectors(fingerprints: Fingerprints) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Thumbnails minus their mean as unit vectors (n, 256), and their images (n,): the first of equal bytes, without blank ones."""
    readable = np.flatnonzero(fingerprints.readable)
    _, first = np.unique(fingerprints.digests[readable], return_index=True)
    indices = readable[np.sort(first)]
    vectors = fingerprints.thumbnails[indices].reshape(len(indices), THUMBNAIL**2).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1)
    detailed = lengths >= BLANK * THUMBNAIL
    return vectors[detailed] / lengths[detailed, None], indices[detailed]


def _projections(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors (n, 256) on the first principal axes, (n, 8), of their 2 x 2 sums (divided by 2, so that distances do not grow)."""
    half = THUMBNAIL // 2
    coarse = vectors.reshape(len(vectors), half, 2, half, 2).sum(axis=(2, 4)).reshape(len(vectors), -1) / 2
    coarse -= coarse.mean(axis=0)
    _, axes = np.linalg.eigh(coarse.T @ coarse)  # columns, the longest axis last
    return np.ascontiguousarray(coarse @ axes[:, -AXES:])
