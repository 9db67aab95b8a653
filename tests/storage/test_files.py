"""Files that are whole or as before, whatever fails; a folder that one holds, for which others wait."""

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from alexnet.errors import CannotWrite
from alexnet.storage import tensors as safetensors_files
from alexnet.storage.files import locked, remove_abandoned, replaced, write_atomically, write_unflushed, writing
from alexnet.storage.tensors import write_tensors

WRITERS: list[Callable[[Path], None]] = [
    lambda path: write_atomically(path, "new"),
    lambda path: write_tensors(path, {"weight": torch.ones(3)}, {}),
]

HOLD = """
import sys, time
from pathlib import Path
from alexnet.storage.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_what_cannot_be_written_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "progress.json").mkdir()
    with pytest.raises(CannotWrite):
        write_unflushed(tmp_path / "progress.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    seen: list[str] = []

    def hold(name: str) -> None:
        with locked(tmp_path / "folder"):
            seen.append(f"{name} in")
            seen.append(f"{name} out")

    with locked(tmp_path / "folder"):
        thread = threading.Thread(target=hold, args=["other"])
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert seen == []
    thread.join()
    assert seen == ["other in", "other out"]


def test_another_process_holds_it_and_is_killed(tmp_path: Path) -> None:
    entered = threading.Event()

    def wait() -> None:
        with locked(tmp_path / "folder"):
            entered.set()

    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "folder")], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.3)
        holder.kill()
        assert entered.wait(60)
        waiting.join()


@pytest.mark.parametrize("write", WRITERS, ids=["text", "tensors"])
def test_the_content_is_on_the_disk_before_its_name_and_then_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "file"
    done: list[bool | str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").is_dir())
        fsync(descriptor)

    def renamed(old: Path, new: Path) -> Path:
        done.append("renamed")
        return replace(old, new)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    write(path)
    assert done == [False, "renamed", True]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", WRITERS, ids=["text", "tensors"])
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full. Make room"),
        (errno.EDQUOT, "the disk is full. Make room"),
        (errno.EROFS, "the disk is read-only. Choose a folder on another disk"),
        (errno.EACCES, "permission is missing. Change"),
        (errno.EIO, "Input/output error. Remove the cause"),
    ],
)
def test_a_failure_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], number: int, said: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"as before")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CannotWrite, match=f"file cannot be written: {said}"):
        write(path)
    assert path.read_bytes() == b"as before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", WRITERS, ids=["text", "tensors"])
def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(CannotWrite, match=r"its folder is gone\. Put it back"):
        write(tmp_path / "gone" / "file")
    assert not (tmp_path / "gone").exists()


def test_safetensors_own_error_for_a_full_disk_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors_files, "save_file", full)
    with pytest.raises(CannotWrite, match="the disk is full"):
        write_tensors(tmp_path / "file", {}, {})


def test_other_errors_pass_and_leave_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with replaced(tmp_path / "file") as partial:
            partial.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        for number, write in enumerate(WRITERS):
            write(tmp_path / str(number))
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"the name is too long\. Choose"), writing(tmp_path):
        (tmp_path / ("x" * 256)).write_text("")


def test_only_the_files_of_processes_that_have_ended_are_abandoned(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    host, alive = socket.gethostname(), os.getpid()
    names = (f"{ended.pid}-1", f"{ended.pid}-2", f"{10**30}-1")
    gone = [tmp_path / f".{host}-{name}.partial" for name in names]
    kept = [tmp_path / f".{host}-{alive}-1.partial", tmp_path / f".elsewhere-{ended.pid}-1.partial", tmp_path / "a.partial"]
    gone[0].mkdir()
    (gone[0] / "half").touch()
    for path in [*gone[1:], *kept]:
        path.touch()
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
