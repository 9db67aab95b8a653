"""What is read of a folder, kept until the folder changes: files have come, gone or been replaced. What is in its files does not count."""

import time
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

SETTLING_NANOSECONDS = 2_000_000_000  # after a change, in which a folder may change again under the same time: file systems count in ticks
MOST_KEPT = 4_096  # folders
Found = TypeVar("Found")


def kept_until_changed(read: Callable[[Path], Found]) -> Callable[[Path], Found]:
    """A function that reads a folder as `read` does, but once while it does not change; OSError for a folder that is not there."""

    @lru_cache(maxsize=MOST_KEPT)
    def kept(folder: Path, changed: int) -> Found:
        return read(folder)

    @wraps(read)
    def found(folder: Path) -> Found:
        changed = folder.stat().st_mtime_ns
        return read(folder) if time.time_ns() - changed < SETTLING_NANOSECONDS else kept(folder, changed)

    return found
