"""Examine a data set before training: what it holds, what is broken, what is duplicated, and what that means for training.

Works on broken data sets too and reports whatever it can. Independent of the screen: the command line prints the result.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median_low
from typing import Any

import numpy as np

from alexnet.data.balance import is_uneven
from alexnet.data.class_names import quoted
from alexnet.data.curation.duplicates import Pairs, exact_pairs, groups, near_pairs
from alexnet.data.curation.scan import UNREADABLE_SHARE, Progress, survey
from alexnet.data.curation.splits import make_splits
from alexnet.data.dataset import SPLIT_NAMES, Dataset
from alexnet.data.fingerprints import Skipped, Survey
from alexnet.errors import BadDataset

SIDE = 64  # pixels; whole images are squashed to it to be compared
SMALL_CLASS = 20  # images; a smaller class can hardly be learned or measured
TINY_SIDE = 32  # pixels


@dataclass(frozen=True, slots=True)
class Suspect:
    """Two images that look the same and should not both be there: `problem` is "across splits" or "two labels"."""

    first: str
    second: str
    problem: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `inspect` found.

    counts: class -> split ("unsplit" if the user made none) -> images; sizes: smallest, median and largest width and height in pixels of
    the upright images; duplicates: {"exact": [[a, b], ...], "near": ...} by name; imbalance: largest class over smallest.
    """

    name: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    sizes: dict[str, dict[str, int]]
    modes: dict[str, int]
    unreadable: tuple[Skipped, ...]
    outside: tuple[str, ...]
    duplicates: dict[str, list[tuple[str, str]]]
    suspects: tuple[Suspect, ...]
    imbalance: float
    advice: tuple[str, ...]
    split_plan: str = ""  # how a training will split the images, a sentence; empty if it would refuse them

    @property
    def splits(self) -> dict[str, int]:
        """Images in each split."""
        total: Counter[str] = Counter()
        for of_class in self.counts.values():
            total.update(of_class)
        return dict(total)

    def to_json(self) -> dict[str, Any]:
        """The object of `alexnet inspect --json`."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "n": sum(self.splits.values()),
            "splits": self.splits,
            "counts": self.counts,
            "sizes": self.sizes,
            "modes": self.modes,
            "unreadable": [{"file": skip.name, "class": skip.class_name, "reason": skip.reason} for skip in self.unreadable],
            "outside": list(self.outside),
            "duplicates": {kind: [list(pair) for pair in pairs] for kind, pairs in self.duplicates.items()},
            "suspects": [asdict(suspect) for suspect in self.suspects],
            "imbalance": self.imbalance,
            "advice": list(self.advice),
            "split_plan": self.split_plan,
        }


def inspect(dataset: Dataset, *, workers: int = 0, on_progress: Progress | None = None) -> Inspection:
    """Decode every image once and report; problems with single files never raise."""
    found = survey(dataset, SIDE, "squash", workers=workers, on_progress=on_progress)
    exact, near = exact_pairs(found.fingerprints), near_pairs(found.fingerprints)
    counts = _counts(dataset)
    sizes = _sizes(found)
    suspects = (*_suspects(dataset, exact, exact=True), *_suspects(dataset, near, exact=False))
    totals = [sum(of_class.values()) for of_class in counts.values()]
    imbalance = round(max(totals) / min(total for total in totals if total), 2)
    return Inspection(
        name=dataset.name,
        classes=dataset.classes,
        counts=counts,
        sizes=sizes,
        modes=dict(Counter(mode for mode in found.modes if mode).most_common()),
        unreadable=found.skipped,
        outside=dataset.outside,
        duplicates={"exact": _names(dataset, exact), "near": _names(dataset, near)},
        suspects=suspects,
        imbalance=imbalance,
        advice=(
            *_advice_on_files(dataset, counts, found.skipped),
            *_advice_on_duplicates(exact, near, suspects),
            *_advice_on_classes(counts, imbalance),
            *_advice_on_images(sizes),
        ),
        split_plan=_split_plan(dataset, found),
    )


def _split_plan(dataset: Dataset, found: Survey, seed: int = 0) -> str:
    """The split that a training with this seed makes, or has been given."""
    own = {item.split for item in dataset.items}
    readable = np.flatnonzero(found.fingerprints.readable).tolist()
    try:
        splits = make_splits(dataset, readable, lambda: groups(found.fingerprints).tolist(), seed=seed)
    except BadDataset:
        return ""
    if not splits.validation:
        return ""
    counts = f"{len(splits.train):,} training, {len(splits.validation):,} validation and {len(splits.test):,} test pictures"
    if "validation" in own:
        return f"A training uses your split: {counts}."
    made = "makes the split itself" if own == {None} else "takes the validation pictures from your train folder"
    return f"A training {made} (--seed {seed}): {counts}, of each class the same share; near duplicates stay on one side."


def _counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    tally: Counter[tuple[int, str]] = Counter((item.label, item.split or "unsplit") for item in dataset.items)
    order = [split for split in (*SPLIT_NAMES, "unsplit") if any(split == found for _, found in tally)]
    return {name: {split: tally[label, split] for split in order} for label, name in enumerate(dataset.classes)}


def _sizes(found: Survey) -> dict[str, dict[str, int]]:
    native = found.native[found.fingerprints.readable]
    if not len(native):
        return {}
    columns = {"width": native[:, 0].tolist(), "height": native[:, 1].tolist()}
    return {name: {"min": min(column), "median": median_low(column), "max": max(column)} for name, column in columns.items()}


def _names(dataset: Dataset, pairs: Pairs) -> list[tuple[str, str]]:
    return [(dataset.items[first].name, dataset.items[second].name) for first, second in pairs.tolist()]


def _suspects(dataset: Dataset, pairs: Pairs, *, exact: bool) -> Iterable[Suspect]:
    for first, second in pairs.tolist():
        one, other = dataset.items[first], dataset.items[second]
        if one.label != other.label:
            yield Suspect(one.name, other.name, "two labels", exact)
        if one.split != other.split:
            yield Suspect(one.name, other.name, "across splits", exact)


def _advice_on_files(dataset: Dataset, counts: dict[str, dict[str, int]], unreadable: tuple[Skipped, ...]) -> Iterable[str]:
    heic = Counter(skip.class_name for skip in unreadable if skip.is_heic)
    broken = Counter(skip.class_name for skip in unreadable if not skip.is_heic)
    bad = [name for name in dataset.classes if broken[name] > UNREADABLE_SHARE * (sum(counts[name].values()) - heic[name])]
    if heic:
        yield f"{_are(heic.total())} HEIC, which is not decoded here and will be left out: pip install '.[heic]' reads them."
    if bad:
        yield (
            f"Over 5% of {quoted(bad)} cannot be read: training refuses to start until those files are fixed or deleted, "
            "or --max-unreadable allows it."
        )
    elif broken:
        yield f"{_images(broken.total())} cannot be read and will be left out: too few to matter."
    yield from dataset.remarks
    alive = [name for name in dataset.classes if sum(counts[name].values()) > broken[name] + heic[name]]
    if len(alive) < 2:
        yield f"There is {'only one' if alive else 'no'} class with readable pictures: a classifier needs at least two."


def _advice_on_duplicates(exact: Pairs, near: Pairs, suspects: tuple[Suspect, ...]) -> Iterable[str]:
    across = [suspect for suspect in suspects if suspect.problem == "across splits"]
    labels = [suspect for suspect in suspects if suspect.problem == "two labels"]
    if across:
        yield (
            f"{_are(len({suspect.second for suspect in across}))} also in another split, exactly or nearly, "
            f"such as {across[0].first} = {across[0].second}: the error measured on it would be too low. Remove one of the two."
        )
    if labels:
        yield (
            f"{_are(len({suspect.second for suspect in labels}))} in two classes, such as {labels[0].first} = {labels[0].second}: "
            "one label is wrong, and no classifier can get both right."
        )
    copies = len(np.unique(np.concatenate([exact[:, 1], near[:, 1]])))
    if copies:
        yield f"{_are(copies)} the same as another, exactly or nearly: automatic splits never separate them."


def _advice_on_classes(counts: dict[str, dict[str, int]], imbalance: float) -> Iterable[str]:
    totals = {name: total for name, of_class in counts.items() if (total := sum(of_class.values()))}
    most, least = max(totals, key=lambda name: totals[name]), min(totals, key=lambda name: totals[name])
    if is_uneven(totals.values()):
        yield (
            f"'{most}' has {imbalance:g} times as many pictures as '{least}' ({totals[most]:,} and {totals[least]:,}): "
            "read the balanced accuracy and the error of each class, not the overall error alone. With --balance loss every class counts "
            "the same in a training; a search without --model tries both."
        )
    small = [name for name, total in totals.items() if total < SMALL_CLASS]
    if small:
        yield f"{quoted(small)}: fewer than {SMALL_CLASS} pictures: errors measured on them are very uncertain."
    for split in ("train", "validation", "test"):
        empty = [name for name, of_class in counts.items() if split in of_class and not of_class[split]]
        if empty:
            meaning = "it cannot be learned; training refuses to start" if split == "train" else "its error will not be known"
            yield f"No pictures of {quoted(empty)} in {split}: {meaning}."


def _advice_on_images(sizes: dict[str, dict[str, int]]) -> Iterable[str]:
    if not sizes:
        return
    if min(sizes["width"]["min"], sizes["height"]["min"]) < TINY_SIDE <= min(sizes["width"]["median"], sizes["height"]["median"]):
        yield f"Some pictures are under {TINY_SIDE} pixels, though most are larger: perhaps thumbnails slipped in."


def _images(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _are(count: int) -> str:
    return f"{_images(count)} {'is' if count == 1 else 'are'}"
