"""Training, validation and test images: the user's own split where there is one, an automatic split otherwise.

The automatic split is stratified (each class in the same proportions), seeded, and keeps near-duplicates on one side. Independent of
pixels: duplicates are passed as group numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alexnet.data.dataset import SPLIT_NAMES, Dataset
from alexnet.errors import BadDataset
from alexnet.storage.files import read_record

VALIDATION_FRACTION = 0.1  # of the images, where the user's own split has none
Groups = list[list[int]]  # images that must stay together


@dataclass(frozen=True, slots=True)
class Splits:
    """Indices into a data set's items, each sorted; no index is in two of them."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def to_json(self, dataset: Dataset) -> dict[str, list[str]]:
        """The names of the images of each split, and of the classes, as run folders store them."""
        names = {split: [dataset.items[index].name for index in getattr(self, split)] for split in SPLIT_NAMES}
        return names | {"classes": list(dataset.classes)}

    @classmethod
    def from_json(cls, dataset: Dataset, saved: Mapping[str, Sequence[str]]) -> "Splits":
        """The splits from the names that `read_split_names` returned, for the same data set; raises BadDataset if images are missing."""
        places = {item.name: index for index, item in enumerate(dataset.items)}
        missing = [name for split in SPLIT_NAMES for name in saved[split] if name not in places]
        if missing:
            raise BadDataset(
                f"{dataset.name} lacks {len(missing):,} of the pictures that the run was split into, for example {missing[0]}. "
                "Restore the data set as it was, or start a new run."
            )
        return cls(**{split: tuple(sorted(places[name] for name in saved[split])) for split in SPLIT_NAMES})


@dataclass(frozen=True, slots=True)
class _SplitNames:
    """The contents of splits.json: the names of the images of each split, and of the classes, which earlier versions did not store."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    classes: tuple[str, ...] = ()


def read_split_names(path: Path) -> dict[str, tuple[str, ...]]:
    """The names of the images of each split in a run's splits.json; raises BadRun when the file is damaged."""
    names = read_record(path, _SplitNames)
    return {split: getattr(names, split) for split in SPLIT_NAMES}


def check_classes(dataset: Dataset, path: Path) -> None:
    """Raise BadDataset if a splits.json was written when the data set had other classes; the message names them."""
    then = set(read_record(path, _SplitNames).classes)
    now = set(dataset.classes)
    if not then or now == then:
        return
    changes = {"now has": now - then, "no longer has": then - now}
    said = " and ".join(f"{verb} {', '.join(map(repr, sorted(names)[:5]))}" for verb, names in changes.items() if names)
    raise BadDataset(
        f"{dataset.name} {said}, and {path.parent} was started with other classes. A network keeps its classes: "
        "restore the class folders as they were, or start a new run with another --out."
    )


def make_splits(
    dataset: Dataset,
    readable: Sequence[int],
    groups: Sequence[int] | Callable[[], Sequence[int]] | None,
    *,
    seed: int,
    validation_fraction: float = VALIDATION_FRACTION,
    test_fraction: float = 0.1,
) -> Splits:
    """Split the readable images; an automatic split never separates items with equal numbers in `groups` (one per item).

    `groups` may be a function that returns the numbers; it is called only for an automatic split.

    The user's own splits stay as they are. Without a validation folder, validation is taken from train; without any split, test is
    too. With train and validation but no test folder, the test set is empty: a validation image must not become a test image.
    Fractions apply to each class, exact to within one group; a class of three groups or more is in every split, a smaller one
    is in train first. Raises BadDataset if there is nothing to train on, or a class is missing from train.
    """
    own: dict[str | None, list[int]] = {name: [] for name in (None, *SPLIT_NAMES)}
    for index in sorted(readable):
        own[dataset.items[index].split].append(index)
    pool = own[None] + own["train"]
    validation, test = own["validation"], own["test"]
    if not validation:
        unassigned = _GroupPool(dataset, groups() if callable(groups) else groups, pool, seed)
        test = test or unassigned.draw("test", test_fraction)
        validation = unassigned.draw("validation", validation_fraction)
        pool = list(unassigned.rest())
    splits = Splits(tuple(sorted(pool)), tuple(sorted(validation)), tuple(sorted(test)))
    _check_train(dataset, splits)
    return splits


