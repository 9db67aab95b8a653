"""Where downloads and indices are kept between runs."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """$ALEXNET_CACHE, or the platform's place for caches: ~/.cache/alexnet, or under $XDG_CACHE_HOME, ~/Library/Caches, %LOCALAPPDATA%."""
    if chosen := os.environ.get("ALEXNET_CACHE"):
        return Path(chosen).expanduser()
    # No "Cache" below it on Windows, and no author's folder: where earlier versions kept theirs.
    return Path(platformdirs.PlatformDirs("alexnet", appauthor=False, opinion=False).user_cache_dir)
