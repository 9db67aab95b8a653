"""A folder that one process owns: others are told by whom, and an owner that is killed leaves it free and clean."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.errors import BadRun, CannotWrite
from alexnet.storage.ownership import check_vacant, owned

OWN = """
import sys, time
from pathlib import Path
from alexnet.storage.ownership import owned
with owned(Path(sys.argv[1])):
    print("owned", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def owner(tmp_path: Path) -> "subprocess.Popen[str]":
    """Another process, which owns tmp_path/run."""
    process = subprocess.Popen([sys.executable, "-c", OWN, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "owned\n"
    return process


def test_the_owner_is_named_and_leaves_the_folder_free_when_it_is_killed(tmp_path: Path, owner: "subprocess.Popen[str]") -> None:
    with owner:
        with (
            pytest.raises(BadRun, match=f"run is in use by process {owner.pid} on {socket.gethostname()}. Wait until"),
            owned(tmp_path / "run"),
        ):
            pytest.fail("owned by two")
        owner.kill()
        with owned(tmp_path / "run", patience_seconds=60):
            assert (tmp_path / "run" / ".lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_folder_is_owned_once_within_a_process_too(tmp_path: Path) -> None:
    with owned(tmp_path / "run"), pytest.raises(BadRun, match="in use by process"), owned(tmp_path / "run"):
        pytest.fail("owned twice")
    with owned(tmp_path / "run"):
        pass


def test_files_that_were_being_written_are_removed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    leftovers = [run / ".12-34.partial", run / "checkpoints" / "last.partial", run / "cells" / "a" / ".5-6.partial"]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half a file")
    (run / "recipe.toml").write_text("")
    with owned(run):
        assert {path for path in run.rglob("*") if path.is_file()} == {run / "recipe.toml", run / ".lock"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"file/run cannot be written: "), owned(tmp_path / "file" / "run"):
        pytest.fail("owned")


def test_what_a_killed_owner_leaves_is_not_in_the_way_and_other_things_are(tmp_path: Path) -> None:
    check_vacant(tmp_path / "new", "a study")
    (tmp_path / ".lock").write_text("process 1 on elsewhere")
    (tmp_path / ".12-34.partial").write_text("")
    check_vacant(tmp_path, "a study")
    (tmp_path / "holiday.jpg").write_bytes(b"")
    for path in (tmp_path, tmp_path / "holiday.jpg"):
        with pytest.raises(BadRun, match="exists and is not a study"):
            check_vacant(path, "a study")


def test_a_full_disk_costs_the_lock_its_text_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with owned(tmp_path), pytest.raises(BadRun, match="in use by another process"), owned(tmp_path):
        pytest.fail("owned twice")
    with owned(tmp_path):
        pass
