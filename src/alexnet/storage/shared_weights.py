"""Tensors of which few weights survive, and those share few values, as bytes: the last step of Deep Compression.

Han, Mao and Dally (ICLR 2016, arXiv 1510.00149) store the gap before each surviving weight and the number of its shared value, both in
Huffman's code. That coder is zlib's (Deflate restricted to Huffman codes), which stays within 1% of the entropy of these symbols; xz and
Deflate with matches need 3 to 20% more (docs/decisions.md). Independent of PyTorch and of files.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FILLER = 255  # a gap byte that stands for 255 zeros and no weight
MOST_VALUES = 256  # shared values of a tensor: their numbers are bytes
LARGEST_WINDOW, MOST_MEMORY = -15, 9  # of zlib: no header, as there are checksums elsewhere; one table for as many symbols as it can


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedWeights:
    """A tensor that is 0 but at `positions`, ascending places in its flattened form; there it is `values[numbers]`.

    positions: int64 (n,). numbers: uint8 (n,). values: float32 (k,), k at most 256.
    """

    shape: tuple[int, ...]
    positions: NDArray[np.int64]
    numbers: NDArray[np.uint8]
    values: NDArray[np.float32]

    def dense(self) -> NDArray[np.float32]:
        """The tensor, float32 of its shape."""
        flat = np.zeros(math.prod(self.shape), np.float32)
        flat[self.positions] = self.values[self.numbers]
        return flat.reshape(self.shape)

    @property
    def gaps(self) -> NDArray[np.uint8]:
        """The zeros before each survivor as bytes, 255 at a time where there are more: (n + fillers,)."""
        zeros = np.diff(self.positions, prepend=-1) - 1
        fillers = zeros // FILLER
        places = np.arange(len(zeros)) + np.cumsum(fillers)
        gaps = np.full(len(zeros) + int(fillers.sum()), FILLER, np.uint8)
        gaps[places] = zeros % FILLER
        return gaps


def positions_of(gaps: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The places of the survivors that gap bytes stand for: the inverse of `SharedWeights.gaps`."""
    survives = gaps != FILLER
    places: NDArray[np.int64] = np.cumsum(gaps, dtype=np.int64) + np.cumsum(survives, dtype=np.int64) - 1
    found: NDArray[np.int64] = places[survives]
    return found


def packed(symbols: bytes) -> bytes:
    """Bytes in Huffman's code."""
    coder = zlib.compressobj(9, zlib.DEFLATED, LARGEST_WINDOW, MOST_MEMORY, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(symbols) + coder.flush()


def unpacked(content: bytes, size: int) -> bytes:
    """The inverse of `packed` for bytes that become exactly `size`; raises ValueError, and makes no more than one byte beyond them."""
    reader = zlib.decompressobj(LARGEST_WINDOW)
    try:
        made = reader.decompress(content, size + 1)
    except zlib.error:
        raise ValueError("a block cannot be decoded") from None
    if len(made) != size or not reader.eof or reader.unused_data:
        raise ValueError(f"a block does not hold the {size:,} bytes that it should")
    return made


def entropy_bits(symbols: NDArray[np.uint8]) -> float:
    """Bits per symbol that no code of single symbols can go below, by Shannon's entropy of their frequencies."""
    counts = np.bincount(symbols, minlength=1)
    shares = counts[counts > 0] / max(1, len(symbols))
    return float(-(shares * np.log2(shares)).sum()) + 0.0
