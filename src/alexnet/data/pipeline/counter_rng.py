"""Counter-based random numbers: each is a pure function of (seed, epoch, image, stream, position).

There is no state, so neither the number of workers, nor the assignment of images to batches, nor an interruption changes a number.
Independent of what the numbers are for.

The hash: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; the finaliser's constants are
David Stafford's "variant 13"). The finaliser `mix` is a bijection of 64-bit words in which each input bit flips each output bit with
probability one half. A key is folded from the stream's name, the seed and the epoch; an image's generator starts at
`mix(key + image)`, and its j-th word is `mix(start + (j + 1) * GOLDEN)`, exactly SplitMix64's sequence. All arithmetic is on int64
tensors, which wrap modulo 2**64 on every device. Not for secrets.
"""

from functools import lru_cache
from hashlib import blake2b
from math import tau

import torch
from torch import Tensor

_BITS = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: the step between words
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_UNIT = 2.0**-24  # a float32 holds 24 bits exactly


def uniform(seed: int, epoch: int, indices: Tensor, stream: str, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each image: float32 (N, count), multiples of 2**-24, on the images' device.

    indices: int64 (N,), the images' numbers in their data set. `stream` is the purpose ("crop"); different streams are independent.
    The bits are the same on every machine and device. Raises ValueError for other shapes or types.
    """
    words = _words(seed, epoch, indices, stream, count)
    return _logical_shift(words, 40).to(torch.float32) * _UNIT


def normal(seed: int, epoch: int, indices: Tensor, stream: str, count: int) -> Tensor:
    """`count` normal numbers of mean 0 and sd 1 for each image: float32 (N, count); otherwise as `uniform`.

    Box-Muller, z = sqrt(-2 ln u) cos(2 pi v), computed in float64 and rounded, so that the last bit of a machine's logarithm hardly ever
    matters.
    """
    words = _words(seed, epoch, indices, stream, 2 * count)
    halves = _logical_shift(words, 11).to(torch.float64) * 2.0**-53
    radius = torch.sqrt(-2.0 * torch.log1p(-halves[:, :count]))  # 1 - u lies in (0, 1]: the logarithm is finite
    return (radius * torch.cos(tau * halves[:, count:])).to(torch.float32)


def permutation(count: int, seed: int, epoch: int) -> Tensor:
    """A random order of `count` images for one epoch: int64 (count,), every number once, all orders equally likely."""
    return permutation_of(count, seed, epoch, "order")


def permutation_of(count: int, seed: int, epoch: int, stream: str) -> Tensor:
    """As `permutation`, for another purpose: different streams are independent.

    It sorts one random 64-bit word per image; the sort is stable, so that even equal words have a defined order.
    """
    words = _words(seed, epoch, torch.arange(count), stream, 1)
    return torch.sort(words[:, 0], stable=True).indices


def _words(seed: int, epoch: int, indices: Tensor, stream: str, count: int) -> Tensor:
    """int64 (N, count): the first `count` SplitMix64 words of each image's generator."""
    if indices.dtype != torch.int64 or indices.ndim != 1:
        raise ValueError(f"image numbers must be int64 of shape (N,), not {indices.dtype} of shape {tuple(indices.shape)}")
    starts = _mix(indices + _signed(_key(seed, epoch, stream)))
    steps = torch.arange(1, count + 1, device=indices.device) * _signed(_GOLDEN)
    return _mix(starts[:, None] + steps)


@lru_cache(maxsize=256)
def _key(seed: int, epoch: int, stream: str) -> int:
    """One 64-bit word for (seed, epoch, stream), computed with Python integers."""
    key = int.from_bytes(blake2b(stream.encode(), digest_size=8).digest(), "little")
    for number in (seed, epoch):
        key = _mix_integer((key + number) & _BITS)
    return key


def _mix(words: Tensor) -> Tensor:
    """SplitMix64's finaliser on int64 tensors."""
    words = (words ^ _logical_shift(words, 30)) * _signed(_FIRST)
    words = (words ^ _logical_shift(words, 27)) * _signed(_SECOND)
    return words ^ _logical_shift(words, 31)


def _mix_integer(word: int) -> int:
    """The same on one Python integer."""
    word = ((word ^ (word >> 30)) * _FIRST) & _BITS
    word = ((word ^ (word >> 27)) * _SECOND) & _BITS
    return word ^ (word >> 31)


def _logical_shift(words: Tensor, bits: int) -> Tensor:
    """`words >> bits` filled with zeros: the shift of int64 copies the sign bit."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def _signed(word: int) -> int:
    """The same 64 bits as a signed number, as int64 tensors require."""
    return word - (1 << 64) if word >> 63 else word
