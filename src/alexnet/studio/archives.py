"""An archive of class folders into a data set, in the background. It is read in place, and arrives as a whole or not at all."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.data.class_folders import FolderDataset
from alexnet.data.images.decode import read_header
from alexnet.errors import BadDataset, NoClassFolders, UnreadableImage, UnsafeArchive
from alexnet.i18n.units import data_size
from alexnet.studio.adding import check_split, make_folders, move_in, own_name
from alexnet.studio.datasets import DataSet, Split, opened
from alexnet.studio.limits import Limits
from alexnet.studio.names import folder_name
from alexnet.studio.receiving import check_room
from alexnet.studio.refusal import Refusal
from alexnet.studio.staged import write_moves

MOST_LISTED = 100  # files that were left out, by name


@dataclass(slots=True)
class Arrival:
    """How far an archive is: images done, in all; then how many were new, there already and left out, the first of those with reasons."""

    done: int = 0
    total: int = 0
    added: int = 0
    known: int = 0
    n_left_out: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    remarks: tuple[str, ...] = ()


def unpack(data: DataSet, archive: Path, stage: Path, limits: Limits, tell: Callable[[Arrival], None]) -> Arrival:
    """Copy the images of an archive into a data set; raises Refusal for an archive that cannot be used, or does not fit.

    stage: an empty folder on the data set's disk, where the images wait until all of them are there.
    """
    found = _opened(archive)
    if len(found.items) + data.size() > min(limits.archive_images, limits.data_set_images):
        raise Refusal("data_set_full", 413, most=min(limits.archive_images, limits.data_set_images))
    check_split(data, {item.split for item in found.items})
    places = {(folder_name(found.classes[item.label]), item.split) for item in found.items}
    arrival = Arrival(total=len(found.items), remarks=found.remarks)
    waiting = _stage(found, stage, limits, arrival, tell)
    make_folders(data, places)
    whole = opened(data.path)
    targets = {staged: whole.folder(name, split) / staged.name.split("-", 1)[1] for staged, (name, split) in waiting.items()}
    write_moves(stage, data.path, targets)
    for staged, target in targets.items():
        known = target.exists()
        move_in(staged, target)
        arrival.known += known
        arrival.added += not known
    shutil.rmtree(stage, ignore_errors=True)
    return arrival


def _opened(archive: Path) -> FolderDataset:
    try:
        return FolderDataset(archive)
    except UnsafeArchive:
        raise Refusal("unsafe") from None
    except NoClassFolders:
        raise Refusal("no_class_folders") from None
    except BadDataset as problem:
        raise Refusal("archive", reason=str(problem)) from None


def _stage(
    found: FolderDataset, stage: Path, limits: Limits, arrival: Arrival, tell: Callable[[Arrival], None]
) -> dict[Path, tuple[str, Split]]:
    """Write each readable image under its own name; returns where each of them belongs."""
    waiting: dict[Path, tuple[str, Split]] = {}
    unpacked = 0
    for index, item in enumerate(found.items):
        arrival.done = index + 1
        tell(arrival)
        try:
            content = found.content(index)
            read_header(content, item.name, max_pixels=limits.image_pixels)
        except UnreadableImage as problem:
            arrival.n_left_out += 1
            if len(arrival.left_out) < MOST_LISTED:
                arrival.left_out.append((item.name, problem.reason))
            continue
        unpacked += len(content)
        if unpacked > limits.unpacked_bytes:
            raise Refusal("too_large", 413, most=data_size(limits.unpacked_bytes))
        if index % 64 == 0:
            check_room(stage, len(content), limits)
        place = stage / f"{item.label}{item.split or ''}-{own_name(content, Path(item.name).suffix.lower())}"
        place.write_bytes(content)
        arrival.known += place in waiting
        waiting[place] = (folder_name(found.classes[item.label]), item.split)
    return waiting
