"""ImageNet's training images, in a tar of 1,000 class tars, in the class tars, or in class folders; and their labels."""

import os
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from alexnet.data.imagenet.devkit import WNID, Devkit
from alexnet.data.imagenet.file_index import IN_CLASS_FOLDER, Places, cached_places, images_in
from alexnet.data.sources.source import PositionedFile, is_image
from alexnet.data.sources.tar import TarMember, tar_members
from alexnet.errors import BadDataset

TRAIN_TAR, TRAIN_FOLDER = "ILSVRC2012_img_train.tar", "train"
WNID_AT = len("train/n")  # where the digits begin in the name of a training image
WNID_DIGITS = 8


def train_places(folder: Path) -> tuple[Path, Places]:
    """The tar or folder of the training images, and their places: the tar if it exists, since it is complete or refused."""
    tar = folder / TRAIN_TAR
    if tar.exists():
        return tar, cached_places(tar, [tar], partial(_tar_of_tars, tar))
    root = folder / TRAIN_FOLDER
    return root, _train_folder(root) if root.exists() else Places.of([])


def _tar_of_tars(path: Path) -> Places:
    file = PositionedFile(path)
    inner = {_tar_wnid(member.name): member for member in tar_members(file) if _tar_wnid(member.name)}
    if not inner:
        raise BadDataset(f"{path} holds none of ImageNet's class tars (n01440764.tar and so on). Download {TRAIN_TAR} again.")
    return Places.joined([_class_tar(file, member) for _, member in sorted(inner.items())])


def _class_tar(file: PositionedFile, inside: TarMember | None = None) -> Places:
    """The images of one class, ordered by name."""
    wnid = _tar_wnid(inside.name if inside else file.path.name)
    files = {PurePosixPath(member.name).name: member for member in tar_members(file, inside) if is_image(member.name)}
    return Places.of((f"train/{wnid}/{name}", member.offset, member.size) for name, member in sorted(files.items()))


def _tar_wnid(name: str) -> str:
    """The WordNet id of a class tar (n01440764 of n01440764.tar); empty for other names."""
    stem = PurePosixPath(name).name.removesuffix(".tar")
    return stem if name.endswith(".tar") and WNID.fullmatch(stem) else ""


def _train_folder(root: Path) -> Places:
    """Class tars and class folders; for a class that has both, the tar, since unpacking may have been interrupted."""
    names = sorted(entry.name for entry in os.scandir(root))
    tars = {_tar_wnid(name): root / name for name in names if _tar_wnid(name)}
    folders = [name for name in names if WNID.fullmatch(name) and name not in tars and (root / name).is_dir()]
    if not tars and not folders:
        raise BadDataset(f"{root} holds no class folders or class tars of ImageNet (n01440764/, n01440764.tar). Unpack {TRAIN_TAR} there.")
    parts = [_class_folder(root, wnid) for wnid in folders]
    if tars:
        files = list(tars.values())
        parts.append(cached_places(root, files, lambda: Places.joined([_class_tar(PositionedFile(file)) for file in files])))
    joined = Places.joined(parts)
    return Places.of(sorted(joined.entries())) if tars and folders else joined


def _class_folder(root: Path, wnid: str) -> Places:
    return Places.of((f"train/{wnid}/{name}", IN_CLASS_FOLDER, 0) for name in sorted(images_in(root / wnid)))


def train_labels(places: Places, kit: Devkit, root: Path) -> NDArray[np.int32]:
    """Labels, int32 (N,), computed for all images at once from the digits of the WordNet ids in their names."""
    starts = np.concatenate([[0], places.ends[:-1]]) if places.ends.size else places.ends
    numbers = np.zeros(len(starts), np.int64)
    for digit in range(WNID_DIGITS):
        numbers = 10 * numbers + places.names[starts + WNID_AT + digit] - ord("0")
    known = np.array([int(wnid[1:]) for wnid in kit.wnids])
    labels = np.searchsorted(known, numbers).clip(max=len(known) - 1)
    strange = np.unique(numbers[known[labels] != numbers])
    if strange.size:
        raise BadDataset(
            f"{root} has pictures of {strange.size:,} classes that are not in {kit.path}, for example n{strange[0]:08d}. "
            "Both must be from ILSVRC2012 (Task 1 & 2)."
        )
    return labels.astype(np.int32)
