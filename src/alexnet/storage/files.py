"""Text and JSON files that are complete or absent, locked folders, and names for new folders."""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from alexnet.errors import BadRun
from alexnet.storage.records import convert, read_json

T = TypeVar("T")


def read_object(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """The JSON object in a file of a run folder; raises BadRun when it is damaged or lacks a key."""
    try:
        values = read_json(path)
        missing = [key for key in keys if key not in values]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}); copy the run again, or delete the file and add --resume.") from None
    return values


def read_record(path: Path, kind: type[T], remedy: str = "copy the run again, or delete the file and add --resume.") -> T:
    """The dataclass in a JSON file of a run folder; raises BadRun, whose message ends with `remedy`, when the file is damaged."""
    try:
        return convert(kind, read_json(path))
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}); {remedy}") from None


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a temporary file in the same folder, then rename it to `path`: a reader never sees half a file. Text is UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}-{threading.get_ident()}.partial")  # of this thread alone; permissions follow the umask
    try:
        partial.write_bytes(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder, made if it is missing, until the end of the block; other threads and processes that lock it wait.

    It is an operating system lock on FOLDER/.lock, released when the process that holds it ends, however that happens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


def free_folder(parent: Path, stem: str) -> Path:
    """The first of `stem`, `stem-2`, `stem-3` ... under `parent` that does not exist."""
    number, path = 1, parent / stem
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}"
    return path
