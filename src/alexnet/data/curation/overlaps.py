"""What is wrong with a split that has been made: images on both sides of it, and classes that cannot be split.

Independent of how the split was made and of the screen: the results are sentences.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexnet.data.curation.duplicates import group_numbers
from alexnet.data.curation.splits import Splits
from alexnet.data.dataset import SPLIT_NAMES, Dataset
from alexnet.data.fingerprints import Fingerprints

MOST_COMPARED = 20_000  # images; among more, only copies that are equal to the byte are looked for, which takes no time


def overlap_remarks(dataset: Dataset, splits: Splits, fingerprints: Fingerprints) -> tuple[str, ...]:
    """A sentence for validation and test images that are in an earlier split too; () if the program made the split."""
    if all(item.split is None for item in dataset.items):
        return ()
    near = len(dataset.items) <= MOST_COMPARED
    numbers = group_numbers(fingerprints, near=near)
    how = "exactly or nearly" if near else "to the byte"
    found = [
        _overlap(dataset, numbers, earlier, later, splits, how)
        for place, later in enumerate(SPLIT_NAMES)
        for earlier in SPLIT_NAMES[:place]
    ]
    return tuple(sentence for sentence in found if sentence)


def _overlap(dataset: Dataset, numbers: NDArray[np.int64], earlier: str, later: str, splits: Splits, how: str) -> str:
    first = {int(numbers[index]): index for index in reversed(getattr(splits, earlier))}
    twice = [index for index in getattr(splits, later) if int(numbers[index]) in first]
    if not twice:
        return ""
    names = dataset.items[twice[0]].name, dataset.items[first[int(numbers[twice[0]])]].name
    return (
        f"{len(twice):,} of the {len(getattr(splits, later)):,} {later} pictures are also in {earlier}, {how}, such as {names[0]} = "
        f"{names[1]}: the error measured on them is too low. `alexnet inspect {dataset.name}` lists them."
    )


def inseparable_classes(dataset: Dataset, indices: Sequence[int], groups: Sequence[int]) -> list[str]:
    """The classes of several images that are all near-duplicates of each other, so that none can be validated or tested on."""
    counts = Counter(dataset.items[index].label for index in indices)
    distinct = Counter(label for label, _ in {(dataset.items[index].label, int(groups[index])) for index in indices})
    return [dataset.classes[label] for label in sorted(counts) if counts[label] > 1 and distinct[label] == 1]
