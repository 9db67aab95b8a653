"""Sources of encoded images: a folder, a zip, a tar or a compressed tar, each read in place.

A source lists its files by name (`/` between folders, as in a zip) and reads one at a time. An archive whose member names point outside it
is refused when it is opened. Sources may be read by many threads and copied into worker processes, by fork or by pickle. Independent of
classes, and of images except for their extensions.
"""

import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from alexnet.data.sources.source import MAX_FILE_BYTES, Listing, Source, cut_short, is_visible, read_image_file
from alexnet.data.sources.tar import CompressedTarSource, TarSource
from alexnet.data.sources.tar_headers import looks_like_tar
from alexnet.data.sources.zip import ZipSource
from alexnet.errors import BadDataset, UnreadableImage

LAYOUT = "Expected class folders: photos/cat/1.jpg, photos/dog/2.jpg; with train/, validation/, test/ above them if you have a split."


def open_source(path: Path) -> Source:
    """The source at a path that exists; raises BadDataset or UnsafeArchive."""
    if path.is_dir():
        return FolderSource(path)
    try:
        archive = _open_archive(path) if path.is_file() else None  # a pipe would hang
    except OSError as problem:
        raise BadDataset(f"{path} cannot be opened: {problem.strerror or problem}.") from None
    if archive is not None:
        return archive
    raise BadDataset(f"{path} is neither a folder nor a zip or tar. Use a folder, a zip, a tar or a tar.gz. {LAYOUT}")


def _open_archive(path: Path) -> Source | None:
    if _is_zip(path):
        return ZipSource(path)
    with path.open("rb") as file:
        start = file.read(512)
    if start[:4] == b"PK\3\4":  # begins like a zip, but has no central directory
        raise cut_short(path, "zip")
    if start[:2] == b"\x1f\x8b" or start[:3] == b"BZh" or start[:6] == b"\xfd7zXZ\0":
        return CompressedTarSource(path)
    return TarSource(path) if looks_like_tar(start) else None


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except (ValueError, OverflowError, struct.error):  # an end record with impossible numbers
        return False


class FolderSource(Source):
    """A folder; links are followed, each folder is entered once, and only regular files are listed (a pipe would block)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listing = Listing()
        self.names = tuple(sorted(self._walk(listing)))
        self.folders, self.ignored = frozenset(listing.folders), listing.ignored

    def read(self, name: str) -> bytes:
        """One file of the folder."""
        path = self.path / name
        try:
            return read_image_file(path, name, MAX_FILE_BYTES)
        except OSError as problem:
            raise UnreadableImage(name, f"cannot be opened ({problem.strerror or problem})") from None

    def _walk(self, listing: Listing) -> Iterator[str]:
        """The names of the images; folders and other files are added to `listing`."""
        entered = set[tuple[int, int]]()
        for folder, below, files in os.walk(self.path, followlinks=True, onerror=_refuse_folder):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in entered:
                below.clear()  # a link to a folder that has been visited
                continue
            entered.add((status.st_dev, status.st_ino))
            below[:] = sorted(filter(is_visible, below))  # litter is often closed to the user
            prefix = PurePosixPath(Path(folder).relative_to(self.path).as_posix())
            listing.add_folder(str(prefix))
            yield from (str(prefix / file) for file in files if listing.add_file(str(prefix / file)) and _is_file(Path(folder) / file))


def _refuse_folder(problem: OSError) -> None:
    raise BadDataset(f"The folder {problem.filename} cannot be opened: {problem.strerror}. Fix its permissions or move it elsewhere.")


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True  # listed, and reported when it is read
    except OSError:
        return path.is_symlink()  # a broken link too
