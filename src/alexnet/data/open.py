"""A data set from what the user says: a folder, an archive, or a name. The one way data sets are opened."""

from difflib import get_close_matches
from pathlib import Path

from alexnet.data.class_folders import FolderDataset
from alexnet.data.dataset import SPLIT_NAMES, Dataset, Item, SplitName, Traits
from alexnet.data.imagenet.dataset import FILES, ImageNet
from alexnet.data.named.registry import NAMED
from alexnet.data.packs.dataset import open_packed
from alexnet.errors import BadDataset, did_you_mean
from alexnet.runtime.arguments import any_path

__all__ = ["NAMED", "SPLIT_NAMES", "Dataset", "Item", "SplitName", "Traits", "open_dataset"]


IMAGENET = "imagenet:"


def open_dataset(data: str | Path | Dataset) -> Dataset:
    """Class folders on disk or in a zip, tar or tar.gz, or a named data set; `imagenet:DIR` is ImageNet's original files in DIR.

    A plain name means the named set even where a folder is called so; `./digits` means the folder. Raises BadDataset, with the nearest
    names, for what is neither, and for a set without class folders; UnsafeArchive for names that climb out of an archive. A data set that
    is open is returned.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str) and data in NAMED:
        return NAMED[data]()
    if isinstance(data, str) and data.startswith(IMAGENET) and data != IMAGENET:
        return ImageNet(_expanded(any_path(data.removeprefix(IMAGENET), "ImageNet's folder", BadDataset)))
    path = _expanded(any_path(data, "The data set", BadDataset))
    if _exists(path):
        return open_packed(path) or FolderDataset(path)
    if str(data) in NAMED:
        return NAMED[str(data)]()
    if str(data) in ("imagenet", IMAGENET):
        raise BadDataset(f"ImageNet is opened as imagenet:DIR (imagenet:/data/imagenet, say), where the folder DIR holds {FILES}.")
    known = did_you_mean(str(data), [*NAMED, f"{IMAGENET}DIR"])
    raise BadDataset(f"No folder, archive or data set is called '{data}'.{_neighbour(path)} {known}")


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # ~somebody, who is not known here
        return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long to be one, or a folder that may not be looked into
        return False


def _neighbour(path: Path) -> str:
    """The nearest name beside a path that does not exist; often it is only misspelt."""
    try:
        beside = [found.name for found in path.parent.iterdir()]
    except OSError:
        return ""
    near = get_close_matches(path.name, beside, n=1, cutoff=0.75)
    return f" There is '{path.parent / near[0]}'." if near else ""
