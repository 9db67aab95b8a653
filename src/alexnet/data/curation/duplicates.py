"""Which images are the same image: byte for byte, or nearly (saved again, resized, darkened).

Near means: the gray 16 x 16 thumbnails, each with its own mean and contrast taken out, point in nearly the same direction. All pairs that
close are found by a k-d tree over a few principal axes of the thumbnails: since a projection only shortens distances, whatever is close
in all 256 numbers is close in those few, and none is missed. The limit is tight, because images with little in them (digits, clothes on
black) resemble each other without being copies; the price is that a copy brightened until large parts are white, or cropped, is not found.
Images with almost nothing on them (a blank wall) are compared byte for byte only.
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
BLANK = 4.0  # grey levels of standard deviation; less is a blank image
PAIRS_PER_PART = 200_000

Pairs = NDArray[np.int64]  # (n, 2), lower index first


def groups(fingerprints: Fingerprints) -> NDArray[np.int64]:
    """A group number for every image, int64 (N,): equal for duplicates of either kind, and for duplicates of duplicates."""
    count = len(fingerprints.digests)
    pairs = np.concatenate([exact_pairs(fingerprints), near_pairs(fingerprints)])
    edges = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(edges, directed=False)
    return np.asarray(labels, dtype=np.int64)


def exact_pairs(fingerprints: Fingerprints) -> Pairs:
    """Pairs of images with equal bytes: each copy with the first of its kind."""
    indices = np.flatnonzero(fingerprints.readable)
    _, first, kind = np.unique(fingerprints.digests[indices], return_index=True, return_inverse=True)
    firsts = indices[first[kind]]
    copies = indices != firsts
    return np.stack([firsts[copies], indices[copies]], axis=1).astype(np.int64)


def near_pairs(fingerprints: Fingerprints) -> Pairs:
    """Pairs of images that look alike and differ in bytes; of images that look exactly alike, each is paired with the first only."""
    looks, indices = _looks(fingerprints)
    if len(indices) < 2:
        return np.zeros((0, 2), np.int64)
    _, first, kind = np.unique([digest(row.tobytes()) for row in fingerprints.thumbnails[indices]], return_index=True, return_inverse=True)
    twins = np.flatnonzero(first[kind] != np.arange(len(indices)))
    candidates = first[cKDTree(_shadows(looks[first])).query_pairs(NEAR, output_type="ndarray")].reshape(-1, 2)
    parts = np.array_split(candidates, len(candidates) // PAIRS_PER_PART + 1)
    close = [part[np.linalg.norm(looks[part[:, 0]] - looks[part[:, 1]], axis=1) <= NEAR] for part in parts]
    alike = np.concatenate([*close, np.stack([first[kind[twins]], twins], axis=1)])
    return np.sort(indices[alike], axis=1).astype(np.int64)


def _looks(fingerprints: Fingerprints) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Thumbnails as unit vectors (n, 256), mean and contrast taken out, and whose they are: the first of equal bytes, and no blank ones."""
    readable = np.flatnonzero(fingerprints.readable)
    _, first = np.unique(fingerprints.digests[readable], return_index=True)
    indices = readable[np.sort(first)]
    looks = fingerprints.thumbnails[indices].reshape(len(indices), THUMBNAIL**2).astype(np.float32)
    looks -= looks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(looks, axis=1)
    rich = lengths >= BLANK * THUMBNAIL
    return looks[rich] / lengths[rich, None], indices[rich]


def _shadows(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors (n, 256) on the first principal axes (n, 8) of their 2 x 2 sums (divided by 2, which keeps distances from growing)."""
    half = THUMBNAIL // 2
    coarse = looks.reshape(len(looks), half, 2, half, 2).sum(axis=(2, 4)).reshape(len(looks), -1) / 2
    coarse -= coarse.mean(axis=0)
    _, axes = np.linalg.eigh(coarse.T @ coarse)  # columns, the longest axis last
    return np.ascontiguousarray(coarse @ axes[:, -AXES:])
