"""Text and JSON files that are complete or absent, locked folders, and names for new folders."""

import errno
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from alexnet.errors import BadRun, CannotWrite
from alexnet.storage.records import convert, read_json

T = TypeVar("T")

PARTIAL = ".partial"  # suffix of files that are not complete yet
_FULL = "the disk is full. Make room, then rerun the same command; what was written before is complete."
_DENIED = "permission is missing. Change the permissions, or choose another folder."
REASONS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ENOENT: "its folder is gone. Put it back, or choose another folder.",
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "a file is where a folder must be. Choose another folder."),
    errno.EROFS: "the disk is read-only. Choose a folder on another disk.",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one.",
}


def read_record(path: Path, kind: type[T], remedy: str = "copy the run again, or delete the file and add --resume.") -> T:
    """The dataclass in a JSON file of a run folder; raises BadRun, whose message ends with `remedy`, when the file is damaged."""
    try:
        return convert(kind, read_json(path))
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}); {remedy}") from None


def write_unflushed(path: Path, content: bytes | str) -> None:
    """Write a file that is complete or absent for every reader, but may be lost in a power cut: for what is of no use after one."""
    partial = temporary_beside(path)
    with writing(path):
        try:
            partial.write_bytes(_encoded(content))
            partial.replace(path)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a whole file, as `replaced` does. Text is UTF-8."""
    with replaced(path) as partial:
        partial.write_bytes(_encoded(content))


def _encoded(content: bytes | str) -> bytes:
    return content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path next to `path`, for the block to write; it is then flushed to the disk and renamed to `path`.

    A reader never sees half a file, not even after a power failure. Raises CannotWrite, which leaves `path` as it was.
    """
    partial = temporary_beside(path)
    with writing(path):
        try:
            partial.touch()
            permissions = partial.stat().st_mode  # those of the umask; safetensors would make the file its owner's alone
            yield partial
            partial.chmod(permissions)
            _flush(partial, os.O_RDWR)
            rename(partial, path)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A name next to `path` that only this thread uses, for what is renamed to `path` when it is complete."""
    return path.with_name(f".{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}{PARTIAL}")


def remove_abandoned(folder: Path) -> None:
    """Remove what `temporary_beside` names in a folder if its process ran on this host and has ended. Other processes may write there."""
    own = re.compile(rf"\.{re.escape(socket.gethostname())}-(\d+)-\d+{re.escape(PARTIAL)}")
    for partial in folder.glob(f".*{PARTIAL}"):
        writer = own.fullmatch(partial.name)
        if writer and not is_alive(int(writer[1])):
            with suppress(OSError):
                shutil.rmtree(partial) if partial.is_dir() else partial.unlink()


def is_alive(process: int) -> bool:
    """Whether a process of this host exists; true where that cannot be asked."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def rename(path: Path, new: Path) -> None:
    """Rename a file whose content is on the disk, and wait until its new name is there too."""
    path.replace(new)
    if os.name == "posix":
        _flush(new.parent, os.O_RDONLY)


def _flush(path: Path, flags: int) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block, which writes to `path`, into a CannotWrite that says why and what to do."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror or error}. Remove the cause, or choose another folder.")
        raise CannotWrite(f"{path} cannot be written: {reason}") from None


def remove_partials(folder: Path) -> None:
    """Remove the temporary files of a writer that was killed. Call it only while no other process writes into the folder."""
    for partial in folder.rglob(f"*{PARTIAL}"):
        with suppress(OSError):  # what cannot be removed is in nobody's way
            partial.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder, made if it is missing, until the end of the block; other threads and processes that lock it wait.

    It is an operating system lock on FOLDER/.lock, released when the process that holds it ends, however that happens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


def free_folder(parent: Path, data: str, kind: str) -> Path:
    """The first of NAME-KIND, NAME-KIND-2, NAME-KIND-3 ... under `parent` that does not exist. NAME is the last part of the data's path."""
    stem = f"{Path(data).resolve().name or 'data'}-{kind.replace(':', '-')}"  # a colon, as in timm:NAME, is not for names of files
    number, path = 1, parent / stem
    while os.path.lexists(path):
        number += 1
        path = parent / f"{stem}-{number}"
    return path
