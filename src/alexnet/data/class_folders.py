"""Class folders: which folders of a source are classes, which are splits, and which only contain the others.

The class is the first folder below the split, or below the folder that holds all others; images may be deeper. Opening a data set uses
the file names only; pixels are read when an image is requested.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import commonpath

from alexnet.data.dataset import Dataset, Item, SplitName, Traits, traits_of
from alexnet.data.sources.folder import LAYOUT, open_source
from alexnet.data.sources.source import Source
from alexnet.errors import BadDataset

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


class FolderDataset(Dataset):
    """Class folders on disk or in an archive, read in place; the constructor raises BadDataset or UnsafeArchive."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.source: Source = open_source(path)
        placed, outside = place(self.source.names, path)
        self.outside = tuple(outside)
        self.classes = tuple(sorted({class_name for _, class_name, _ in placed}))
        labels = {class_name: label for label, class_name in enumerate(self.classes)}
        self.items = tuple(Item(name, labels[class_name], split) for name, class_name, split in placed)

    @cached_property
    def traits(self) -> Traits:
        """Inferred from the class names and the headers of a sample."""
        headers = self.sample_headers()
        gray = bool(headers) and all(header.mode in ("1", "L") or header.mode.startswith("I") for header in headers)
        return traits_of(self.classes, gray=gray)

    def content(self, index: int) -> bytes:
        """The encoded file; raises UnreadableImage."""
        return self.source.read(self.items[index].name)


def place(names: Sequence[str], path: Path) -> tuple[list[tuple[str, str, SplitName | None]], list[str]]:
    """The (name, class, split) of each image, and the names of the images outside class folders.

    Raises BadDataset if there are no images, no class folders, or split folders mixed with others.
    """
    if not names:
        raise BadDataset(f"{path} holds no pictures. {LAYOUT}")
    top = _top(names)
    inner = {name: PurePosixPath(name).relative_to(top).parts for name in names if PurePosixPath(name).is_relative_to(top)}
    split_above = _is_split_layout({parts[0] for parts in inner.values() if len(parts) > 1}, path)
    deep = 3 if split_above else 2
    placed = [
        (name, parts[deep - 2], SPLIT_FOLDERS[parts[0].lower()] if split_above else None)
        for name, parts in inner.items()
        if len(parts) >= deep
    ]
    if not placed:
        raise BadDataset(f"{path} holds {len(names):,} pictures but no class folders. {LAYOUT}")
    used = {name for name, _, _ in placed}
    return placed, [name for name in names if name not in used]


def _top(names: Sequence[str]) -> PurePosixPath:
    """The folder that holds the class or split folders: the deepest one that contains every folder with images."""
    folders = Counter(PurePosixPath(name).parent for name in names)
    nested = [str(folder) for folder in folders if str(folder) != "."]
    if not nested:
        return PurePosixPath()
    shared = PurePosixPath(commonpath(nested))
    if len(nested) == 1 or shared.name.lower() in SPLIT_FOLDERS:
        shared = shared.parent
    if len(nested) == 1 and shared.name.lower() in SPLIT_FOLDERS:
        shared = shared.parent
    return shared


def _is_split_layout(tops: set[str], path: Path) -> bool:
    """Whether the top folders are splits; `train` among other names is a class (the vehicle), unless another split folder is there too."""
    splits = {top for top in tops if top.lower() in SPLIT_FOLDERS}
    others = sorted(tops - splits)
    if not splits or (others and len({SPLIT_FOLDERS[top.lower()] for top in splits}) < 2):
        return False
    if others:
        raise BadDataset(
            f"{path} has the split folders {', '.join(sorted(splits))} next to {', '.join(others[:5])}. "
            "If those are classes, move them into the splits; otherwise move them elsewhere."
        )
    return True
