"""A share of the training pictures: for learning curves. Smaller shares lie inside larger ones; validation and test stay whole."""

from dataclasses import replace

import numpy as np

from alexnet.data.dataset import Dataset
from alexnet.data.splits import Splits


def thinned(dataset: Dataset, splits: Splits, fraction: float, *, seed: int) -> Splits:
    """The splits with `fraction`, above 0 to 1, of each class's training pictures: at least one, chosen by the seed."""
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
