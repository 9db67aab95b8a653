"""Facts about every image of a data set, known once it has been decoded: digests, thumbnails, sizes, why it cannot be read."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

HEIC = "is a HEIC photo"  # the start of the reason
THUMBNAIL = 16  # pixels per side


LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R 601, as in JPEG


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The data for finding duplicates, one row per image; rows of unreadable images are zero and False in `readable`.

    digests: uint64 (N,), of the encoded bytes; thumbnails: uint8 (N, 16, 16), gray, of the fitted square.
    """

    digests: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]
    readable: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image that cannot be read: its name, its class, and the reason as one clause."""

    name: str
    class_name: str
    reason: str

    @property
    def is_heic(self) -> bool:
        """Whether the file is a HEIC photo that is not decoded here: whole, and readable with the extra `heic`."""
        return self.reason.startswith(HEIC)


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of one decoding pass.

    native: int32 (N, 2), width and height of the upright images in pixels (0 if unreadable); modes: Pillow's name for the kind of pixels.
    """

    fingerprints: Fingerprints
    native: NDArray[np.int32]
    modes: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @property
    def readable(self) -> tuple[int, ...]:
        """Indices of the images that can be read."""
        return tuple(np.flatnonzero(self.fingerprints.readable).tolist())


def thumbnails_of(squares: Tensor) -> NDArray[np.uint8]:
    """Gray thumbnails, uint8 (n, 16, 16), of squares uint8 (n, 3, S, S)."""
    gray = squares.stride(1) == 0  # one channel, repeated without a copy
    small = functional.interpolate(squares[:, :1] if gray else squares, size=(THUMBNAIL, THUMBNAIL), mode="bilinear", antialias=True)
    luma = small[:, 0] if gray else (small * LUMA).sum(dim=1).round().to(torch.uint8)
    return np.asarray(luma.numpy(), dtype=np.uint8)


def digest(content: bytes) -> int:
    """A 64-bit hash: equal for equal bytes, and for different bytes with a probability of 1 in 10^19."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
