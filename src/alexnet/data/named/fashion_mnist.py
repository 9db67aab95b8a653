"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 70,000 gray 28 x 28 images of clothes, from the first place that has them.

Our cache; an installed copy (/usr/share/datasets/fashion-mnist); torchvision's download; on Debian and Ubuntu the package
dataset-fashion-mnist, downloaded and unpacked without root. Whatever the place, the SHA-256 of the four unpacked files must agree
(taken from Debian's package, whose deflate streams equal those of the original files that torchvision's MD5s describe).
"""

import gzip
import hashlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import torch
from torch import Tensor

from alexnet.data.array_dataset import ArrayDataset, Parts
from alexnet.data.dataset import Traits
from alexnet.errors import BadDataset
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import write_atomically

CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
PACKAGE = "dataset-fashion-mnist"
DOWNLOAD_SECONDS = 10.0  # of silence from the server, before the next place is tried
APT_SECONDS = 300.0


def fashion_mnist() -> ArrayDataset:
    """60,000 images to train on and 10,000 to test; raises BadDataset, saying what was tried, if no place has them."""
    files = find_files()
    parts: Parts = [
        ("train", _images(files["train-images-idx3-ubyte"]), _labels(files["train-labels-idx1-ubyte"])),
        ("test", _images(files["t10k-images-idx3-ubyte"]), _labels(files["t10k-labels-idx1-ubyte"])),
    ]
    return ArrayDataset("fashion-mnist", CLASSES, parts, Traits(flip=True, colour=False, gray=True))


def find_files() -> dict[str, bytes]:
    """The four unpacked files, checksums verified; what had to be fetched is kept in the cache."""
    cached = cache_folder() / "fashion-mnist"
    tried = []
    for place, fetch in _places(cached):
        try:
            files = fetch()
        except Exception as problem:  # each place fails in its own ways; the message lists them all
            tried.append(f"{place}: {_first_line(problem)}")
            continue
        if place not in ("cache", "installed copy"):
            for name, content in files.items():
                write_atomically(cached / name, content)
        return files
    raise BadDataset(
        f"fashion-mnist cannot be had. Tried {'; '.join(tried)}. "
        f"Connect to the internet once, or put the four files {', '.join(SHA256)} (.gz or not) into {cached}."
    )


def read_verified(folder: Path) -> dict[str, bytes]:
    """The four files of a folder, unpacked; raises BadDataset for a wrong checksum and FileNotFoundError for a missing one."""
    files = {}
    for name, expected in SHA256.items():
        plain, packed = folder / name, folder / f"{name}.gz"
        content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        if hashlib.sha256(content).hexdigest() != expected:
            raise BadDataset(f"{plain if plain.exists() else packed} is damaged (its SHA-256 differs); delete it")
        files[name] = content
    return files


@contextmanager
def impatient(seconds: float = DOWNLOAD_SECONDS) -> Iterator[None]:
    """Let downloads give up after so many seconds of silence, and talk to stderr only."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _places(cached: Path) -> Iterator[tuple[str, Callable[[], dict[str, bytes]]]]:
    yield "cache", lambda: read_verified(cached)
    yield "installed copy", lambda: read_verified(INSTALLED)
    yield "download", _download
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        yield "Debian package", _debian_package


def _download() -> dict[str, bytes]:
    from torchvision.datasets import FashionMNIST

    with tempfile.TemporaryDirectory() as folder, impatient():
        FashionMNIST(folder, download=True)
        return read_verified(Path(folder) / "FashionMNIST" / "raw")


def _debian_package() -> dict[str, bytes]:
    """Fetch the package with the system's package lists or, where they are missing or stale, with fresh ones of our own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for private in ("lists/partial", "cache/archives/partial"):
            (folder / private).mkdir(parents=True)
        own_cache = [
            "-o",
            f"Dir::Cache={folder / 'cache'}",
            "-o",
            "APT::Sandbox::User=root",
        ]  # root would ask for _apt, who cannot write here
        own_lists = ["-o", f"Dir::State::lists={folder / 'lists'}"]
        try:
            _run(["apt-get", *own_cache, "download", PACKAGE], folder)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            _run(["apt-get", *own_cache, *own_lists, "update"], folder)
            _run(["apt-get", *own_cache, *own_lists, "download", PACKAGE], folder)
        (package,) = folder.glob(f"{PACKAGE}_*.deb")
        _run(["dpkg-deb", "-x", str(package), "unpacked"], folder)
        return read_verified(folder / "unpacked" / INSTALLED.relative_to("/"))


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=APT_SECONDS, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _first_line(problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return "not there"
    text = (problem.stderr or "") if isinstance(problem, subprocess.CalledProcessError) else str(problem)
    return next((line.strip().rstrip(".") for line in text.splitlines() if line.strip()), type(problem).__name__)


def _images(idx: bytes) -> Tensor:
    return torch.frombuffer(bytearray(idx[16:]), dtype=torch.uint8).view(-1, 1, 28, 28)


def _labels(idx: bytes) -> Tensor:
    return torch.frombuffer(bytearray(idx[8:]), dtype=torch.uint8).long()
