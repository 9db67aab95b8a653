"""Data sets that are folders of classes, on disk or in an archive.

Opening one uses the file names only (see folder_layout); pixels are read when an image is requested.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from alexnet.data.class_names import composed, name_remarks, printable, require_text
from alexnet.data.dataset import Dataset, Item, SplitName, Traits
from alexnet.data.empty_folders import empty_folder_remarks, no_images
from alexnet.data.folder_layout import Layout, LayoutOfFolders, find_layout, no_class_folders
from alexnet.data.sources.folder import open_source
from alexnet.data.sources.source import Source


class FolderDataset(Dataset):
    """Class folders on disk or in an archive, read in place; the constructor raises BadDataset or UnsafeArchive.

    choice: what the top folders are, where their names allow two readings.
    """

    def __init__(self, path: Path, choice: LayoutOfFolders | None = None) -> None:
        self.name = str(path)
        self.source: Source = open_source(path)
        if not self.source.names:
            raise no_images(path, self.source)
        layout = find_layout(self.source.names, path, choice)
        placed, outside = placed_in(layout, self.source.names, path)
        self.outside = tuple(outside)
        folders = sorted({folder for _, folder, _ in placed})
        self.classes = tuple(sorted(set(map(composed, folders))))
        labels = {folder: self.classes.index(composed(folder)) for folder in folders}
        self.items = tuple(Item(name, labels[folder], split) for name, folder, split in placed)
        self.remarks = (
            *self.source.remarks,
            *layout.remarks,
            *name_remarks(folders),
            *empty_folder_remarks(self.source, layout, self.classes),
            *_outside_remark(self.outside),
        )

    @cached_property
    def traits(self) -> Traits:
        """Inferred from the class names and the headers of a sample."""
        return self.sampled_traits()

    def content(self, index: int) -> bytes:
        """The encoded file; raises UnreadableImage."""
        return self.source.read(self.items[index].name)


def _outside_remark(outside: Sequence[str]) -> list[str]:
    count = "1 picture" if len(outside) == 1 else f"{len(outside):,} pictures"
    return [f"{count} outside the class folders, such as {printable(outside[0])}, will not be used."] if outside else []


def place(
    names: Sequence[str], path: Path, choice: LayoutOfFolders | None = None
) -> tuple[list[tuple[str, str, SplitName | None]], list[str]]:
    """The (name, class folder, split) of each image, and the names of the images outside class folders.

    Raises BadDataset if there are no class folders, or as `find_layout` does.
    """
    return placed_in(find_layout(names, path, choice), names, path)


def placed_in(layout: Layout, names: Sequence[str], path: Path) -> tuple[list[tuple[str, str, SplitName | None]], list[str]]:
    """The same with a layout that is known."""
    found = [(name, layout.class_and_split(name)) for name in names]
    placed = [(name, *where) for name, where in found if where is not None]
    if not placed:
        raise no_class_folders(path, len(names), layout)
    require_text({folder for _, folder, _ in placed}, path)
    return placed, [name for name, where in found if where is None]
