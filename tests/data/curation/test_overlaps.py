"""What is said of a split: images on both sides of it, and classes that cannot be split."""

import numpy as np
import pytest
from tests.data.curation.test_splits import Labelled

from alexnet.data.curation import overlaps
from alexnet.data.curation.overlaps import inseparable_classes, overlap_remarks
from alexnet.data.curation.splits import Splits, make_splits
from alexnet.data.dataset import SplitName
from alexnet.data.fingerprints import Fingerprints


def prints(digests: list[int]) -> Fingerprints:
    """Images that look alike if their numbers have equal tens, and are equal to the byte if the numbers are equal."""
    looks = np.stack([np.random.default_rng(digest // 10).integers(0, 255, (16, 16), dtype=np.uint8) for digest in digests])
    return Fingerprints(np.array(digests, np.uint64), looks, np.ones(len(digests), np.bool_))


OWN: list[SplitName | None] = ["train", "train", "train", "test", "test", "test"]


def test_images_on_both_sides_are_counted() -> None:
    dataset = Labelled([0, 1, 0, 0, 1, 0], OWN)
    splits = Splits((0, 1, 2), (), (3, 4, 5))
    (sentence,) = overlap_remarks(dataset, splits, prints([10, 20, 30, 10, 21, 40]))
    assert sentence.startswith("2 of the 3 test pictures are also in train, exactly or nearly, such as 3.png = 0.png")
    assert overlap_remarks(dataset, splits, prints([10, 20, 30, 40, 50, 60])) == ()


def test_of_very_many_images_only_copies_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "MOST_COMPARED", 3)
    splits = Splits((0, 1, 2), (), (3, 4, 5))
    (sentence,) = overlap_remarks(Labelled([0, 1, 0, 0, 1, 0], OWN), splits, prints([10, 20, 30, 10, 21, 40]))
    assert sentence.startswith("1 of the 3 test pictures are also in train, to the byte")


def test_an_automatic_split_has_nothing_on_both_sides() -> None:
    dataset = Labelled([0, 1] * 10)
    splits = make_splits(dataset, range(20), [0, 0, *range(1, 19)], seed=0)
    assert overlap_remarks(dataset, splits, prints([10, 10, *range(20, 200, 10)])) == ()


def test_classes_of_near_duplicates_only() -> None:
    dataset = Labelled([0, 0, 0, 1, 1, 2])
    assert inseparable_classes(dataset, range(6), [0, 0, 0, 1, 2, 3]) == ["class 0"]
