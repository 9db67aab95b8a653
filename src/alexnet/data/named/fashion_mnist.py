"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 70,000 gray 28 x 28 images of clothes, from the first place that has them.

The places are the cache, an installed copy (/usr/share/datasets/fashion-mnist, from Debian's package dataset-fashion-mnist), and
torchvision's download. Everywhere, the SHA-256 of the four unpacked files must match (taken from Debian's package, whose deflate streams
equal those of the original files that torchvision's MD5s describe).
"""

import gzip
import hashlib
import socket
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

import torch
from torch import Tensor

from alexnet.data.array_dataset import ArrayDataset, Parts
from alexnet.data.dataset import Traits
from alexnet.errors import BadDataset
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import locked, write_atomically

Files = dict[str, bytes]  # the four unpacked files by name

CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
PACKAGE = "dataset-fashion-mnist"  # of Debian and Ubuntu; installs the files in INSTALLED
DOWNLOAD_SECONDS = 10.0  # without data from the server, after which a download fails


def fashion_mnist() -> ArrayDataset:
    """60,000 training and 10,000 test images; raises BadDataset, whose message lists what was tried, if no place has them."""
    files = find_files()
    parts: Parts = [
        ("train", _images(files["train-images-idx3-ubyte"]), _labels(files["train-labels-idx1-ubyte"])),
        ("test", _images(files["t10k-images-idx3-ubyte"]), _labels(files["t10k-labels-idx1-ubyte"])),
    ]
    return ArrayDataset("fashion-mnist", CLASSES, parts, Traits(flip=True, colour=False, gray=True))


def download_with_torchvision() -> Files:
    """Download the four files from their authors' server; raises whatever torchvision raises without internet."""
    from torchvision.datasets import FashionMNIST

    with tempfile.TemporaryDirectory() as folder, download_timeout():
        FashionMNIST(folder, download=True)
        return read_verified(Path(folder) / "FashionMNIST" / "raw")


def find_files(*, installed: Path = INSTALLED, download: Callable[[], Files] = download_with_torchvision) -> Files:
    """The four unpacked files, their checksums verified; downloaded files are stored in the cache. Raises BadDataset."""
    cached = cached_folder()
    places: dict[str, Callable[[], Files]] = {
        "cache": lambda: read_verified(cached),
        "installed copy": lambda: read_verified(installed),
        "download": lambda: fetch_into_cache(download),
    }
    tried = []
    for place, find in places.items():
        try:
            return find()
        except Exception as problem:  # each place fails with its own errors; the message lists them all
            tried.append(f"{place}: {_first_line(problem)}")
    raise BadDataset(
        f"fashion-mnist was not found. Tried {'; '.join(tried)}. {how_to_get_it()} "
        f"Or put the four files {', '.join(SHA256)} (.gz or not) into {cached}."
    )


def cached_folder() -> Path:
    """The cache folder of the four files."""
    return cache_folder() / "fashion-mnist"


def how_to_get_it() -> str:
    """The command to run if no place has the files."""
    return (
        f"On Debian and Ubuntu: run apt install {PACKAGE} (as root), or make fashion-mnist in alexnet's own folder (without root). "
        "Elsewhere: connect to the internet once, and torchvision downloads it."
    )


def fetch_into_cache(fetch: Callable[[], Files]) -> Files:
    """The files from the cache; if it has none, from `fetch`, and stored there. If several processes call this at once, one fetches."""
    cached = cached_folder()
    with locked(cached):
        with suppress(FileNotFoundError, BadDataset):  # a damaged file is replaced
            return read_verified(cached)
        files = fetch()
        for name, content in files.items():
            write_atomically(cached / name, content)
        return files


def read_verified(folder: Path) -> Files:
    """The four files in a folder, unpacked; raises BadDataset for a damaged file and FileNotFoundError for a missing one."""
    files = {}
    for name, expected in SHA256.items():
        plain, packed = folder / name, folder / f"{name}.gz"
        path = plain if plain.exists() else packed
        try:
            content = plain.read_bytes() if path == plain else gzip.decompress(packed.read_bytes())
        except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
            raise BadDataset(f"{path} is damaged ({problem}); delete it") from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise BadDataset(f"{path} is damaged (its SHA-256 differs); delete it")
        files[name] = content
    return files


@contextmanager
def download_timeout(seconds: float = DOWNLOAD_SECONDS) -> Iterator[None]:
    """Downloads in the block fail after so many seconds without data, and print to stderr only."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return "not found"
    return next((line.strip().rstrip(".") for line in str(problem).splitlines() if line.strip()), type(problem).__name__)


def _images(idx: bytes) -> Tensor:
    return torch.frombuffer(bytearray(idx[16:]), dtype=torch.uint8).view(-1, 1, 28, 28)


def _labels(idx: bytes) -> Tensor:
    return torch.frombuffer(bytearray(idx[8:]), dtype=torch.uint8).long()
