import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest
from torch import Tensor

from alexnet.data.pipeline.counter_rng import normal, permutation, uniform

BITS = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
FROZEN = [[8707715, 8401], [12583685, 11514995], [2083049, 14849053]]


def mixed(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & BITS
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & BITS
    return word ^ (word >> 31)


def split_mix_64(state: int, count: int) -> list[int]:
    words = []
    for _ in range(count):
        state = (state + GOLDEN) & BITS
        words.append(mixed(state))
    return words


def correlation(one: Tensor, other: Tensor) -> float:
    return float(np.corrcoef(one.flatten().numpy(), other.flatten().numpy())[0, 1])


def test_the_oracle_is_split_mix_64() -> None:
    # Known answers of the public reference program for state 1234567.
    assert split_mix_64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_words_are_split_mix_64_of_a_folded_key() -> None:
    from hashlib import blake2b

    key = int.from_bytes(blake2b(b"crop", digest_size=8).digest(), "little")
    for number in (7, 3):
        key = mixed((key + number) & BITS)
    expected = [word >> 40 for word in split_mix_64(mixed((key + 41) & BITS), 5)]
    assert (uniform(7, 3, torch.tensor([41]), "crop", 5)[0] * 2**24).long().tolist() == expected


def test_numbers_never_change() -> None:
    # Stored runs are repeated from these numbers: a change of the hash is a change of every result.
    drawn = uniform(0, 0, torch.tensor([0, 1, 1_281_166]), "crop", 2)
    assert (drawn * 2**24).long().tolist() == FROZEN


def test_uniform_has_shape_range_and_type() -> None:
    drawn = uniform(1, 2, torch.arange(1000), "crop", 16)
    assert drawn.shape == (1000, 16)
    assert drawn.dtype == torch.float32
    assert 0 <= drawn.min() < 0.001
    assert 0.999 < drawn.max() < 1


@pytest.mark.parametrize("count", [1, 7])
def test_uniform_is_uniform(count: int) -> None:
    drawn = uniform(11, 0, torch.arange(100_000), "crop", count).numpy().ravel()
    assert kstest(drawn, "uniform").pvalue > 1e-3
    seen = np.bincount((drawn * 256).astype(int), minlength=256)
    statistic = ((seen - drawn.size / 256) ** 2 / (drawn.size / 256)).sum()
    assert 1e-3 < chi2.cdf(statistic, 255) < 1 - 1e-3


def test_pairs_of_neighbours_fill_the_square_evenly() -> None:
    drawn = uniform(5, 0, torch.arange(200_001), "crop", 1)[:, 0].numpy()
    cells = (drawn[:-1] * 16).astype(int) * 16 + (drawn[1:] * 16).astype(int)
    seen = np.bincount(cells, minlength=256)
    statistic = ((seen - 200_000 / 256) ** 2 / (200_000 / 256)).sum()
    assert 1e-3 < chi2.cdf(statistic, 255) < 1 - 1e-3


def test_normal_is_normal_and_its_columns_are_independent() -> None:
    drawn = normal(3, 1, torch.arange(100_000), "pca noise", 3)
    assert drawn.dtype == torch.float32
    for column in drawn.numpy().T:
        assert kstest(column, "norm").pvalue > 1e-3
    off_diagonal = np.corrcoef(drawn.numpy().T)[np.triu_indices(3, 1)]
    assert np.abs(off_diagonal).max() < 0.015
    assert torch.isfinite(drawn).all()


def test_neighbouring_images_positions_epochs_seeds_and_streams_are_uncorrelated() -> None:
    images = torch.arange(50_000)
    drawn = uniform(0, 0, images, "crop", 2)
    first = drawn[:, 0]
    others = {
        "next picture": uniform(0, 0, images + 1, "crop", 1),
        "next position": drawn[:, 1],
        "next epoch": uniform(0, 1, images, "crop", 1),
        "next seed": uniform(1, 0, images, "crop", 1),
        "other stream": uniform(0, 0, images, "flip", 1),
    }
    for name, other in others.items():
        assert abs(correlation(first, other)) < 5 / np.sqrt(50_000), name
        assert (first == other.flatten()).float().mean() < 1e-3, name


def test_seed_and_epoch_do_not_stand_for_each_other() -> None:
    images = torch.arange(100)
    drawn = {tuple(uniform(seed, epoch, images, "crop", 1).flatten().tolist()) for seed in range(20) for epoch in range(20)}
    assert len(drawn) == 400


@given(
    numbers=st.lists(st.integers(0, 2**40), min_size=1, max_size=40),
    cut=st.integers(0, 40),
    seed=st.integers(-(2**63), 2**64),
    epoch=st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=60)
def test_a_image_has_its_numbers_whatever_batch_it_is_in(numbers: list[int], cut: int, seed: int, epoch: int) -> None:
    images = torch.tensor(numbers)
    for draw in (uniform, normal):
        whole = draw(seed, epoch, images, "crop", 3)
        parts = torch.cat([draw(seed, epoch, part, "crop", 3) for part in (images[:cut], images[cut:])])
        assert torch.equal(whole, parts)
        assert torch.equal(whole.flip(0), draw(seed, epoch, images.flip(0), "crop", 3))


def test_uniform_asks_for_more_without_changing_the_first() -> None:
    images = torch.arange(10)
    assert torch.equal(uniform(0, 0, images, "crop", 8)[:, :3], uniform(0, 0, images, "crop", 3))


def test_permutation_holds_every_number_once_and_changes_with_seed_and_epoch() -> None:
    order = permutation(1000, 4, 2)
    assert order.dtype == torch.int64
    assert torch.equal(order.sort().values, torch.arange(1000))
    assert torch.equal(order, permutation(1000, 4, 2))
    assert not torch.equal(order, permutation(1000, 4, 3))
    assert not torch.equal(order, permutation(1000, 5, 2))
    assert permutation(0, 0, 0).shape == (0,)


def test_permutations_of_four_are_alike_likely() -> None:
    seen = torch.zeros(256)
    for epoch in range(4800):
        seen[int((permutation(4, 0, epoch) * torch.tensor([64, 16, 4, 1])).sum())] += 1
    counts = seen[seen > 0].numpy()
    assert len(counts) == 24
    assert 1e-3 < chi2.cdf(((counts - 200) ** 2 / 200).sum(), 23) < 1 - 1e-3


@pytest.mark.parametrize("images", [torch.zeros(3), torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, dtype=torch.int32)])
def test_image_numbers_of_another_kind_are_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="int64"):
        uniform(0, 0, images, "crop", 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_accelerator_draws_the_same_numbers() -> None:
    images = torch.arange(10_000)
    assert torch.equal(uniform(1, 2, images.cuda(), "crop", 4).cpu(), uniform(1, 2, images, "crop", 4))
    torch.testing.assert_close(normal(1, 2, images.cuda(), "crop", 4).cpu(), normal(1, 2, images, "crop", 4), rtol=2e-7, atol=1e-9)
