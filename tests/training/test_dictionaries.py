"""PCA, Gaussians and words: scikit-learn's, seeded, and whatever the sample."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.training.dictionaries import (
    LEAST_VARIANCE,
    fit_dictionary,
    fit_gaussians,
    fit_words,
    sample_indices,
    sampled,
    wanted_descriptors,
)

DIGITS: NDArray[np.float32] = (load_digits().data / 16).astype(np.float32)  # (1797, 64): descriptors as good as any
SMALL = FeatureConfig(components=5, gaussians=4, words=9, encoding="fisher")


def test_the_projection_is_scikit_learns_transform() -> None:
    found = fit_gaussians(DIGITS, replace(SMALL, components=20), seed=0)
    axes = PCA(20).fit(DIGITS)
    ours = (torch.from_numpy(DIGITS) @ found["projection"] - found["offset"]).numpy()
    theirs = axes.transform(DIGITS)
    signs = np.sign((ours * theirs).sum(0))  # an axis may point either way
    np.testing.assert_allclose(ours * signs, theirs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.mean(0), 0, atol=1e-4)


def test_the_gaussians_are_a_mixture_of_the_projected_sample() -> None:
    found = fit_gaussians(DIGITS, SMALL, seed=0)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "projection": (64, 5),
        "offset": (5,),
        "weights": (4,),
        "means": (4, 5),
        "variances": (4, 5),
    }
    assert all(value.dtype == torch.float32 and value.is_contiguous() for value in found.values())
    assert found["weights"].sum().item() == pytest.approx(1, abs=1e-5)
    points = torch.from_numpy(DIGITS) @ found["projection"] - found["offset"]
    weights, means = found["weights"][:, None], found["means"]
    torch.testing.assert_close((weights * means).sum(0), points.mean(0), rtol=0, atol=1e-4)
    whole = (weights * (found["variances"] + means.square())).sum(0)  # what maximisation keeps: the sample's own moments
    torch.testing.assert_close(whole, points.square().mean(0), rtol=1e-3, atol=1e-4)


def test_words_are_centres_of_the_sample() -> None:
    found = fit_words(DIGITS, SMALL, seed=0)["vocabulary"].numpy()
    assert found.shape == (9, 64)
    distances = ((DIGITS[:, None] - found) ** 2).sum(-1).min(1)
    assert distances.mean() < 0.75 * DIGITS.var(0).sum()  # much nearer than the mean of all


@pytest.mark.parametrize("encoding", ["fisher", "words"])
def test_the_same_seed_gives_the_same_dictionary_and_another_seed_another(encoding: Literal["fisher", "words"]) -> None:
    config = replace(SMALL, encoding=encoding)
    first, again, other = (fit_dictionary(DIGITS, config, seed) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "vocabulary" if encoding == "words" else "means"
    assert not torch.equal(first[name], other[name])
    assert set(first) == ({"vocabulary"} if encoding == "words" else {"projection", "offset", "weights", "means", "variances"})


@pytest.mark.parametrize(
    ("count", "components", "gaussians"), [(30, 5, 4), (15, 5, 3), (8, 5, 2), (6, 5, 1), (3, 3, 1), (2, 2, 1), (1, 2, 1)]
)
def test_a_small_sample_gives_fewer_components_and_gaussians(count: int, components: int, gaussians: int) -> None:
    found = fit_gaussians(DIGITS[:count], SMALL, seed=0)
    assert found["means"].shape == (gaussians, components)
    assert all(value.isfinite().all() for value in found.values())


@pytest.mark.parametrize("count", [1, 2, 9, 11])
def test_a_small_sample_gives_fewer_words(count: int) -> None:
    found = fit_words(DIGITS[:count], SMALL, seed=0)["vocabulary"]
    assert found.shape == (min(9, count), 64)
    assert found.isfinite().all()


@pytest.mark.parametrize("count", [1, 2, 40])
def test_equal_descriptors_are_no_trouble(count: int) -> None:
    equal = np.repeat(DIGITS[:1], count, axis=0)
    words = fit_words(equal, SMALL, seed=0)["vocabulary"]
    torch.testing.assert_close(words, torch.from_numpy(DIGITS[:1]).expand(len(words), -1))
    found = fit_gaussians(equal, SMALL, seed=0)
    assert all(value.isfinite().all() for value in found.values())
    assert (found["variances"] >= 0.9 * LEAST_VARIANCE).all()


def test_a_sample_most_of_which_is_flat_is_no_trouble() -> None:
    flat = np.concatenate([np.zeros((300, 64), np.float32), DIGITS[:20]])
    for config in (SMALL, replace(SMALL, encoding="words")):
        found = fit_dictionary(flat, config, seed=0)
        assert all(value.isfinite().all() for value in found.values())


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=6), most=st.integers(1, 60), share=st.floats(0.01, 1), seed=st.integers(0, 9)
)
def test_a_sample_is_some_of_the_descriptors_in_order(sizes: list[int], most: int, share: float, seed: int) -> None:
    numbers = np.arange(sum(sizes), dtype=np.float32)[:, None]
    blocks = np.split(numbers, np.cumsum(sizes)[:-1])
    found = sampled(iter(blocks), most, share, seed)
    expected = sum(min(size, max(1, round(share * size))) for size in sizes)
    assert found.shape == (min(most, expected), 1)
    assert (np.diff(found[:, 0]) > 0).all()  # none twice
    assert np.isin(found, numbers).all()
    np.testing.assert_array_equal(found, sampled(blocks, most, share, seed))


def test_a_sample_of_everything_is_everything() -> None:
    np.testing.assert_array_equal(sampled([DIGITS[:100], DIGITS[100:]], 10_000, 1.0, seed=3), DIGITS)


def test_samples_of_two_seeds_differ() -> None:
    assert not np.array_equal(sampled([DIGITS], 100, 0.5, seed=0), sampled([DIGITS], 100, 0.5, seed=1))


def test_how_many_descriptors_are_wanted() -> None:
    assert wanted_descriptors(FeatureConfig(encoding="words", words=50, gaussians=7, sample_per_word=10)) == 500
    assert wanted_descriptors(FeatureConfig(encoding="fisher", words=50, gaussians=7, sample_per_word=10)) == 70


@given(count=st.integers(0, 40), most=st.integers(0, 50), seed=st.integers(0, 5))
def test_a_spread_choice_keeps_the_order(count: int, most: int, seed: int) -> None:
    indices = list(range(100, 100 + count))
    chosen = sample_indices(indices, most, seed)
    assert len(chosen) == min(count, most)
    assert chosen == sorted(set(chosen) & set(indices))
    assert chosen == sample_indices(indices, most, seed)
