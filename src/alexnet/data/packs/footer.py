"""The end of a packed data set, made from the journal of its images: the index, the zip's central directory, its comment.

Only some of the records are in memory at a time, never all names at once.
"""

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alexnet.data.dataset import SPLIT_NAMES, Dataset
from alexnet.data.packs.index import ALIGNMENT, COLUMNS, MEMBER, ColourSums, Facts, comment_for, index_header
from alexnet.data.packs.journal import COPIED, SKIPPED, Journal, Records, write_all
from alexnet.data.packs.names import PackedNames
from alexnet.data.packs.zip_records import Contents, aligned_header, directory_record, end_records, local_header

CRC_PLACE = 14  # offset of the CRC-32 in a local header
FIELDS = {name: name if name in ("gray", "native") else name.removesuffix("s") for name in COLUMNS} | {"ends": "name_bytes"}  # of records


@dataclass(kw_only=True, slots=True)
class Tally:
    """Totals over the journal's images.

    classes: int64, images per class; trained: training images; colours and products: sums over their pixels, whole numbers.
    """

    n: int = 0
    copied: int = 0
    name_bytes: int = 0
    classes: NDArray[np.int64]
    splits: Counter[str] = field(default_factory=Counter)
    trained: int = 0
    colours: list[int] = field(default_factory=lambda: [0] * 3)
    products: list[int] = field(default_factory=lambda: [0] * 6)

    def add(self, records: Records) -> None:
        """Add the images of some records."""
        self.n += len(records)
        self.copied += int((records["kind"] == COPIED).sum())
        self.name_bytes += int(records["name_bytes"].sum(dtype=np.int64))
        self.classes += np.bincount(records["label"], minlength=len(self.classes))
        for split, count in zip(*np.unique(records["split"], return_counts=True), strict=True):
            self.splits["unsplit" if split < 0 else SPLIT_NAMES[split]] += int(count)
        training = records[records["split"] <= SPLIT_NAMES.index("train")]  # or without a split
        self.trained += len(training)
        self.colours = [old + new for old, new in zip(self.colours, training["colours"].sum(axis=0).tolist(), strict=True)]
        self.products = [old + new for old, new in zip(self.products, training["products"].sum(axis=0).tolist(), strict=True)]

    @property
    def new_labels(self) -> NDArray[np.int64]:
        """The label of each class in the pack, where classes without a readable image are left out."""
        return np.cumsum(self.classes > 0) - 1

    def facts(self, dataset: Dataset, names: PackedNames, size: int, quality: int) -> Facts:
        """The part of the index that describes the whole data set."""
        used = np.flatnonzero(self.classes).tolist()
        return Facts(
            classes=tuple(dataset.classes[label] for label in used),
            folders=tuple(names.folders[label] for label in used),
            traits=dataset.traits,
            size=size,
            quality=quality,
            colours=ColourSums(pixels=self.trained * size**2, colours=tuple(self.colours), products=tuple(self.products)),
        )


def tally(journal: Journal, classes: int) -> Tally:
    """The totals over the images that could be read."""
    result = Tally(classes=np.zeros(classes, np.int64))
    for _, records in journal.chunks():
        result.add(records[records["kind"] != SKIPPED])
    return result


def write_end(dataset: Dataset, names: PackedNames, journal: Journal, facts: Facts, count: Tally) -> None:
    """Append the index, the central directory and the end records to the archive, after its images."""
    header, index_bytes = index_header(count.n, count.name_bytes, facts)
    local = aligned_header(MEMBER, index_bytes, 0, at=journal.archive_end, step=ALIGNMENT)
    write_all(journal.archive, local)
    crc = 0
    for part in _index_parts(header, dataset, names, journal, count.new_labels):
        write_all(journal.archive, part)
        crc = zlib.crc32(part, crc)
    index_at = journal.archive_end + len(local)
    contents = Contents(index_at + index_bytes, _write_contents(dataset, names, journal, index_bytes, crc), count.n + 1)
    write_all(journal.archive, end_records(contents, comment_for(index_at, index_bytes, contents)))
    _patch(journal.archive, journal.archive_end + CRC_PLACE, crc.to_bytes(4, "little"))


def _index_parts(header: bytes, dataset: Dataset, names: PackedNames, journal: Journal, new_labels: NDArray[np.int64]) -> Iterator[bytes]:
    yield header
    for column, (_, dtype, _) in COLUMNS.items():
        name_end = 0
        for _, records in journal.chunks():
            packed = records[records["kind"] != SKIPPED]
            values = packed[FIELDS[column]]
            if column == "ends":
                values = name_end + np.cumsum(values, dtype=np.int64)
                name_end = int(values[-1]) if len(values) else name_end
            elif column == "labels":
                values = new_labels[values]
            yield values.astype(dtype).tobytes()
    for _, packed_names in _packed_names(dataset, names, journal):
        yield b"".join(packed_names)


def _write_contents(dataset: Dataset, names: PackedNames, journal: Journal, index_bytes: int, index_crc: int) -> int:
    """Write the central directory; returns its length in bytes."""
    size = 0
    for records, packed_names in _packed_names(dataset, names, journal):
        columns = (records[column].tolist() for column in ("offset", "size", "checksum"))
        lines = [
            directory_record(name, offset - len(local_header(name, length, crc)), length, crc)
            for name, offset, length, crc in zip(packed_names, *columns, strict=True)
        ]
        size += _write(journal.archive, b"".join(lines))
    return size + _write(journal.archive, directory_record(MEMBER, journal.archive_end, index_bytes, index_crc))


def _packed_names(dataset: Dataset, names: PackedNames, journal: Journal) -> Iterator[tuple[Records, list[bytes]]]:
    """The records of the images that could be read, some at a time, and their names in the zip."""
    for start, records in journal.chunks():
        packed = records["kind"] != SKIPPED
        items = dataset.items[start : start + len(records)]
        numbered = zip(range(start, start + len(records)), items, packed.tolist(), strict=True)
        yield records[packed], [names.name(index, item).encode() for index, item, is_packed in numbered if is_packed]


def _write(file: int, content: bytes) -> int:
    write_all(file, content)
    return len(content)


def _patch(file: int, place: int, content: bytes) -> None:
    os.lseek(file, place, os.SEEK_SET)
    write_all(file, content)
    os.lseek(file, 0, os.SEEK_END)
