"""Where downloads and indices are stored between runs."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """$ALEXNET_CACHE, or the platform's cache folder: ~/.cache/alexnet, or alexnet in $XDG_CACHE_HOME, ~/Library/Caches, %LOCALAPPDATA%."""
    if chosen := os.environ.get("ALEXNET_CACHE"):
        return Path(chosen).expanduser()
    # On Windows without a "Cache" subfolder or an author's folder, as in earlier versions.
    return Path(platformdirs.PlatformDirs("alexnet", appauthor=False, opinion=False).user_cache_dir)
