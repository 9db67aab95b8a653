"""Images into a data set: checked, under a name of the studio's own, and there as a whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from alexnet.data.dataset import SPLIT_NAMES
from alexnet.data.folder_layout import find_layout
from alexnet.data.images.decode import decode_fitted
from alexnet.data.sources.source import EXTENSIONS
from alexnet.errors import BadDataset
from alexnet.studio.datasets import DataSet, Place, Split, listing
from alexnet.studio.limits import Limits
from alexnet.studio.names import folder_name
from alexnet.studio.receiving import disk_refusal
from alexnet.studio.refusal import Refusal

SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2", "HEIF": ".heic", "MPO": ".mpo", "PPM": ".ppm"}
CHECKED_SIDE = 160  # px; decoding to it finds whether a file can be read
DIGITS = 20  # of the checksum that is an image's name


def own_name(content: bytes, suffix: str) -> str:
    """The file name of an image: of its content alone, so that the same image has the same name."""
    return sha256(content).hexdigest()[:DIGITS] + suffix


def suffix_of(content: bytes, shown: str, limits: Limits) -> str:
    """The suffix that fits an image's content; raises UnreadableImage if it cannot be decoded."""
    _, header = decode_fitted(content, shown, CHECKED_SIDE, "squash", max_pixels=limits.image_pixels)
    suffix = SUFFIXES.get(header.format, f".{header.format.lower()}")
    return suffix if suffix in EXTENSIONS else ".png"


def add_image(data: DataSet, received: Path, class_name: str, split: Split, shown: str, limits: Limits) -> tuple[Place, bool]:
    """Move a received file into a class; returns its place, and whether it was there already.

    shown: the name by which its sender knows it, for messages. Raises UnreadableImage for a file that is not an image, Refusal if the data
    set is full or the disk is.
    """
    content = received.read_bytes()
    suffix = suffix_of(content, shown, limits)
    folder = data.folder(class_name, split)
    if data.size() >= limits.data_set_images:
        raise Refusal("data_set_full", 413, most=limits.data_set_images)
    found = Place(class_name, split, own_name(content, suffix))
    if found.file in listing(folder):
        return found, True
    move_in(received, folder / found.file)
    return found, False


def move_in(received: Path, target: Path) -> None:
    """Move a complete file to where it belongs: a reader finds it whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        received.replace(target)
    except OSError as error:
        raise disk_refusal(error) from None


@dataclass(frozen=True, slots=True)
class Laid:
    """Where an image of a dropped folder belongs; class_name is None for one that is in no class folder."""

    class_name: str | None
    split: Split


def layout_of(data: DataSet, paths: Sequence[str]) -> list[Laid]:
    """The class and split of each image of a dropped folder, from the paths as its sender's system has them; nothing is read.

    They are read as those of any other data set. Raises Refusal if there are no class folders, or for a split that does not fit.
    """
    names = [str(PurePosixPath(path.replace("\\", "/"))) for path in paths]
    try:
        layout = find_layout(names, Path("-"))
    except BadDataset as problem:
        raise Refusal("layout", 422, reason=str(problem)) from None
    found = [layout.class_and_split(name) for name in names]
    if not any(found):
        raise Refusal("no_class_folders")
    laid = [Laid(folder_name(one[0]), one[1]) if one is not None else Laid(None, None) for one in found]
    check_split(data, {one.split for one in laid})
    return laid


def check_split(data: DataSet, splits: set[Split]) -> None:
    """Raise Refusal if images that bring a split are to go into a data set that has images and none."""
    if splits - {None} and not data.splits and data.size():
        raise Refusal("split_mixed", 409, name=data.name)


def make_folders(data: DataSet, places: set[tuple[str, Split]]) -> None:
    """Make the folders of the classes of a dropped folder or an archive, with split folders if it has a split and the data set can."""
    has_split = bool(data.splits) or any(split for _, split in places)
    for name, split in places:
        top = data.path / (_top_of(data, split) if has_split else "")
        (top / folder_name(name)).mkdir(parents=True, exist_ok=True)


def _top_of(data: DataSet, split: Split) -> str:
    chosen = split if split in SPLIT_NAMES else "train"
    return data.splits[chosen].name if chosen in data.splits else chosen
