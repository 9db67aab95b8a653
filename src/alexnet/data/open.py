"""Open a data set by folder, archive or name. All data sets are opened here."""

import errno
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from alexnet.data.class_folders import FolderDataset
from alexnet.data.dataset import SPLIT_NAMES, Dataset, Item, SplitName, Traits
from alexnet.data.folder_layout import LayoutOfFolders
from alexnet.data.imagenet.dataset import FILES, ImageNet
from alexnet.data.labels_file import PREFIX, open_labelled
from alexnet.data.named.registry import NAMED
from alexnet.data.packs.dataset import open_packed
from alexnet.errors import BadDataset, did_you_mean
from alexnet.runtime.arguments import any_path, one_of, require_text, shown_path

__all__ = ["NAMED", "SPLIT_NAMES", "Dataset", "Item", "LayoutOfFolders", "SplitName", "Traits", "open_dataset"]


IMAGENET = "imagenet:"


def open_dataset(data: str | Path | Dataset, *, layout_of_folders: str | None = None) -> Dataset:
    """Class folders on disk or in a zip, tar or tar.gz, or a named data set; `imagenet:DIR` is ImageNet's original files in DIR.

    `labels:TABLE.csv:DATA` takes the classes of the images in DATA from a table.
    A plain name means the named data set even if a folder has that name; `./digits` means the folder. A Dataset is returned as it is.
    layout_of_folders: what the top folders of a folder or archive are, "splits" or "classes", where their names allow two readings.
    Raises BadDataset, whose message suggests the nearest names, for anything else and for a data set without class folders; UnsafeArchive
    for member names that point outside the archive.
    """
    choice = layout_from(layout_of_folders)
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str) and data.startswith(PREFIX):
        return open_labelled(data)
    if isinstance(data, str) and data in NAMED:
        return NAMED[data]()
    if isinstance(data, str) and data.startswith(IMAGENET) and data != IMAGENET:
        return ImageNet(_expanded(any_path(data.removeprefix(IMAGENET), "ImageNet's folder", BadDataset)))
    path = _expanded(any_path(data, "The data set", BadDataset))
    require_text(path, "The data set", BadDataset)
    if _exists(path):
        return open_packed(path) or FolderDataset(path, choice)
    if str(data) in NAMED:
        return NAMED[str(data)]()
    if str(data) in ("imagenet", IMAGENET):
        raise BadDataset(f"ImageNet is opened as imagenet:DIR (imagenet:/data/imagenet, say), where the folder DIR holds {FILES}.")
    known = did_you_mean(str(data), [*NAMED, f"{IMAGENET}DIR"])
    raise BadDataset(f"No folder, archive or data set is called '{data}'.{_neighbour(path)} {known}")


def layout_from(value: str | None) -> LayoutOfFolders | None:
    """The argument `layout_of_folders`; raises BadDataset for anything but None, "splits" and "classes"."""
    return None if value is None else one_of(value, "layout of folders", get_args(LayoutOfFolders), BadDataset)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # ~user for an unknown user
        return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as problem:
        if problem.errno == errno.ENAMETOOLONG:
            return False
        raise BadDataset(f"{shown_path(path)} cannot be opened ({problem.strerror or problem}).") from None


def _neighbour(path: Path) -> str:
    """The nearest name in the folder of a path that does not exist, which is often only misspelt."""
    try:
        names = [found.name for found in path.parent.iterdir()]
    except OSError:
        return ""
    near = get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f" There is '{path.parent / near[0]}'." if near else ""