class _GroupPool:
    """The unassigned images of a data set as shuffled groups per class, from which splits are drawn one after the other."""

    def __init__(self, dataset: Dataset, groups: Sequence[int] | None, pool: list[int], seed: int) -> None:
        self.classes: list[Groups] = [[] for _ in dataset.classes]
        together: dict[int, list[int]] = {}
        for index in pool:
            together.setdefault(index if groups is None else int(groups[index]), []).append(index)
        for group in together.values():
            self.classes[_main_label(dataset, group)].append(group)
        for label, of_class in enumerate(self.classes):
            order = np.random.default_rng([seed, label]).permutation(len(of_class))
            self.classes[label] = [of_class[place] for place in order]
        self.sizes = [sum(map(len, of_class)) for of_class in self.classes]

    def draw(self, split: str, fraction: float) -> list[int]:
        """Remove `fraction` of each class, counted in images, from the pool and return it."""
        drawn: list[int] = []
        for label, of_class in enumerate(self.classes):
            wanted = round(fraction * self.sizes[label])
            if fraction > 0 and wanted == 0 and len(of_class) >= (3 if split == "test" else 2):
                wanted = 1
            taken = _take(of_class, wanted)
            self.classes[label] = [group for place, group in enumerate(of_class) if place not in taken]
            drawn += [index for place in taken for index in of_class[place]]
        return drawn

    def rest(self) -> Iterable[int]:
        """The images that were not drawn: the training images."""
        return (index for of_class in self.classes for group in of_class for index in group)


def _take(groups: Groups, wanted: int) -> set[int]:
    """The indices of groups with `wanted` images in total, or as many as fit; never all groups, and one small group if none fits."""
    taken: set[int] = set()
    room = wanted
    for place, group in enumerate(groups):
        if len(group) <= room and len(taken) + 1 < len(groups):
            taken.add(place)
            room -= len(group)
    if wanted and not taken and len(groups) > 1:
        smallest = min(range(len(groups)), key=lambda place: len(groups[place]))
        if 2 * len(groups[smallest]) <= sum(map(len, groups)):
            taken.add(smallest)
    return taken


def _main_label(dataset: Dataset, group: list[int]) -> int:
    """The class that a group counts for: that of most of its images; in a tie, the first."""
    counts = np.bincount([dataset.items[index].label for index in group])
    return int(counts.argmax())


def _check_train(dataset: Dataset, splits: Splits) -> None:
    if not splits.train:
        raise BadDataset(f"{dataset.name} has no pictures to train on: all are in validation or test folders. Add a train folder.")
    trained = {dataset.items[index].label for index in splits.train}
    lost = sorted({dataset.items[index].label for index in (*splits.validation, *splits.test)} - trained)
    if lost:
        names = ", ".join(f"'{dataset.classes[label]}'" for label in lost[:5])
        raise BadDataset(
            f"{dataset.name} has pictures of {names} to validate or test with, but none to train on. "
            "Add some to its train folder, or remove the class everywhere."
        )


def take_fraction(dataset: Dataset, splits: Splits, fraction: float, *, seed: int) -> Splits:
    """The splits with a `fraction`, in (0, 1], of each class's training images: at least one, chosen by the seed."""
    if fraction >= 1:
        return splits
    by_class: dict[int, list[int]] = {}
    for index in splits.train:
        by_class.setdefault(dataset.items[index].label, []).append(index)
    kept: list[int] = []
    for label, indices in by_class.items():
        order = np.random.default_rng([seed, label]).permutation(len(indices))
        kept += [indices[place] for place in order[: max(1, round(fraction * len(indices)))]]
    return replace(splits, train=tuple(sorted(kept)))
