"""The data sets of the workspace: class folders, listed a page at a time. Independent of what is in the images.

A data set has its classes at the top (NAME/CLASS), or its own split above them (NAME/train/CLASS). Listings are read once and kept until
their folder changes, so that a data set of many thousands of images is opened as fast as a small one.
"""

import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.data.class_names import is_text
from alexnet.data.dataset import SPLIT_NAMES, SplitName
from alexnet.data.labels_file import read_labels
from alexnet.data.sources.source import is_image, is_visible
from alexnet.data.split_names import split_folders
from alexnet.studio.names import TABLE, class_name, folder_name
from alexnet.studio.refusal import Refusal
from alexnet.studio.unchanged import kept_until_changed
from alexnet.studio.workspace import Workspace

BIN = ".bin"
Split = SplitName | None  # None: of a data set without split folders


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image is: its class, its split folder if there are any, and its file name there."""

    class_name: str
    split: Split
    file: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set's folder."""

    path: Path
    splits: Mapping[SplitName, Path] = field(default_factory=dict)  # its split folders; {} without any

    @property
    def name(self) -> str:
        """Its name: that of its folder."""
        return self.path.name

    @property
    def table(self) -> Path:
        """The table of its split; see corrections."""
        return self.path / TABLE

    @property
    def is_fixed(self) -> bool:
        """Whether it has that table."""
        return self.table.is_file()

    def classes(self) -> list[str]:
        """The names of the class folders, empty ones too."""
        tops = list(self.splits.values()) or [self.path]
        return sorted({name for top in tops for name in _folders(top)})

    def folder(self, class_name: str, split: Split) -> Path:
        """The folder of a class that exists; of a data set with split folders, in that of `split`, by default train."""
        if class_name not in self.classes():
            raise Refusal("no_class", 404, name=class_name)
        if not self.splits:
            return self.path / class_name
        top = self.splits.get(split or "train")
        if top is None:
            raise Refusal("no_split", 404, name=str(split))
        return top / class_name

    def folders(self) -> Iterator[tuple[str, Split, Path]]:
        """Each class, and its folder in each split."""
        for name in self.classes():
            if not self.splits:
                yield name, None, self.path / name
            for split, top in self.splits.items():
                yield name, split, top / name

    def counts(self) -> dict[str, dict[str, int]]:
        """Class -> split ("all" without split folders) -> images."""
        found: dict[str, dict[str, int]] = {}
        for name, split, folder in self.folders():
            found.setdefault(name, {})[split or "all"] = len(listing(folder))
        return found

    def size(self) -> int:
        """The number of images."""
        return sum(len(listing(folder)) for _, _, folder in self.folders())

    def file(self, place: Place) -> Path:
        """The path of an image that is there; raises Refusal (404) if it is not."""
        folder = self.folder(place.class_name, place.split)
        names = listing(folder)
        number = bisect_left(names, place.file)
        if number == len(names) or names[number] != place.file:
            raise Refusal("no_image", 404, name=place.file)
        return folder / names[number]

    def files(self, places: Iterable[Place]) -> dict[Path, Place]:
        """The paths of images that are there, each once; raises Refusal (404) if one is not."""
        listed: dict[tuple[str, Split], tuple[Path, frozenset[str]]] = {}
        found: dict[Path, Place] = {}
        for place in places:
            if (key := (place.class_name, place.split)) not in listed:
                folder = self.folder(*key)
                listed[key] = folder, frozenset(listing(folder))
            folder, names = listed[key]
            if place.file not in names:
                raise Refusal("no_image", 404, name=place.file)
            found[folder / place.file] = place
        return found

    def add_class(self, text: str) -> str:
        """Make the folder of a new class; raises Refusal if it exists or cannot be its name."""
        name = class_name(text)
        if name.casefold() in {one.casefold() for one in self.classes()}:
            raise Refusal("class_exists", 409, name=name)
        try:
            (self.splits.get("train", self.path) / name).mkdir(parents=True)
        except FileExistsError:  # another browser was first, or it is a file
            raise Refusal("class_exists", 409, name=name) from None
        return name

    def fixed_split(self) -> dict[str, str]:
        """The split that the table has for each image, by its path below the data set's folder; {} without a table."""
        return {row.file: row.split for row in read_labels(self.table)} if self.is_fixed else {}

    def names(self) -> Iterator[tuple[str, str]]:
        """The path of each image below the data set's folder, with `/`, and its class."""
        for class_name_, _, folder in self.folders():
            below = folder.relative_to(self.path).as_posix()
            for file in listing(folder):
                yield f"{below}/{file}", class_name_


def listing(folder: Path) -> tuple[str, ...]:
    """The names of the images in a folder, sorted; () if it is not there. No page can show a name that is not UTF-8."""
    try:
        return _listed(folder)
    except OSError:
        return ()


@kept_until_changed
def _listed(folder: Path) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted(entry.name for entry in entries if is_image(entry.name) and is_text(entry.name) and entry.is_file()))


def _folders(top: Path) -> list[str]:
    try:
        with os.scandir(top) as entries:
            return [entry.name for entry in entries if is_visible(entry.name) and is_text(entry.name) and entry.is_dir()]
    except OSError:
        return []


class DataSets:
    """All data sets of a workspace. changing: held while images are moved, and while a table of a split is written."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.changing = threading.Lock()

    def names(self) -> list[str]:
        """Their names."""
        return sorted(_folders(self.workspace.data))

    def find(self, name: str) -> DataSet:
        """The data set of that name; raises Refusal (404)."""
        if name not in self.names():
            raise Refusal("no_data_set", 404, name=name)
        return opened(self.workspace.data / name)

    def create(self, text: str) -> DataSet:
        """A new, empty data set; raises Refusal if the name is taken or cannot be one."""
        name = folder_name(text)
        if name.casefold() in {one.casefold() for one in self.names()}:
            raise Refusal("data_set_exists", 409, name=name)
        try:
            (self.workspace.data / name).mkdir(parents=True)
        except FileExistsError:  # another browser was first, or it is a file
            raise Refusal("data_set_exists", 409, name=name) from None
        return opened(self.workspace.data / name)

    def of_path(self, data: str) -> DataSet | None:
        """The data set that a recipe's `data` means, if it is one of the workspace's."""
        last = data.split(":", 2)[-1] if data.startswith("labels:") else data
        path = Path(last).absolute()
        return opened(path) if path.parent == self.workspace.data and path.is_dir() else None


def opened(path: Path) -> DataSet:
    """The data set in a folder, with its split folders."""
    tops = split_folders(_folders(path))
    plain = set(_folders(path)) - set(tops)
    if plain or len(set(tops.values())) < len(tops):  # a class called test_tube, or two folders for one split
        tops = {}
    known = {split: path / name for name, split in tops.items()}
    return DataSet(path, {split: known[split] for split in SPLIT_NAMES if split in known})
