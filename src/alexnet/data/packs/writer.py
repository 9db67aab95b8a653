"""Pack a data set: one stored zip of class folders, all images with the same short side, with an index that lets it open instantly.

Images are decoded by threads, a few ahead of the one that is written, so that memory does not grow with their number. Unreadable images
are skipped and listed; an interrupted pack is resumed where it stopped (see journal).
"""

import csv
import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from alexnet.data.class_folders import FolderDataset
from alexnet.data.curation.scan import Progress
from alexnet.data.dataset import SPLIT_NAMES, Dataset, Item
from alexnet.data.fingerprints import Skipped
from alexnet.data.item_table import UNSPLIT
from alexnet.data.packs.footer import Tally, tally, write_end
from alexnet.data.packs.image import PackedImage, packed_image
from alexnet.data.packs.journal import COPIED, ENCODED, RECORD, Journal, Records
from alexnet.data.packs.names import PackedNames
from alexnet.errors import BadDataset, CannotWrite, UnreadableImage
from alexnet.i18n.units import data_size
from alexnet.runtime.device import one_torch_thread
from alexnet.runtime.thread_pool import map_in_order

SIZE, QUALITY = 256, 90  # px of the short side (paper section 2); quality of the JPEGs that are encoded
SMALLEST, LARGEST = 16, 4096  # px
STEP = 32  # images between two calls of on_progress

Outcome = PackedImage | UnreadableImage


@dataclass(frozen=True, kw_only=True, slots=True)
class PackSummary:
    """The result of `pack`.

    n: images in the pack, `copied` of them byte for byte; skipped: those that could not be read, listed in `skipped_file`; bytes: size of
    the file; seconds: of this call, which may have resumed an earlier one; resumed: images that the earlier one had done.
    """

    out: str
    n: int
    copied: int
    skipped: tuple[Skipped, ...]
    skipped_file: str | None
    classes: int
    splits: dict[str, int]
    bytes: int
    seconds: float
    resumed: int
    size: int
    quality: int

    def to_json(self) -> dict[str, Any]:
        """The object of `alexnet pack --json`; `skipped` is a count."""
        unreadable = [{"file": skip.name, "class": skip.class_name, "reason": skip.reason} for skip in self.skipped]
        return asdict(self) | {"skipped": len(self.skipped), "unreadable": unreadable}

    def lines(self) -> list[str]:
        """The result in sentences."""
        images = f"{self.n:,} pictures" if self.n != 1 else "1 picture"
        copied = f", {self.copied:,} copied as they are" if self.copied else ""
        first = f"{self.out}: {images} in {self.classes:,} classes{copied}; {data_size(self.bytes)} in {self.seconds:,.1f} s."
        if not self.skipped:
            return [first]
        return [first, f"{len(self.skipped):,} could not be read ({_example(self.skipped)}); {self.skipped_file} lists them all."]


