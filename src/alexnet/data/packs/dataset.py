"""A packed data set: one zip that `pack` has written, read by position through the index at its end.

Opening it makes no object per image and decodes nothing; forked worker processes share the index. The file itself is not mapped: a mapped
file that becomes shorter while it is read ends the process. A zip without such an index, or one that another tool has changed, is read
like any other zip (see class_folders).
"""

import zlib
from mmap import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexnet.data.dataset import Dataset, Traits
from alexnet.data.fingerprints import Fingerprints, Survey
from alexnet.data.item_table import ItemTable
from alexnet.data.packs.index import Index, read_index
from alexnet.data.pipeline.colour_statistics import ColourPCA
from alexnet.data.sources.source import PositionedFile
from alexnet.errors import BadDataset, UnreadableImage


class PackedDataset(Dataset):
    """A pack opened by `open_packed`; it can be copied into worker processes, each of which reads the index itself unless it was forked.

    mapped: the memory that holds the index.
    """

    items: ItemTable

    def __init__(self, file: PositionedFile, mapped: mmap, index: Index) -> None:
        self.path, self.file, self.mapped, self.index = file.path, file, mapped, index
        self.name, self.classes = str(file.path), index.facts.classes
        labels, splits = index.labels.copy(), index.splits.copy()  # small, and torch warns about read-only arrays
        self.items = ItemTable(names=index.names, ends=index.ends, labels=labels, splits=splits)

    @property
    def traits(self) -> Traits:
        """The traits of the data set that was packed."""
        return self.index.facts.traits

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 (N,), straight from the columns."""
        return self.items.labels.astype(np.int64)

    @property
    def folders(self) -> tuple[str, ...]:
        """The class folders in the zip."""
        return self.index.facts.folders

    def content(self, index: int) -> bytes:
        """The JPEG, its checksum verified; raises UnreadableImage."""
        size = int(self.index.sizes[index])
        try:
            content = self.file.read(int(self.index.offsets[index]), size)
        except OSError as problem:
            raise UnreadableImage(self.items[index].name, f"cannot be read ({problem.strerror or problem})") from None
        if len(content) < size:
            raise UnreadableImage(self.items[index].name, f"is no longer complete in {self.path}, which has become shorter")
        if zlib.crc32(content) != int(self.index.checksums[index]):
            raise UnreadableImage(self.items[index].name, "is damaged inside the zip (its checksum differs)")
        return content

    def known_survey(self) -> Survey:
        """Fingerprints of the packed images' centre squares at the pack's size, and the sizes of the original images."""
        index = self.index
        modes = tuple(np.where(index.gray, "L", "RGB").astype(object))
        readable = np.ones(len(index.ends), np.bool_)
        return Survey(Fingerprints(index.digests, index.thumbnails, readable), index.native.copy(), modes, ())

    def known_colours(self) -> ColourPCA | None:
        """From the training images' centre squares at the pack's size; None if the pack has no training images."""
        return self.index.facts.colours.pca()

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return _reopened, (self.path,)


def open_packed(path: Path, *, verified: bool = False) -> PackedDataset | None:
    """The packed data set in a file; None for any other file. verified: the index's checksum has been compared already.

    Raises BadDataset if its index is damaged, UnsafeArchive if names in it point outside the archive.
    """
    try:
        if not path.is_file():  # a pipe would block
            return None
        file = PositionedFile(path)
        if file.read(0, 4) != b"PK\3\4":
            return None
        found = read_index(file, verified=verified)
    except OSError:  # a file that cannot be read is reported by FolderDataset
        return None
    return None if found is None else PackedDataset(file, *found)


def _reopened(path: Path) -> PackedDataset:
    dataset = open_packed(path, verified=True)  # a worker process: its parent has compared the checksum
    if dataset is None:
        raise BadDataset(f"{path} has changed since it was opened and is no longer a packed data set. Restore it and start again.")
    return dataset
