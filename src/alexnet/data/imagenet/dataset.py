"""ImageNet as it is downloaded (ILSVRC2012, Russakovsky et al. 2015): 1,281,167 images to train on, 50,000 to validate, 1,000 classes.

Read in place from the original files, or unpacked, or half of it unpacked: the same images under the same names in the same order, so
that a run goes on with either. The order is that of the names: train before validation, then by WordNet id, as the labels are.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexnet.data.dataset import SPLIT_NAMES, Dataset, Traits
from alexnet.data.imagenet.devkit import read_devkit
from alexnet.data.imagenet.file_index import Places, Shelf
from alexnet.data.imagenet.train import TRAIN_FOLDER, TRAIN_TAR, train_labels, train_places
from alexnet.data.imagenet.validation import VALIDATION_FOLDER, VALIDATION_TAR, validation_places
from alexnet.data.item_table import ItemTable
from alexnet.errors import BadDataset

FILES = (
    f"{TRAIN_TAR} (or {TRAIN_FOLDER}/, with its class tars or class folders), {VALIDATION_TAR} (or {VALIDATION_FOLDER}/) "
    "and ILSVRC2012_devkit_t12.tar.gz, as they come from https://image-net.org/challenges/LSVRC/2012/2012-downloads.php"
)


class ImageNet(Dataset):
    """The ILSVRC2012 files in `folder`; classes are named readably, and their folders are the WordNet ids.

    Training or validation images may be missing altogether, the development kit never. Raises BadDataset for what is missing, cut
    short, or does not fit together; UnsafeArchive for names that climb out of a tar.
    """

    name = "imagenet"

    items: ItemTable

    def __init__(self, folder: Path) -> None:
        try:
            self._open(folder)
        except OSError as problem:
            raise BadDataset(f"{problem.filename or folder} cannot be opened: {problem.strerror or problem}.") from None

    def _open(self, folder: Path) -> None:
        _check_there(folder)
        kit = read_devkit(folder)
        root, train = train_places(folder)
        labels = train_labels(train, kit, root)
        whole = not labels.size or bool(np.bincount(labels, minlength=len(kit.wnids)).all())
        validation_root, validation, truth = validation_places(folder, kit, whole)
        self.classes, self.wnids = kit.names, kit.wnids
        self.train, self.validation, self.trained = Shelf(root, train), Shelf(validation_root, validation), len(labels)
        names = Places.joined([train, validation])
        splits = np.repeat(np.array([SPLIT_NAMES.index("train"), SPLIT_NAMES.index("validation")], np.int8), [len(labels), len(truth)])
        self.items = ItemTable(names=names.names, ends=names.ends, labels=np.concatenate([labels, truth]), splits=splits)

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 (N,), straight from the columns."""
        return self.items.labels.astype(np.int64)

    @property
    def folders(self) -> tuple[str, ...]:
        """The WordNet ids, one per class."""
        return self.wnids

    @property
    def traits(self) -> Traits:
        """Photographs: a mirrored or recoloured one stays what it is."""
        return Traits(flip=True, colour=True)

    def content(self, index: int) -> bytes:
        """The original file; raises UnreadableImage."""
        place, name = range(len(self.items))[index], self.items[index].name
        return self.train.read(place, name) if place < self.trained else self.validation.read(place - self.trained, name)


def _check_there(folder: Path) -> None:
    if not folder.is_dir():
        raise BadDataset(f"imagenet:{folder} means a folder, and {folder} is none. Give the folder that holds {FILES}.")
    if not any((folder / name).exists() for name in (TRAIN_TAR, TRAIN_FOLDER, VALIDATION_TAR, VALIDATION_FOLDER)):
        raise BadDataset(f"{folder} holds no pictures of ImageNet. Put there {FILES}.")
