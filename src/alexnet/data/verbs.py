"""The operations on whole data sets: inspect and pack."""

from collections.abc import Callable
from pathlib import Path

from alexnet.data.curation.inspection import Inspection
from alexnet.data.curation.inspection import inspect as inspect_dataset
from alexnet.data.curation.scan import Progress
from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.data.packs.writer import QUALITY, SIZE, PackSummary
from alexnet.data.packs.writer import pack as pack_dataset
from alexnet.errors import BadDataset
from alexnet.runtime.arguments import path_from, whole_number
from alexnet.runtime.machine import available_cpus


def inspect(
    data: str | Path | Dataset,
    *,
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Inspection:
    """Report what a data set holds: classes, sizes, unreadable files, duplicates, imbalance, and advice.

    data and layout_of_folders as for `open_dataset`; labels: a table of classes. workers: decoding threads, one per CPU if None;
    on_progress is called with (images done, images in all). Every image is decoded once; single broken files are
    reported. Raises BadDataset for anything that is not a data set.
    """
    return inspect_dataset(
        open_dataset(with_labels(data, labels), layout_of_folders=layout_of_folders), workers=_threads(workers), on_progress=on_progress
    )


def pack(
    data: str | Path | Dataset,
    out: str | Path,
    *,
    size: int = SIZE,
    quality: int = QUALITY,
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    workers: int | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PackSummary:
    """Pack a data set into one zip, `out`, that opens instantly: images with their short side at `size` px, read by position.

    data, layout_of_folders, labels, workers and on_progress as for `inspect`; quality: of the JPEGs, 1 to 100. A stopped pack is resumed
    by the same call, and the file is the same byte for byte for any number of workers. Raises BadDataset for an `out`, size or quality that
    cannot be used, when the disk is full, and when no image can be read; KeyboardInterrupt when should_stop returns true.
    """
    place = path_from(out, "The zip to write", BadDataset)
    chosen = {"size": whole_number(size, "size", mistake=BadDataset), "quality": whole_number(quality, "quality", mistake=BadDataset)}
    threads = _threads(workers)
    dataset = open_dataset(with_labels(data, labels), layout_of_folders=layout_of_folders)
    return pack_dataset(dataset, place, **chosen, workers=threads, on_progress=on_progress, should_stop=should_stop)


def _threads(workers: int | None) -> int:
    return available_cpus() if workers is None else whole_number(workers, "workers", least=0)
