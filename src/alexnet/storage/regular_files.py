"""Opening files that are files: a pipe would block, and a device might never end.

Independent of what the files hold.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

NOT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: Path) -> BinaryIO:
    """The open file at `path`, links followed. Raises OSError, whose `strerror` is the reason, unless it is a regular file.

    Nothing else is opened; what takes the file's place meanwhile is opened without waiting, and refused.
    """
    _require_regular(path.stat().st_mode, path)
    file = os.fdopen(os.open(path, os.O_RDONLY | NOT_WAITING), "rb")
    try:
        _require_regular(os.fstat(file.fileno()).st_mode, path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path) -> bytes:
    """All bytes of the regular file at `path`; raises OSError as `open_regular` does."""
    with open_regular(path) as file:
        return file.read()


def check_regular(path: Path) -> None:
    """Raise OSError, as `open_regular` does, unless `path` is a regular file: for libraries that open files themselves."""
    _require_regular(path.stat().st_mode, path)


def _require_regular(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {SPECIAL.get(stat.S_IFMT(mode), 'no file')}, not a file", str(path))
