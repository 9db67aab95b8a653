"""`make fashion-mnist`: when it asks apt, what it asks for, and what it says when apt cannot serve."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from alexnet.data.named import fashion_mnist as fashion
from tools.fashion_mnist import main


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def small_files() -> dict[str, bytes]:
    return {name: name.encode() for name in fashion.SHA256}


class Apt:
    """Stands for apt-get and dpkg-deb: notes the commands, and fails the first `failures` of them."""

    def __init__(self, installed: Path, failures: int, content: dict[str, bytes]) -> None:
        self.installed, self.failures, self.content = installed, failures, content
        self.ran: list[list[str]] = []

    def __call__(self, command: list[str], folder: Path) -> None:
        self.ran.append(command)
        if len(self.ran) <= self.failures:
            raise subprocess.CalledProcessError(100, command, stderr="E: Unable to locate package\nE: more")
        if command[0] == "apt-get" and command[-2:] == ["download", "dataset-fashion-mnist"]:
            (folder / "dataset-fashion-mnist_1_all.deb").write_bytes(b"")
        if command[0] == "dpkg-deb":
            for name, content in self.content.items():
                put(folder / "unpacked" / self.installed.relative_to("/") / name, content)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the package would put its files, and has put none; an empty cache; checksums of four tiny files."""
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion, "SHA256", {name: hashlib.sha256(content).hexdigest() for name, content in small_files().items()})
    return tmp_path / "installed"


def test_the_package_goes_into_the_cache(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apt = Apt(installed, 0, small_files())
    assert main(installed=installed, has_apt=True, run=apt) == 0
    assert [command[-1] for command in apt.ran] == ["dataset-fashion-mnist", "unpacked"]
    assert fashion.read_verified(fashion.cached_folder()) == small_files()
    assert "from Debian's package" in capsys.readouterr().out
    assert main(installed=installed, has_apt=True, run=apt) == 0
    assert len(apt.ran) == 2  # the cache serves


def test_an_installed_copy_serves(installed: Path) -> None:
    for name, content in small_files().items():
        put(installed / name, content)
    apt = Apt(installed, 0, small_files())
    assert main(installed=installed, has_apt=True, run=apt) == 0
    assert apt.ran == []


def test_with_lists_of_our_own_where_the_systems_do_not_serve(installed: Path) -> None:
    apt = Apt(installed, 1, small_files())
    assert main(installed=installed, has_apt=True, run=apt) == 0
    assert [command[-1] for command in apt.ran] == ["dataset-fashion-mnist", "update", "dataset-fashion-mnist", "unpacked"]
    assert any(part.startswith("Dir::State::lists=") for part in apt.ran[1])
    assert not any(part.startswith("Dir::State::lists=") for part in apt.ran[0])


@pytest.mark.parametrize(
    ("has_apt", "failures", "reason"), [(False, 0, "apt-get is not installed"), (True, 9, "(E: Unable to locate package)")]
)
def test_the_line_to_type(has_apt: bool, failures: int, reason: str, installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(installed=installed, has_apt=has_apt, run=Apt(installed, failures, small_files())) == 1
    told = capsys.readouterr().err
    assert reason in told
    assert "apt install dataset-fashion-mnist" in told
    assert not (fashion.cached_folder() / "train-images-idx3-ubyte").exists()


def test_a_package_with_other_files_is_refused(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apt = Apt(installed, 0, dict.fromkeys(small_files(), b"tampered"))
    assert main(installed=installed, has_apt=True, run=apt) == 1
    assert "train-images-idx3-ubyte is damaged" in capsys.readouterr().err
    assert not (fashion.cached_folder() / "train-images-idx3-ubyte").exists()
