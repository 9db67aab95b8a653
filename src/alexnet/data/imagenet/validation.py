"""ImageNet's validation images, in a flat tar, a flat folder, or class folders; their labels are in the development kit."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from alexnet.data.imagenet.devkit import WNID, Devkit
from alexnet.data.imagenet.file_index import IN_CLASS_FOLDER, LOOSE, Places, cached_places, images_in
from alexnet.data.sources.source import PositionedFile, is_image
from alexnet.data.sources.tar import tar_members
from alexnet.errors import BadDataset

VALIDATION_TAR, VALIDATION_FOLDER = "ILSVRC2012_img_val.tar", "val"
VALIDATION_NAME = re.compile(r"ILSVRC2012_val_([0-9]{8})\.jpe?g", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _ValidationImage:
    """A validation image: its file's name, its class folder, if any, and its position in the tar."""

    file: str
    wnid: str | None
    offset: int
    size: int


def validation_places(folder: Path, kit: Devkit, whole: bool) -> tuple[Path, Places, NDArray[np.int32]]:
    """The tar or folder of the validation images, their places, and their labels, int32 (N,); ordered by class, then by name.

    whole: all of ImageNet is expected, and a missing image is a mistake. Raises BadDataset.
    """
    tar = folder / VALIDATION_TAR
    root = tar if tar.exists() else folder / VALIDATION_FOLDER
    if not root.exists():
        return root, Places.of([]), np.zeros(0, np.int32)
    found = _packed_validation(tar) if root == tar else list(_unpacked_validation(root))
    labelled = sorted(((_label(image, kit, root), image) for image in found), key=lambda pair: (pair[0], pair[1].file))
    _check_numbers([image for _, image in labelled], kit, root, whole)
    entries = ((f"validation/{kit.wnids[label]}/{image.file}", image.offset, image.size) for label, image in labelled)
    return root, Places.of(entries), np.array([label for label, _ in labelled], np.int32)


def _packed_validation(tar: Path) -> list[_ValidationImage]:
    def index() -> Places:
        members = [member for member in tar_members(PositionedFile(tar)) if is_image(member.name)]
        return Places.of((PurePosixPath(member.name).name, member.offset, member.size) for member in members)

    return [_ValidationImage(file, None, offset, size) for file, offset, size in cached_places(tar, [tar], index).entries()]


def _unpacked_validation(root: Path) -> Iterator[_ValidationImage]:
    """The images of a flat folder, as unpacked, or sorted into class folders, or partly sorted."""
    yield from (_ValidationImage(file, None, LOOSE, 0) for file in images_in(root))
    for wnid in sorted(entry.name for entry in os.scandir(root) if WNID.fullmatch(entry.name) and entry.is_dir()):
        yield from (_ValidationImage(file, wnid, IN_CLASS_FOLDER, 0) for file in images_in(root / wnid))


def _label(image: _ValidationImage, kit: Devkit, root: Path) -> int:
    """The label in the ground truth, which must agree with the class folder if the images are sorted."""
    number = _number(image.file)
    if number is None:
        raise BadDataset(
            f"{root} holds {image.file}, but ImageNet's validation pictures are named ILSVRC2012_val_00000001.JPEG and so on. "
            "Move other pictures elsewhere."
        )
    if not 1 <= number <= len(kit.truth):
        raise BadDataset(
            f"{root} holds {image.file}, but the ground truth in {kit.path} has {len(kit.truth):,} lines, one per picture. "
            "Both must be from ILSVRC2012; the original has 50,000."
        )
    label = int(kit.truth[number - 1])
    if image.wnid not in (None, kit.wnids[label]):
        raise BadDataset(
            f"{root} has {image.file} in the class folder {image.wnid}, but its class in the ground truth of {kit.path} is "
            f"{kit.wnids[label]} ({kit.names[label]}). The pictures were sorted by another numbering of the classes; "
            f"unpack {VALIDATION_TAR} again."
        )
    return label


def _number(file: str) -> int | None:
    match = VALIDATION_NAME.fullmatch(file)
    return int(match[1]) if match else None


def _check_numbers(images: list[_ValidationImage], kit: Devkit, root: Path, whole: bool) -> None:
    """Raise BadDataset if an image appears twice, if there is none, or if one is missing although all are expected (`whole`)."""
    numbers = np.array([_number(image.file) for image in images], np.int64)
    times = np.bincount(numbers, minlength=len(kit.truth) + 1)[1:]
    if (times > 1).any():
        raise BadDataset(f"{root} holds validation picture {times.argmax() + 1} more than once. Delete one of its files.")
    missing = np.flatnonzero(times == 0) + 1
    if not numbers.size or (whole and missing.size):
        raise BadDataset(
            f"{root} lacks {missing.size:,} of the {times.size:,} validation pictures that {kit.path} lists, for example "
            f"ILSVRC2012_val_{missing[0]:08d}.JPEG. Copy or unpack {VALIDATION_TAR} again."
        )
