"""The cache folder: named by the user, or where the platform keeps caches."""

from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from alexnet.storage.cache import cache_folder


def test_the_cache_follows_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("ALEXNET_CACHE")
    monkeypatch.setattr(platformdirs, "PlatformDirs", Unix)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path.home() / ".cache" / "alexnet"
    monkeypatch.setattr(platformdirs, "PlatformDirs", MacOS)
    assert cache_folder() == Path.home() / "Library" / "Caches" / "alexnet"
    monkeypatch.setattr(platformdirs, "PlatformDirs", Unix)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "alexnet"


def test_on_windows_it_lies_in_the_local_application_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ALEXNET_CACHE", raising=False)
    monkeypatch.setattr(platformdirs, "PlatformDirs", Windows)
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda _: str(tmp_path))
    assert cache_folder() == tmp_path / "alexnet"
