"""ImageNet as it is downloaded (ILSVRC2012, Russakovsky et al. 2015): 1,281,167 training and 50,000 validation images in 1,000 classes.

Read in place from the original files, unpacked, or partly unpacked: the same images under the same names in the same order, so that a
run can be resumed with either. They are ordered by name: training before validation, then by WordNet id, like the labels.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexnet.data.dataset import SPLIT_NAMES, Dataset, Traits
from alexnet.data.imagenet.devkit import read_devkit
from alexnet.data.imagenet.file_index import Places, SplitReader
from alexnet.data.imagenet.train import TRAIN_FOLDER, TRAIN_TAR, train_labels, train_places
from alexnet.data.imagenet.validation import VALIDATION_FOLDER, VALIDATION_TAR, validation_places
from alexnet.data.item_table import ItemTable
from alexnet.errors import BadDataset

FILES = (
    f"{TRAIN_TAR} (or {TRAIN_FOLDER}/, with its class tars or class folders), {VALIDATION_TAR} (or {VALIDATION_FOLDER}/) "
    "and ILSVRC2012_devkit_t12.tar.gz, as they come from https://image-net.org/challenges/LSVRC/2012/2012-downloads.php"
)


class ImageNet(Dataset):
    """The ILSVRC2012 files in `folder`; the classes have readable names, and their folders are the WordNet ids.

    Training or validation images may be missing altogether, but not the development kit. Raises BadDataset for files that are missing,
    cut short, or do not fit together; UnsafeArchive for member names that point outside a tar.
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
        self.train, self.validation, self.trained = SplitReader(root, train), SplitReader(validation_root, validation), len(labels)
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
        """Photographs: a mirrored or recoloured one keeps its class."""
        return Traits(flip=True, colour=True)

    def content(self, index: int) -> bytes:
        """The original file; raises UnreadableImage."""
        place, name = range(len(self.items))[index], self.items[index].name
        return self.train.read(place, name) if place < self.trained else self.validation.read(place - self.trained, name)


def _check_there(folder: Path) -> None:
    if not folder.is_dir():
        raise BadDataset(f"imagenet:{folder} means a folder, but {folder} is not one. Use the folder that holds {FILES}.")
    if not any((folder / name).exists() for name in (TRAIN_TAR, TRAIN_FOLDER, VALIDATION_TAR, VALIDATION_FOLDER)):
        raise BadDataset(f"{folder} holds no ImageNet pictures. It must hold {FILES}.")
