"""One owner of a folder at a time: other processes that want to write into it are refused, and told who does."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from alexnet.errors import BadRun
from alexnet.storage.files import PARTIAL, remove_partials, writing

LOCK = ".lock"


@contextmanager
def owned(folder: Path, *, patience_seconds: float = 0.0) -> Iterator[None]:
    """Own a folder, made if it is missing, until the end of the block; files that a killed owner left half written are removed.

    The lock is the operating system's, on FOLDER/.lock: it is free as soon as its owner has ended, however it ended, and is never broken.
    The file holds the owner's host and process for the message. Raises BadRun if another process, or this one, owns the folder and does
    not release it within `patience_seconds`; CannotWrite if the folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=patience_seconds)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise BadRun(
                f"{folder} is in use by {_owner(folder)}. Wait until it ends, or stop it, then rerun the same command; "
                "or choose another --out."
            ) from None
    try:
        with suppress(OSError):  # on a full disk the lock holds without its text
            (folder / LOCK).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        remove_partials(folder)
        yield
    finally:
        lock.release()


def lock_open_file(file: int) -> bool:
    """Lock an open file, by its descriptor, against other processes until it is closed; False if another one has it.

    True, without a lock, on Windows and on disks that have none.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network disk without locks
        return True
    return True


def check_vacant(folder: Path, kind: str) -> None:
    """Raise BadRun if something else is where a new folder of this kind ("a study") is to be made. Creates nothing."""
    if folder.exists() and not is_vacant(folder):
        raise BadRun(f"{folder} exists and is not {kind}. Choose another --out.")


def is_vacant(folder: Path) -> bool:
    """Whether a folder is missing or holds nothing, apart from what an owner leaves that was killed before it had written a file."""
    if not folder.is_dir():
        return not folder.exists()
    return all(entry.name == LOCK or entry.name.endswith(PARTIAL) for entry in folder.iterdir())


def _owner(folder: Path) -> str:
    try:
        return (folder / LOCK).read_text(encoding="utf-8", errors="replace")[:200] or "another process"
    except OSError:
        return "another process"
