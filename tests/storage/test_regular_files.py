"""Files that are no files: nothing here may block, so each test would hang without the check."""

import os
import socket
import sys
from pathlib import Path

import pytest

from alexnet.storage.regular_files import check_regular, open_regular

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="has no pipes in folders"), pytest.mark.timeout(20)]


def special(folder: Path) -> dict[str, Path]:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
    return {"a pipe": folder / "link", "a device": Path("/dev/zero"), "a socket": folder / "socket", "a folder": folder}


def test_only_files_are_opened(tmp_path: Path) -> None:
    for kind, path in special(tmp_path).items():
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            open_regular(path)
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            check_regular(path)
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link to it").symlink_to("file")
    with open_regular(tmp_path / "link to it") as file:
        assert file.read() == b"content"
    check_regular(tmp_path / "file")


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opens = tmp_path / "a.png", os.open
    path.write_bytes(b"content")

    def replaced(name: str, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return opens(name, flags)

    monkeypatch.setattr(os, "open", replaced)
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        open_regular(path)
