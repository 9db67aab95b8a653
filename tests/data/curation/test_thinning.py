"""A share of the training images: nested, of every class, and the rest of the splits as it was."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.curation.splits import Splits, make_splits, take_fraction
from alexnet.data.dataset import Dataset, Item, Traits
from alexnet.data.open import open_dataset


class Labelled(Dataset):
    """Labels without images."""

    def __init__(self, labels: list[int]) -> None:
        self.name = "labelled"
        self.classes = tuple(f"class {label}" for label in range(max(labels) + 1))
        self.items = tuple(Item(f"{index}.png", label, None) for index, label in enumerate(labels))

    @property
    def traits(self) -> Traits:
        return Traits(flip=True, colour=True)

    def content(self, index: int) -> bytes:
        raise NotImplementedError


@st.composite
def split(draw: st.DrawFn) -> tuple[Labelled, Splits]:
    """Up to 120 images of up to 5 classes, each with at least one to train on."""
    classes = draw(st.integers(1, 5))
    train = draw(st.permutations([*range(classes), *draw(st.lists(st.integers(0, classes - 1), max_size=80))]))
    others = draw(st.lists(st.integers(0, classes - 1), max_size=40))
    numbers = list(draw(st.permutations(range(len(train) + len(others)))))
    labels = dict(zip(numbers, [*train, *others], strict=True))
    half = len(train) + len(others) // 2
    parts = numbers[: len(train)], numbers[len(train) : half], numbers[half:]
    return Labelled([labels[number] for number in range(len(numbers))]), Splits(*(tuple(sorted(part)) for part in parts))


def of_class(dataset: Dataset, indices: tuple[int, ...]) -> Counter[int]:
    return Counter(dataset.items[index].label for index in indices)


@given(split(), st.floats(0.001, 1), st.floats(0.001, 1), st.integers(0, 99))
def test_whatever_the_data_set(made: tuple[Labelled, Splits], one: float, other: float, seed: int) -> None:
    dataset, splits = made
    small, large = (take_fraction(dataset, splits, fraction, seed=seed) for fraction in sorted((one, other)))
    assert set(small.train) <= set(large.train) <= set(splits.train)  # nested
    assert (small.validation, small.test) == (splits.validation, splits.test)
    assert small.train == tuple(sorted(set(small.train)))
    whole = of_class(dataset, splits.train)
    expected = {label: max(1, round(min(one, other) * count)) for label, count in whole.items()}  # stratified, none empty
    assert of_class(dataset, small.train) == expected
    assert small == take_fraction(dataset, splits, min(one, other), seed=seed)


def test_all_of_it_is_the_splits_themselves(digits_folder: Path) -> None:
    dataset = open_dataset(digits_folder)
    splits = make_splits(dataset, range(len(dataset.items)), None, seed=0)
    assert take_fraction(dataset, splits, 1.0, seed=3) is splits


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.01])
def test_digits(digits_folder: Path, fraction: float) -> None:
    dataset = open_dataset(digits_folder)
    splits = make_splits(dataset, range(len(dataset.items)), None, seed=0)
    few = take_fraction(dataset, splits, fraction, seed=0)
    assert len(of_class(dataset, few.train)) == 10
    assert len(few.train) == pytest.approx(max(10, fraction * len(splits.train)), abs=5)
    other = take_fraction(dataset, splits, fraction, seed=1)
    assert other.train != few.train
    assert of_class(dataset, other.train) == of_class(dataset, few.train)


def test_classes_draw_independently() -> None:
    labels = [0, 1] * 50
    few = take_fraction(Labelled(labels), Splits(tuple(range(100)), (), ()), 0.3, seed=0).train
    places = [{index // 2 for index in few if labels[index] == label} for label in (0, 1)]
    assert places[0] != places[1]
