"""Where downloaded data sets are kept, and how a file gets there whole or not at all."""

import os
import sys
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """$ALEXNET_CACHE, or the platform's place for caches: ~/.cache/alexnet, or under $XDG_CACHE_HOME, ~/Library/Caches, %LOCALAPPDATA%."""
    if chosen := os.environ.get("ALEXNET_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "alexnet"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "alexnet"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alexnet"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
