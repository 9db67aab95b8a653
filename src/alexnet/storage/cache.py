"""Where downloads and indices are kept between runs."""

import os
import sys
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
