"""The codec of compressed models: exact for any tensor, within Huffman's bound, and never more than it was asked for."""

import heapq
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from alexnet.storage.shared_weights import SharedWeights, entropy_bits, packed, positions_of, unpacked


def huffman_bits(symbols: NDArray[np.uint8]) -> int:
    """Bits of all symbols in Huffman's code for their frequencies, without its table: what the paper's coder would write."""
    counts = [int(count) for count in np.bincount(symbols, minlength=1) if count]
    if len(counts) == 1:
        return counts[0]
    heapq.heapify(counts)
    bits = 0
    while len(counts) > 1:
        together = heapq.heappop(counts) + heapq.heappop(counts)
        bits += together
        heapq.heappush(counts, together)
    return bits


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 3)), max_size=60), st.integers(0, 600))
def test_any_sparse_tensor_comes_back(survivors: list[tuple[int, int]], rest: int) -> None:
    """Gaps of 0, of 254, 255, 256 and more zeros among them."""
    positions = np.cumsum([gap + 1 for gap, _ in survivors], dtype=np.int64) - 1
    numbers = np.array([number for _, number in survivors], np.uint8)
    size = int(positions[-1]) + 1 + rest if survivors else rest
    weights = SharedWeights(shape=(size,), positions=positions, numbers=numbers, values=np.array([-1.5, 0.25, 3, 7], np.float32))
    gaps = np.frombuffer(unpacked(packed(weights.gaps.tobytes()), len(weights.gaps)), np.uint8)
    np.testing.assert_array_equal(positions_of(gaps), positions)
    dense = np.zeros(size, np.float32)
    for place, number in zip(positions, numbers, strict=True):
        dense[place] = weights.values[number]
    np.testing.assert_array_equal(weights.dense(), dense)


@given(st.binary(max_size=3_000))
def test_bytes_come_back_and_no_other_size_is_taken(content: bytes) -> None:
    small = packed(content)
    assert unpacked(small, len(content)) == content
    for size in {len(content) - 1, len(content) + 1, 0} - {len(content), -1}:
        with pytest.raises(ValueError, match="a block"):
            unpacked(small, size)
    for other in (small[:-1], small + b"\0"):
        with pytest.raises(ValueError, match="a block"):
            unpacked(other, len(content))


def test_a_bomb_is_not_unpacked() -> None:
    """64 MB of zeros in 64 kB, which Deflate allows with matches."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = coder.compress(bytes(1 << 26)) + coder.flush()
    assert len(bomb) < 70_000
    with pytest.raises(ValueError, match="does not hold the 1,000 bytes"):
        unpacked(bomb, 1_000)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=300))
def test_huffmans_code_is_within_a_bit_of_the_entropy(symbols: list[int]) -> None:
    found = np.array(symbols, np.uint8)
    entropy, bits = entropy_bits(found), huffman_bits(found) / len(symbols)
    assert entropy - 1e-9 <= bits
    assert bits < entropy + 1 + 1e-9
    assert bits == pytest.approx(_lengths_of_a_tree(symbols))


def _lengths_of_a_tree(symbols: list[int]) -> float:
    """Bits per symbol of a tree that is really built."""
    counts = {symbol: symbols.count(symbol) for symbol in set(symbols)}
    nodes = [(count, [symbol]) for symbol, count in counts.items()]
    lengths = dict.fromkeys(counts, int(len(counts) == 1))
    heapq.heapify(nodes)
    while len(nodes) > 1:
        (first, one), (second, other) = heapq.heappop(nodes), heapq.heappop(nodes)
        for symbol in one + other:
            lengths[symbol] += 1
        heapq.heappush(nodes, (first + second, one + other))
    return sum(counts[symbol] * lengths[symbol] for symbol in counts) / len(symbols)


def test_the_coder_is_huffmans_to_a_hundredth() -> None:
    """On what it is for: gaps between one weight in ten, and the numbers of sixteen values that a bell curve uses."""
    random = np.random.default_rng(0)
    gaps = np.minimum(random.geometric(0.1, 100_000) - 1, 254).astype(np.uint8)
    numbers = np.clip(np.round(random.normal(8, 2, 100_000)), 0, 15).astype(np.uint8)
    for symbols in (gaps, numbers):
        assert len(packed(symbols.tobytes())) * 8 < 1.01 * huffman_bits(symbols)
