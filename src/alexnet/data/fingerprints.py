"""What is known of every image of a data set once it has been decoded: digests, thumbnails, sizes, reasons."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

THUMBNAIL = 16  # pixels a side


LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R 601, as in JPEG


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What duplicates are told by, one row per image; rows of unreadable images are zero and `readable` says which they are.

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


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of the pass; native: int32 (N, 2), width and height of the upright images in pixels (0 if unreadable)."""

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
    """64 bits that are equal for equal bytes, and for others by a chance of 1 in 10^19."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
