"""Pack a data set: one stored zip of class folders, all images at one short side, with an index that makes it open at once.

Images are decoded by threads, a few ahead of the one that is written, so that memory does not grow with their number. Names and errors of
a damaged source are kept; a packing that was broken off goes on where it was (see pack_journal).
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
from alexnet.errors import BadDataset, UnreadableImage
from alexnet.runtime.device import one_torch_thread
from alexnet.runtime.thread_pool import map_in_order

SIZE, QUALITY = 256, 90  # px of the short side (paper section 2); of the JPEGs that have to be made
SMALLEST, LARGEST = 16, 4096  # px
STEP = 32  # images between two words of progress

Answer = PackedImage | UnreadableImage


@dataclass(frozen=True, kw_only=True, slots=True)
class PackSummary:
    """What a packing has given.

    n: images in the pack, `copied` of them byte for byte; skipped: those that could not be read, listed in `skipped_file`; bytes: of the
    file; seconds: of this command, which may have gone on with an earlier one; resumed: images that were there already.
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
        """The same in sentences."""
        images = f"{self.n:,} pictures" if self.n != 1 else "1 picture"
        copied = f", {self.copied:,} copied as they are" if self.copied else ""
        first = f"{self.out}: {images} in {self.classes:,} classes{copied}; {self.bytes / 1e6:,.1f} MB in {self.seconds:,.1f} s."
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

    workers: decoding threads; 0 decodes in this one. on_progress hears (images done, images in all).
    Until it is finished, all lies in `out`.partial, and the same call goes on with it. The file is the same byte for byte, however often it
    was broken off and whatever the number of workers. Raises BadDataset for a place, size or quality that cannot be used, when the disk is
    full, and when no image can be read; KeyboardInterrupt when should_stop says so.
    """
    began = monotonic()
    _check(dataset, out, size, quality)
    partial = out.with_name(f"{out.name}.partial")
    with _explained(out, partial):
        packing = _Packing(dataset, partial, size=size, quality=quality)
        with closing(packing.journal):
            resumed = packing.journal.count
            packing.write_images(workers, on_progress, should_stop)
            count, skipped = packing.write_end()
        if not count.n:
            shutil.rmtree(partial)
            raise BadDataset(f"None of the {len(skipped):,} pictures of {dataset.name} can be read: {_example(skipped)}.")
        skipped_file = _list_skipped(skipped, out) if skipped else None
        packing.journal.finish(out)
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


class _Packing:
    """One packing while it is going on."""

    def __init__(self, dataset: Dataset, partial: Path, *, size: int, quality: int) -> None:
        self.dataset, self.size, self.quality = dataset, size, quality
        self.names = PackedNames(dataset)
        self.journal = Journal(partial, _job(dataset, size, quality))

    def write_images(self, workers: int, on_progress: Progress | None, should_stop: Callable[[], bool]) -> None:
        """Append all images that the journal does not know yet."""
        items, total = self.dataset.items, len(self.dataset.items)
        indices = range(self.journal.count, total)
        with one_torch_thread(), closing(map_in_order(self._answer, indices, threads=workers)) as answers:
            for index, answer in zip(indices, answers, strict=True):
                self._append(index, items[index], answer)
                if on_progress is not None and (self.journal.count % STEP == 0 or self.journal.count == total):
                    on_progress(self.journal.count, total)
                if should_stop():
                    raise KeyboardInterrupt

    def _answer(self, index: int) -> Answer:
        try:
            return packed_image(self.dataset, index, size=self.size, quality=self.quality)
        except UnreadableImage as problem:
            return problem

    def _append(self, index: int, item: Item, answer: Answer) -> None:
        record = _record(item, answer)
        if isinstance(answer, PackedImage):
            self.journal.add(record, self.names.name(index, item).encode(), answer.content)
        else:
            self.journal.skip(record, item.name, self.dataset.classes[item.label], answer.reason)

    def write_end(self) -> tuple[Tally, tuple[Skipped, ...]]:
        """Append what comes behind the images; gives what there is in all, and what could not be read."""
        count = tally(self.journal, len(self.dataset.classes))
        skipped = tuple(Skipped(*row) for row in self.journal.skipped())
        if count.n:
            facts = count.facts(self.dataset, self.names, self.size, self.quality)
            write_end(self.dataset, self.names, self.journal, facts, count)
        return count, skipped


def _record(item: Item, answer: Answer) -> Records:
    """The journal's record of an image, but for its place."""
    record = np.zeros((), RECORD)
    record["label"], record["split"] = item.label, UNSPLIT if item.split is None else SPLIT_NAMES.index(item.split)
    if isinstance(answer, PackedImage):
        record["kind"], record["gray"] = COPIED if answer.copied else ENCODED, answer.gray
        record["native"] = answer.source.width, answer.source.height
        record["digest"], record["thumbnail"] = answer.digest, answer.thumbnail
        record["colours"], record["products"] = answer.colours, answer.products
    return record


def _job(dataset: Dataset, size: int, quality: int) -> dict[str, Any]:
    """What must be the same for a packing to be gone on with."""
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
        raise BadDataset(f"The short side of packed pictures cannot be {size} px: give {SMALLEST} to {LARGEST}; {SIZE} is the paper's.")
    if not 1 <= quality <= 100:
        raise BadDataset(f"The quality of a JPEG cannot be {quality}: give 1 to 100; {QUALITY} loses nothing that can be seen.")
    if out.suffix.lower() != ".zip":
        raise BadDataset(f"A packed data set is a zip, and {out} does not end so: give {out.name}.zip or the like.")
    if out.exists():
        raise BadDataset(f"{out} is there already. Give another name, or delete it first.")
    if isinstance(dataset, FolderDataset) and out.resolve().is_relative_to(dataset.source.path.resolve()):
        raise BadDataset(f"{out} lies inside the data set itself. Give a place outside of {dataset.source.path}.")


@contextmanager
def _explained(out: Path, partial: Path) -> Iterator[None]:
    """Say of what ends a packing how to go on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(f"The same command goes on where this one stopped; or delete {partial}.")
        raise
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise BadDataset(
                f"The disk of {out} is full. Make room and give the same command: it goes on where it stopped. Or delete {partial}."
            ) from None
        where = f": {problem.filename}" if problem.filename else ""
        raise BadDataset(
            f"{out} cannot be packed ({problem.strerror or problem}{where}). Mend that and give the same command, or give another place."
        ) from None


def _list_skipped(skipped: tuple[Skipped, ...], out: Path) -> str:
    """Write photos.skipped.csv beside photos.zip."""
    path = out.with_suffix(".skipped.csv")
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "class", "reason"))
        rows.writerows((skip.name, skip.class_name, skip.reason) for skip in skipped)
    return str(path)


def _example(skipped: tuple[Skipped, ...]) -> str:
    return f"for example, {skipped[0].name} {skipped[0].reason}" if skipped else "there are none"