def pack(
    dataset: Dataset,
    out: Path,
    *,
    size: int = SIZE,
    quality: int = QUALITY,
    workers: int = 0,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PackSummary:
    """Write `out`, a zip of the data set's images with their short side at `size` px (smaller ones keep theirs).

    workers: decoding threads; 0 decodes in the calling thread. on_progress is called with (images done, images in all).
    Until it is finished, everything is in `out`.partial, and the same call resumes it. The file is the same byte for byte, however often
    it was interrupted and for any number of workers. Raises BadDataset for an `out`, size or quality that cannot be used, when the disk is
    full, and when no image can be read; KeyboardInterrupt when should_stop returns true.
    """
    began = monotonic()
    _check(dataset, out, size, quality)
    partial = out.with_name(f"{out.name}.partial")
    with _advice(out, partial):
        writer = _Writer(dataset, partial, size=size, quality=quality)
        with closing(writer.journal):
            resumed = writer.journal.count
            writer.write_images(workers, on_progress, should_stop)
            count, skipped = writer.write_end()
        if not count.n:
            shutil.rmtree(partial)
            raise BadDataset(f"None of the {len(skipped):,} pictures of {dataset.name} can be read: {_example(skipped)}.")
        skipped_file = _list_skipped(skipped, out) if skipped else None
        writer.journal.finish(out)
    return PackSummary(
        out=str(out),
        n=count.n,
        copied=count.copied,
        skipped=skipped,
        skipped_file=skipped_file,
        classes=int((count.classes > 0).sum()),
        splits=dict(count.splits),
        bytes=out.stat().st_size,
        seconds=round(monotonic() - began, 3),
        resumed=resumed,
        size=size,
        quality=quality,
    )


class _Writer:
    """A pack while it is being written."""

    def __init__(self, dataset: Dataset, partial: Path, *, size: int, quality: int) -> None:
        self.dataset, self.size, self.quality = dataset, size, quality
        self.names = PackedNames(dataset)
        self.journal = Journal(partial, _job(dataset, size, quality))

    def write_images(self, workers: int, on_progress: Progress | None, should_stop: Callable[[], bool]) -> None:
        """Append all images that are not in the journal yet."""
        items, total = self.dataset.items, len(self.dataset.items)
        indices = range(self.journal.count, total)
        with one_torch_thread(), closing(map_in_order(self._packed, indices, threads=workers)) as outcomes:
            for index, outcome in zip(indices, outcomes, strict=True):
                self._append(index, items[index], outcome)
                if on_progress is not None and (self.journal.count % STEP == 0 or self.journal.count == total):
                    on_progress(self.journal.count, total)
                if should_stop():
                    raise KeyboardInterrupt

    def _packed(self, index: int) -> Outcome:
        try:
            return packed_image(self.dataset, index, size=self.size, quality=self.quality)
        except UnreadableImage as problem:
            return problem

    def _append(self, index: int, item: Item, outcome: Outcome) -> None:
        record = _record(item, outcome)
        if isinstance(outcome, PackedImage):
            self.journal.add(record, self.names.name(index, item).encode(), outcome.content)
        else:
            self.journal.skip(record, item.name, self.dataset.classes[item.label], outcome.reason)

    def write_end(self) -> tuple[Tally, tuple[Skipped, ...]]:
        """Append everything after the images; returns the totals and the images that could not be read."""
        count = tally(self.journal, len(self.dataset.classes))
        skipped = tuple(Skipped(*row) for row in self.journal.skipped())
        if count.n:
            facts = count.facts(self.dataset, self.names, self.size, self.quality)
            write_end(self.dataset, self.names, self.journal, facts, count)
        return count, skipped


def _record(item: Item, outcome: Outcome) -> Records:
    """The journal's record of an image, except for its position."""
    record = np.zeros((), RECORD)
    record["label"], record["split"] = item.label, UNSPLIT if item.split is None else SPLIT_NAMES.index(item.split)
    if isinstance(outcome, PackedImage):
        record["kind"], record["gray"] = COPIED if outcome.copied else ENCODED, outcome.gray
        record["native"] = outcome.source.width, outcome.source.height
        record["digest"], record["thumbnail"] = outcome.digest, outcome.thumbnail
        record["colours"], record["products"] = outcome.colours, outcome.products
    return record


def _job(dataset: Dataset, size: int, quality: int) -> dict[str, Any]:
    """What must be the same for an unfinished pack to be resumed."""
    listed = hashlib.blake2b(repr((dataset.classes, dataset.folders)).encode("utf-8", "backslashreplace"), digest_size=8)
    for item in dataset.items:
        listed.update(f"{item.name}\n{item.label} {item.split}\n".encode("utf-8", "surrogateescape"))
    place = Path(dataset.name)
    return {
        "source": str(place.resolve()) if place.exists() else dataset.name,
        "list of pictures": f"{len(dataset.items):,} pictures, fingerprint {listed.hexdigest()}",
        "size": size,
        "quality": quality,
        "format": 1,
    }


def _check(dataset: Dataset, out: Path, size: int, quality: int) -> None:
    if not SMALLEST <= size <= LARGEST:
        raise BadDataset(f"The short side of packed pictures cannot be {size} px: use {SMALLEST} to {LARGEST}; {SIZE} is the paper's.")
    if not 1 <= quality <= 100:
        raise BadDataset(f"The quality of a JPEG cannot be {quality}: use 1 to 100; {QUALITY} loses nothing visible.")
    if out.suffix.lower() != ".zip":
        raise BadDataset(f"A packed data set is a zip file, but {out} does not end in .zip: use {out.name}.zip, for example.")
    if out.exists():
        raise BadDataset(f"{out} already exists. Choose another name, or delete it first.")
    if isinstance(dataset, FolderDataset) and out.resolve().is_relative_to(dataset.source.path.resolve()):
        raise BadDataset(f"{out} is inside the data set itself. Choose a path outside {dataset.source.path}.")


@contextmanager
def _advice(out: Path, partial: Path) -> Iterator[None]:
    """Add to the error that ends the block how the pack can be resumed."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(f"Rerun the same command to resume, or delete {partial}.")
        raise
    except CannotWrite as problem:
        problem.add_note(f"Rerun the same command to resume, or delete {partial}.")
        raise
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise BadDataset(f"The disk of {out} is full. Make room and rerun the same command to resume, or delete {partial}.") from None
        where = f": {problem.filename}" if problem.filename else ""
        raise BadDataset(
            f"{out} cannot be written ({problem.strerror or problem}{where}). Fix that and rerun the same command, or choose another path."
        ) from None


def _list_skipped(skipped: tuple[Skipped, ...], out: Path) -> str:
    """Write photos.skipped.csv next to photos.zip."""
    path = out.with_suffix(".skipped.csv")
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "class", "reason"))
        rows.writerows((skip.name, skip.class_name, skip.reason) for skip in skipped)
    return str(path)


def _example(skipped: tuple[Skipped, ...]) -> str:
    return f"for example, {skipped[0].name} {skipped[0].reason}" if skipped else "there are none"
