"""Where the tests find real images, and how hypothesis runs.

Images that are missing skip a test and are named; in CI, beside the shared data, nothing is skipped: what is missing fails.
"""

import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from tests import attacks

if TYPE_CHECKING:
    from alexnet.data.dataset import Dataset

if sys.platform == "win32":  # before Python 3.12, Path itself has no subclasses
    from pathlib import WindowsPath as NativePath
else:
    from pathlib import PosixPath as NativePath

PARALLEL = "PYTEST_XDIST_WORKER" in os.environ
if PARALLEL:  # before anything imports torch: one thread for each worker, or they fight for the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports matplotlib: no screen

HARDNESS = int(os.environ.get("ALEXNET_FIRE", "1"))  # make fire asks for more than 1
COUNTS = os.environ.get("ALEXNET_FIRE_COUNTS")  # a file that takes one line for each kind of attack

IN_CI = bool(os.environ.get("CI"))
SHARED_DATA = Path(os.environ.get("ALEXNET_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
DIGITS = 300  # images in the folder of digits

settings.register_profile(
    "alexnet",
    deadline=None,  # the first call of a torch function is slow
    suppress_health_check=[HealthCheck.too_slow],  # so is a machine that does other work
    derandomize=IN_CI,
    max_examples=int(os.environ.get("ALEXNET_EXAMPLES", "40")),  # make fire asks for more
    database=None,
)
settings.load_profile("alexnet")


@pytest.fixture(scope="session")
def hardness() -> int:
    """By how much the counts of attacks are multiplied."""
    return HARDNESS


@pytest.fixture(autouse=True)
def _attacks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Append what the test has attacked to the file of counts."""
    attacks.MADE.clear()
    yield
    if COUNTS:
        with Path(COUNTS).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"what": what, "n": n, "test": request.node.nodeid}) + "\n" for what, n in attacks.MADE.items())


@pytest.fixture(autouse=True)
def _threads_stay() -> Iterator[None]:
    """A test leaves the number of torch's threads as it was: the weights of later trainings depend on it."""
    before = _torch_threads()
    yield
    after = _torch_threads()
    if before is not None and after != before:
        sys.modules["torch"].set_num_threads(before)
        pytest.fail(f"torch had {before} threads before this test, and has {after} after it", pytrace=False)


def _torch_threads() -> int | None:
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch is not None else None


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Seeded by the test's name: the same in every session."""
    return random.Random(request.node.nodeid)


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
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of pytest-xdist share; a session without workers has it alone."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if PARALLEL else base) / "session"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, made by `make(folder)` in the first of the processes that wants it; the others wait for it."""
    done = folder.with_name(f"{folder.name}.done")
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # half of one, left by a process that failed
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def digits_folder(session_folder: Path) -> Path:
    """The first 300 of scikit-learn's digits, handwritten, as gray 8 x 8 PNG files in class folders 0 to 9."""
    return made_once(session_folder / "digits", write_digits)


def write_digits(folder: Path) -> None:
    """Write the files of `digits_folder`."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (pixels, label) in enumerate(zip(digits.images[:DIGITS], digits.target[:DIGITS], strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).round().astype("uint8")).save(folder / str(label) / f"{index:04d}.png")


@pytest.fixture(scope="session")
def digits_run(digits_folder: Path, session_folder: Path) -> Path:
    """A finished run: LeNet with ReLU and max pooling after a second on `digits_folder`; an error of 0.1 or so. Not to be changed."""
    from alexnet.runs.train import train

    changes = {"training.batch_size": 16, "training.learning_rate": 0.02, "network.activation": "relu", "network.pooling": "max"}

    def make(run: Path) -> None:
        train(digits_folder, model="lenet", epochs=4, out=run, overrides=changes, keep_checkpoints=True)

    return made_once(session_folder / "digits run ü", make)


@pytest.fixture(scope="session")
def digits_onnx(digits_run: Path, session_folder: Path) -> Path:
    """The ONNX file of `digits_run`. Not to be changed."""
    folder = made_once(session_folder / "digits onnx", lambda place: _exported(digits_run, place))
    return folder / "digits.onnx"


def _exported(run: Path, place: Path) -> None:
    from alexnet.exports.export import export

    place.mkdir()
    export(run, out=place / "digits.onnx")


@pytest.fixture(scope="session")
def onnxruntime_web() -> Path:
    """onnxruntime-web's archive: $ALEXNET_ORT_WEB, the one in the cache, or the registry's."""
    from alexnet.errors import AlexNetError
    from alexnet.exports.web_runtime import web_runtime
    from alexnet.runtime.events import silent

    if named := os.environ.get("ALEXNET_ORT_WEB"):
        return Path(named)
    try:
        return web_runtime(None, silent)
    except AlexNetError as problem:
        missing(str(problem))


@pytest.fixture(scope="session", autouse=True)
def matplotlib_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A font cache of the tests' own where the home folder cannot be written, since matplotlib warns then."""
    with pytest.MonkeyPatch.context() as patch:
        if "MPLCONFIGDIR" not in os.environ and not os.access(Path.home(), os.W_OK):
            patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))
        yield
