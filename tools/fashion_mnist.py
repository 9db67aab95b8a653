"""`make fashion-mnist`: fetch Fashion-MNIST from Debian's package into alexnet's cache, without root, unless this machine has it already.

Uses only the system's own apt, with its package lists or, if they are missing or stale, with lists fetched for this purpose.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from alexnet.data.named.fashion_mnist import INSTALLED, PACKAGE, Files, cached_folder, fetch_into_cache, how_to_get_it, read_verified
from alexnet.errors import AlexNetError

APT_SECONDS = 300.0
APT_OPTIONS = ("Acquire::Retries=0", "Acquire::http::Timeout=10", "Acquire::https::Timeout=10")  # fail early without internet
NO_SANDBOX = "APT::Sandbox::User=root"  # as root, apt would switch to the user _apt, who cannot write into our folder

Run = Callable[[list[str], Path], None]  # a command, in a folder; raises OSError or subprocess.SubprocessError


def main(*, installed: Path = INSTALLED, has_apt: bool | None = None, run: Run | None = None) -> int:
    """Returns exit status 0 if the files are on this machine now; otherwise 1, with the command to type on stderr."""
    if any(holds(folder) for folder in (cached_folder(), installed)):
        return 0
    if has_apt is None:
        has_apt = bool(shutil.which("apt-get") and shutil.which("dpkg-deb"))
    try:
        if not has_apt:
            raise FileNotFoundError("apt-get is not installed")
        fetch_into_cache(lambda: debian_package(installed, run or run_quietly))
    except (OSError, subprocess.SubprocessError, AlexNetError) as problem:
        print(f"Fashion-MNIST is not on this machine ({reason(problem)}). {how_to_get_it()}", file=sys.stderr)
        return 1
    print(f"Fashion-MNIST from Debian's package is in {cached_folder()}.")
    return 0


def holds(folder: Path) -> bool:
    """Whether a folder has the four files, undamaged."""
    try:
        return bool(read_verified(folder))
    except (OSError, AlexNetError):
        return False


def debian_package(installed: Path, run: Run) -> Files:
    """Download the package, unpack it and verify its files; `installed` is the folder that the package would install them to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        download(folder, run)
        (package,) = folder.glob(f"{PACKAGE}_*.deb")
        run(["dpkg-deb", "-x", str(package), "unpacked"], folder)
        return read_verified(folder / "unpacked" / installed.relative_to("/"))


def download(folder: Path, run: Run) -> None:
    """Download the package file into `folder`, where apt also puts its own files."""
    for own in ("lists/partial", "cache/archives/partial"):
        (folder / own).mkdir(parents=True)
    apt = ["apt-get", *options(*APT_OPTIONS, NO_SANDBOX, f"Dir::Cache={folder / 'cache'}")]
    try:
        run([*apt, "download", PACKAGE], folder)
    except subprocess.SubprocessError:
        apt += options(f"Dir::State::lists={folder / 'lists'}")
        run([*apt, "update"], folder)
        run([*apt, "download", PACKAGE], folder)


def options(*settings: str) -> list[str]:
    """Settings of apt as command-line arguments."""
    return [word for setting in settings for word in ("-o", setting)]


def run_quietly(command: list[str], folder: Path) -> None:
    """Run a command in a folder; raises CalledProcessError with its output, or TimeoutExpired."""
    subprocess.run(command, cwd=folder, check=True, timeout=APT_SECONDS, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def reason(problem: Exception) -> str:
    """The first line of a failed command's stderr, or of the exception's message."""
    text = (problem.stderr or "") if isinstance(problem, subprocess.CalledProcessError) else ""
    return (text.strip() or str(problem)).splitlines()[0].strip()


if __name__ == "__main__":
    sys.exit(main())
