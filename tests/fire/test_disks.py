"""Disks of every size: a command that finds its disk full says so, and goes on to the same end once there is room."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attacks import attacked
from tests.fire.programs import run
from tests.fire.test_kills import digest, tensors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

COMMANDS = {
    "train a network": ("train", "{data}", "--model", "lenet", "--epochs", "2", "--seed", "3", "--training.checkpoint-seconds", "0.01"),
    "train a hand-crafted system": ("train", "{data}", "--model", "hog-svm", "--seed", "3"),
    "compare": ("compare", "{data}", "--models", "lenet", "--fractions", "1"),
}


class Disk:
    """A file system in memory whose size can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, kilobytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True, check=False).returncode
    ):
        pytest.skip("only root may mount a small disk here")
    yield Disk(path)
    subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_disks_that_are_too_small_and_grow(name: str, digits_folder: Path, tmp_path: Path, disk: Disk, hardness: int) -> None:
    words = [word.format(data=digits_folder) for word in COMMANDS[name]]
    ended = run([*words, "--out", tmp_path / "whole"], tmp_path / "log")
    assert ended.status == 0, ended.said
    whole = tensors(tmp_path / "whole")
    needed = sum(file.stat().st_size for file in (tmp_path / "whole").rglob("*") if file.is_file()) // 1024
    refused = 0
    for place in range(4 * hardness):
        disk.resize(max(4, round(1.3 * needed * (place + 0.2) / (4 * hardness))))
        out = disk.path / f"run {place}"
        ended = run([*words, "--out", out], tmp_path / f"log {place}")
        assert ended.status in (0, 2), ended.said
        assert "Traceback" not in ended.said
        if ended.status == 2:
            refused += 1
            assert re.search(r"the disk is full|The features take .* left", ended.said), ended.said
            disk.resize(64 << 10)
            again = ["train", "--resume"] if words[0] == "train" and (out / "recipe.toml").exists() else words
            ended = run([*again, "--out", out], tmp_path / f"log {place}")
            assert ended.status == 0, ended.said
        assert tensors(out) == whole
        assert not list(out.rglob("*.partial"))
        shutil.rmtree(out)
    assert refused
    attacked(f"disks of {4 * hardness} sizes, too small: {name}", refused)


def test_packs_on_disks_that_are_too_small_and_grow(digits_folder: Path, tmp_path: Path, disk: Disk, hardness: int) -> None:
    ended = run(["pack", digits_folder, tmp_path / "whole.zip"], tmp_path / "log")
    assert ended.status == 0, ended.said
    needed = (tmp_path / "whole.zip").stat().st_size // 1024
    refused = 0
    for place in range(4 * hardness):
        disk.resize(max(4, round(1.3 * needed * (place + 0.2) / (4 * hardness))))
        out = disk.path / f"{place}.zip"
        ended = run(["pack", digits_folder, out], tmp_path / "log")
        assert ended.status in (0, 2), ended.said
        if ended.status == 2:
            refused += 1
            disk.resize(64 << 10)
            ended = run(["pack", digits_folder, out], tmp_path / "log")
            assert ended.status == 0, ended.said
        assert "Traceback" not in ended.said
        assert digest(out) == digest(tmp_path / "whole.zip")
        out.unlink()
    assert refused
    attacked("disks too small: pack", refused)
