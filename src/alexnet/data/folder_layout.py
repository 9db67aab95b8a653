"""Which folders of a data set are classes, which are splits, and which only contain the others; from the names of the files alone.

The class is the first folder below the split, or below the folder that holds all others; images may be deeper. Splits may also be inside
the classes (cat/train, cat/test). Where the names allow two readings, the user has to choose one.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from posixpath import commonpath
from typing import Literal

from alexnet.data.dataset import SplitName
from alexnet.data.sources.folder import LAYOUT
from alexnet.data.split_names import is_split_alone, says_nothing, split_folders
from alexnet.errors import BadDataset, NoClassFolders

LayoutOfFolders = Literal["splits", "classes"]  # what the top folders are
DATE = re.compile(r"(19|20)\d\d([-_. ]?\d\d){0,2}")  # a folder of a class, not a class

Inner = dict[str, tuple[str, ...]]  # name of an image -> the parts of its path below the top folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The meaning of the folders below `top`.

    splits: the split of each split folder, None for one whose name says nothing; {} without split folders. depths: how many folders are
    above the classes in each split folder. inside: the split folders are inside the class folders.
    """

    top: PurePosixPath = field(default_factory=PurePosixPath)
    splits: Mapping[str, SplitName | None] = field(default_factory=dict)
    depths: Mapping[str, int] = field(default_factory=dict)
    inside: bool = False

    def parts(self, name: str) -> tuple[str, ...]:
        """The folders and the file name below the top folder; () outside it."""
        pure = PurePosixPath(name)
        return pure.relative_to(self.top).parts if pure.is_relative_to(self.top) else ()

    def class_and_split(self, name: str) -> tuple[str, SplitName | None] | None:
        """The class folder and the split of a file; None if it is in no class folder."""
        parts = self.parts(name)
        if not self.splits or self.inside:
            split = self.splits.get(parts[1]) if self.inside and len(parts) > 2 else None
            return (parts[0], split) if len(parts) > 1 else None
        deep = self.depths.get(parts[0], 0) if parts else 0
        return (parts[deep], self.splits[parts[0]]) if deep and len(parts) > deep + 1 else None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know about the splits: how unusual names are read."""
        unusual = [f"{name} as {split}" for name, split in self.splits.items() if split and not is_split_alone(name)]
        pooled = [name for name, split in self.splits.items() if split is None]
        return (
            *([f"Split folders are read by their names: {', '.join(unusual)}."] if unusual else []),
            *([f"{_and(pooled)} name no split: their pictures are taken together, and split by the program."] if pooled else []),
        )


def find_layout(names: Sequence[str], path: Path, choice: LayoutOfFolders | None = None) -> Layout:
    """The layout of the images `names` of the data set `path`; choice: what the top folders are, if the user says so.

    Raises BadDataset if split folders are mixed with others, or if the folders can be read in two ways and there is no choice.
    """
    top = _top(names, choice)
    inner = {name: PurePosixPath(name).relative_to(top).parts for name in names if PurePosixPath(name).is_relative_to(top)}
    tops = {parts[0] for parts in inner.values() if len(parts) > 1}
    splits = _splits_above(tops, path, choice)
    if splits:
        return Layout(top=top, splits=splits, depths={folder: _depth(inner, folder, splits[folder]) for folder in splits})
    below = _splits_inside(inner)
    if below:
        return Layout(top=top, splits=below, inside=True)
    if choice is None:
        _check_clear(inner, path)
    return Layout(top=top)


def _top(names: Sequence[str], choice: LayoutOfFolders | None) -> PurePosixPath:
    """The folder that holds the class or split folders: the deepest one that contains every folder with images."""
    folders = Counter(PurePosixPath(name).parent for name in names)
    nested = [str(folder) for folder in folders if str(folder) != "."]
    if not nested:
        return PurePosixPath()
    shared = PurePosixPath(commonpath(nested))
    if len(nested) == 1 or (choice != "classes" and is_split_alone(shared.name)):
        shared = shared.parent
    if len(nested) == 1 and choice != "classes" and is_split_alone(shared.name):
        shared = shared.parent
    return shared


def _splits_above(tops: set[str], path: Path, choice: LayoutOfFolders | None) -> Mapping[str, SplitName | None]:
    """The splits among the top folders; {} if these are classes.

    `train` among other names is a class (the vehicle), unless another split folder is there too.
    """
    if choice == "classes":
        return {}
    splits = split_folders(tops)
    others = sorted(tops - set(splits))
    if choice == "splits" and not splits:
        return dict.fromkeys(others)
    if not splits or (others and choice is None and len(set(splits.values())) < 2):
        return {}
    if others:
        raise BadDataset(
            f"{path} has the split folders {', '.join(splits)} next to {', '.join(others[:5])}. If those are classes, move them into the "
            "splits, or add --layout-of-folders classes if all of them are; otherwise move them elsewhere, or rename them to the split "
            "that they are: train, validation or test."
        )
    return splits


def _depth(inner: Inner, folder: str, split: SplitName | None) -> int:
    """How many folders are above the classes: 2 in seg_train/seg_train/cat and train/images/cat, else 1."""
    inside = [parts for parts in inner.values() if parts[0] == folder and len(parts) > 1]
    only = {parts[1] for parts in inside}
    if len(only) != 1 or any(len(parts) < 4 for parts in inside):
        return 1
    (name,) = only
    return 2 if name == folder or says_nothing(name) or split_folders({name}).get(name, "") == split else 1


def _splits_inside(inner: Inner) -> Mapping[str, SplitName | None]:
    """The splits inside the classes, as in cat/train and cat/test; {} if the folders there are something else."""
    below = {parts[1] for parts in inner.values() if len(parts) > 2}
    splits = split_folders(below)
    return splits if set(splits) == below and len(set(splits.values())) > 1 else {}


def _check_clear(inner: Inner, path: Path) -> None:
    """Raise BadDataset if the top folders could be splits with names of their own: no images in them, and the same two or more folders."""
    below: dict[str, set[str]] = {}
    for parts in inner.values():
        if len(parts) == 2:
            return
        if len(parts) > 2:
            below.setdefault(parts[0], set()).add(parts[1])
    fewest = min(below.values(), key=len, default=set())
    if len(below) < 2 or len(fewest) < 2 or any(not fewest <= folders for folders in below.values()):
        return
    if all(DATE.fullmatch(name) for folders in below.values() for name in folders):
        return
    tops, folders = _and(sorted(below)), _and(sorted(fewest))
    raise BadDataset(
        f"{path} can be read in two ways. Either {tops} are classes, and {folders} only sort their pictures: add --layout-of-folders "
        f"classes. Or {tops} are splits, and {folders} are the classes: add --layout-of-folders splits, or rename the splits to train, "
        'validation and test. In Python: layout_of_folders="classes" or "splits".'
    )


def _and(names: Collection[str]) -> str:
    shown = [f"'{name}'" for name in list(names)[:5]] + (["others"] if len(names) > 5 else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def no_class_folders(path: Path, count: int, layout: Layout) -> BadDataset:
    """The error for a data set without class folders."""
    if not count:
        return BadDataset(f"{path} holds no pictures. {LAYOUT}")
    classes = f" If {_and(layout.splits)} are classes, add --layout-of-folders classes." if layout.splits else ""
    return NoClassFolders(f"{path} holds {count:,} pictures but no class folders. {LAYOUT}{classes}")
