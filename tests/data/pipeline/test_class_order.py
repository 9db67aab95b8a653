"""The order of an epoch with balanced classes: every class equally often, every image of a class too, and a function of seed and epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.data.balance import balanced_error, class_weights, is_uneven
from alexnet.data.pipeline.class_order import balanced_order

CLASSES = st.lists(st.integers(1, 12), min_size=1, max_size=5)


def labels_of(counts: list[int]) -> torch.Tensor:
    return torch.cat([torch.full((count,), 3 * number) for number, count in enumerate(counts)])[torch.randperm(sum(counts))]


@settings(max_examples=40, deadline=None)
@given(CLASSES, st.integers(0, 5), st.integers(0, 4))
def test_every_class_is_drawn_equally_often(counts: list[int], seed: int, epoch: int) -> None:
    labels = labels_of(counts)
    places, repeats = balanced_order(labels, seed, epoch)
    drawn = torch.bincount(labels[places], minlength=int(labels.max()) + 1)[labels.unique()]
    assert len(places) == len(labels)
    assert int(drawn.max() - drawn.min()) <= 1
    assert len({(place, repeat) for place, repeat in zip(places.tolist(), repeats.tolist(), strict=True)}) == len(places)
    again, _ = balanced_order(labels, seed, epoch)
    assert torch.equal(places, again)


@settings(max_examples=20, deadline=None)
@given(CLASSES, st.integers(0, 5))
def test_over_the_epochs_every_image_of_a_class_is_seen_equally_often(counts: list[int], seed: int) -> None:
    labels = labels_of(counts)
    seen = torch.bincount(torch.cat([balanced_order(labels, seed, epoch)[0] for epoch in range(7)]), minlength=len(labels))
    for label in labels.unique():
        own = seen[labels == label]
        assert int(own.max() - own.min()) <= 1


def test_epochs_and_seeds_differ() -> None:
    labels = torch.arange(200) % 3
    first = balanced_order(labels, 0, 0)[0]
    assert not torch.equal(first, balanced_order(labels, 0, 1)[0])
    assert not torch.equal(first, balanced_order(labels, 1, 0)[0])


def test_class_weights_make_a_mean_of_classes() -> None:
    labels = np.array([0, 0, 0, 0, 2, 2, 3])
    weights = class_weights(labels, 5)
    assert weights.tolist() == pytest.approx([7 / 12, 0, 7 / 6, 7 / 3, 0])
    assert weights[labels].mean() == pytest.approx(1)
    wrong = np.array([True, False, False, False, True, False, True])
    assert balanced_error(wrong, labels, 5) == pytest.approx((1 / 4 + 1 / 2 + 1) / 3)


@pytest.mark.parametrize(("counts", "uneven"), [([], False), ([7], False), ([10, 2], False), ([11, 2], True), ([11, 0, 3], False)])
def test_more_than_five_times_is_uneven(counts: list[int], uneven: bool) -> None:
    assert is_uneven(counts) is uneven
