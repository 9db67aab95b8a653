"""How many images a training will learn from, and how many judge it; approximately, since near-duplicates stay together."""

from collections.abc import Mapping
from dataclasses import dataclass

from alexnet.studio.datasets import DataSet

Counts = Mapping[str, Mapping[str | None, int]]  # class -> split (None: the program splits) -> images


@dataclass(frozen=True, slots=True)
class Sizes:
    """Images for training, validation and test."""

    train: int
    validation: int
    test: int


def counts_by_split(data: DataSet) -> Counts:
    """The images of a data set of the workspace, with the split that is fixed in its table, if there is one."""
    if not data.is_fixed:
        return {name: {None if split == "all" else split: n for split, n in splits.items()} for name, splits in data.counts().items()}
    fixed = data.fixed_split()
    found: dict[str, dict[str | None, int]] = {name: {} for name in data.classes()}
    for name, class_name in data.names():
        split = fixed.get(name, "train")
        found[class_name][split] = found[class_name].get(split, 0) + 1
    return found


def sizes_of(counts: Counts) -> Sizes:
    """The split that a training uses or makes (data.curation.splits.make_splits)."""
    test, validation = (sum(of_class.get(split, 0) for of_class in counts.values()) for split in ("test", "validation"))
    pool = [of_class.get(None, 0) + of_class.get("train", 0) for of_class in counts.values()]
    if validation:
        return Sizes(sum(pool), validation, test)
    drawn_test = 0 if test else sum(_share(n, 3) for n in pool)
    drawn = sum(_share(n, 2) for n in pool)
    return Sizes(sum(pool) - drawn - drawn_test, drawn, test or drawn_test)


def _share(images: int, least: int) -> int:
    """A tenth of a class, at least one image if it has enough."""
    tenth = round(images / 10)
    return tenth or int(images >= least)
