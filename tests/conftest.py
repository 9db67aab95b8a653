"""Where the tests find real images, and how hypothesis runs.

Images that are missing skip a test and are named; in CI, beside the shared data, nothing is skipped: what is missing fails.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from alexnet.data.dataset import Dataset

if sys.platform == "win32":  # before Python 3.12, Path itself has no subclasses
    from pathlib import WindowsPath as NativePath
else:
    from pathlib import PosixPath as NativePath

os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports matplotlib: no screen

IN_CI = bool(os.environ.get("CI"))
SHARED_DATA = Path(os.environ.get("ALEXNET_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
DIGITS = 300  # images in the folder of digits

settings.register_profile(
    "alexnet",
    deadline=None,  # the first call of a torch function is slow
    suppress_health_check=[HealthCheck.too_slow],  # so is a machine that does other work
    derandomize=IN_CI,
    database=None,
)
settings.load_profile("alexnet")


def missing(what: str) -> NoReturn:
    """Skip the test that needs `what`, or fail it in CI where the shared data is there."""
    if IN_CI and SHARED_DATA.is_dir():
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


class SharedData(NativePath):
    """The folder of shared images; `shared_data / name` is a plain Path that exists, or the test is skipped."""

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:  # type: ignore[override]  # plain: goes into worker processes
        path = Path(super().__truediv__(name))
        return path if path.exists() else missing(f"{path} is missing")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """../shared/data beside the repository, or $ALEXNET_SHARED_DATA."""
    if not SHARED_DATA.is_dir():
        missing(f"{SHARED_DATA} is missing; ALEXNET_SHARED_DATA can name another folder")
    return SharedData(SHARED_DATA)


@pytest.fixture(scope="session")
def fashion_mnist() -> "Dataset":
    """Fashion-MNIST, opened by name: 60,000 images to train on and 10,000 to test."""
    from alexnet.data.open import open_dataset
    from alexnet.errors import AlexNetError

    try:
        return open_dataset("fashion-mnist")
    except AlexNetError as error:
        missing(f"Fashion-MNIST cannot be had: {error}")


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 300 of scikit-learn's digits, handwritten, as gray 8 x 8 PNG files in class folders 0 to 9."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for index, (pixels, label) in enumerate(zip(digits.images[:DIGITS], digits.target[:DIGITS], strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        Image.fromarray((pixels * 255 / 16).round().astype("uint8")).save(folder / str(label) / f"{index:04d}.png")
    return folder


@pytest.fixture(scope="session")
def digits_run(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run: LeNet with ReLU and max pooling after a second on `digits_folder`; an error of 0.1 or so. Not to be changed."""
    from alexnet.runs.train import train

    run = tmp_path_factory.mktemp("runs") / "digits run ü"
    changes = {"training.batch_size": 16, "training.learning_rate": 0.02, "network.activation": "relu", "network.pooling": "max"}
    train(digits_folder, model="lenet", epochs=4, out=run, overrides=changes)
    return run


@pytest.fixture(scope="session", autouse=True)
def matplotlib_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A font cache of the tests' own where the home folder cannot be written, since matplotlib warns then."""
    with pytest.MonkeyPatch.context() as patch:
        if "MPLCONFIGDIR" not in os.environ and not os.access(Path.home(), os.W_OK):
            patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))
        yield
