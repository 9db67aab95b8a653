"""The images that runs learned from, by the names that their folders record, as thumbnails. Opened data sets are kept for a while."""

from functools import lru_cache
from pathlib import Path

from alexnet.data.dataset import Dataset
from alexnet.data.images.decode import decode_fitted, read_header
from alexnet.data.images.encode import jpeg_bytes
from alexnet.data.open import open_dataset
from alexnet.data.sources.source import MAX_FILE_BYTES, read_image_file
from alexnet.runs.folder import RunFolder
from alexnet.runs.own_data import layout_of
from alexnet.studio.datasets import DataSets
from alexnet.studio.findings import signature_of
from alexnet.studio.refusal import Refusal
from alexnet.studio.runs import data_of

SIDE, QUALITY = 160, 85


class RunImages:
    """Looks images up in the data sets of runs."""

    def __init__(self, data_sets: DataSets) -> None:
        self.data_sets = data_sets

    def thumbnail(self, run: Path, name: str) -> bytes:
        """A JPEG of an image of a run's data set; raises Refusal (404) if it has none of that name, and what opening it raises."""
        dataset, places = self.opened(run)
        if name not in places:
            raise Refusal("no_image", 404, name=name)
        return thumbnail(dataset, places[name])

    def opened(self, run: Path) -> tuple[Dataset, dict[str, int]]:
        """The data set of a run, and the place of each image's name; raises Refusal (404) if the run records none."""
        data = data_of(run)
        if not data:
            raise Refusal("no_data_of_run", 404, name=run.name)
        ours = self.data_sets.of_path(data)
        return _opened(data, layout_of(RunFolder(run)), signature_of(ours) if ours is not None else ())


def thumbnail(dataset: Dataset, index: int) -> bytes:
    """A small JPEG of one image of a data set, not enlarged; raises UnreadableImage."""
    header = dataset.header(index)
    side = min(SIDE, header.width, header.height)
    return jpeg_bytes(dataset.fitted(index, side, "crop")[0], gray=False, quality=QUALITY)


def thumbnail_of_file(path: Path) -> bytes:
    """The same of an image file; raises UnreadableImage, and Refusal (404) for one that cannot be opened."""
    try:
        content = read_image_file(path, path.name, MAX_FILE_BYTES)
    except OSError:
        raise Refusal("no_image", 404, name=path.name) from None
    header = read_header(content, path.name)
    side = min(SIDE, header.width, header.height)
    return jpeg_bytes(decode_fitted(content, path.name, side, "crop")[0], gray=False, quality=QUALITY)


@lru_cache(maxsize=4)
def _opened(data: str, layout: str | None, changed: object) -> tuple[Dataset, dict[str, int]]:
    """changed: another value once the data set has changed."""
    dataset = open_dataset(data, layout_of_folders=layout)
    return dataset, {item.name: index for index, item in enumerate(dataset.items)}
