"""Commands that are killed, at random and at every write, and rerun until they end: they end as if nothing had happened, to the bit."""

import hashlib
import json
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.attacks import attacked
from tests.fire.programs import Ended, Moment, killed, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

IN_PROCESSES = "study in two processes"
OFTEN = ("--training.checkpoint-seconds", "0.01")
TIMES = {"seconds", "images_per_second", "spent", "predict_milliseconds", "milliseconds", "peak_memory_bytes", "memory_bytes", "created"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command that can be resumed. first: its words; again: those that resume it; made: what must be equal, by file.

    once: the name of what it writes under that name when it is complete, and never again.
    """

    first: tuple[str, ...]
    again: tuple[str, ...]
    made: Callable[[Path], dict[str, str]]
    once: str = ""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tensors(out: Path) -> dict[str, str]:
    """The weights of every finished run in a folder."""
    found = {str(path.relative_to(out)): digest(path) for path in out.rglob("model.safetensors")}
    assert found
    return found


def one_file(out: Path) -> dict[str, str]:
    """What is written in one file: an exported model, a list of answers."""
    return {"file": digest(out)}


def whole_folder(out: Path) -> dict[str, str]:
    """Every file of an exported folder."""
    return {str(path.relative_to(out)): digest(path) for path in out.rglob("*") if path.is_file()}


def explained(out: Path) -> dict[str, str]:
    """The files of an explanation, apart from the page that joins them and the numbers that a clock says."""
    found = {str(path.relative_to(out)): digest(path) for path in out.rglob("*") if path.suffix in (".csv", ".png", ".safetensors")}
    assert found
    return found


def outcomes(out: Path) -> dict[str, str]:
    """What a study found, apart from what a clock or the machine's memory says."""
    found = {
        str(path.relative_to(out)): json.dumps(_timeless(json.loads(path.read_text("utf-8"))), sort_keys=True)
        for path in out.rglob("outcome.json")
    }
    assert found
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key not in TIMES and not key.endswith("seconds")}
    if isinstance(value, list):
        return [_timeless(part) for part in value]
    return float(value) if isinstance(value, int) else value  # a resumed training has read 2 epochs as 2.0


def commands(data: str, squares: str, run: str, runtime: str) -> dict[str, Command]:
    network = ("train", data, "--model", "lenet", "--epochs", "4", "--seed", "3", "--no-baseline", *OFTEN)
    handcrafted = ("train", data, "--model", "hog-svm", "--seed", "3")
    search = ("train", data, "--budget", "15s", "--seed", "3")  # hog-svm wins: the others would take longer than that
    comparison = ("compare", data, "--models", "hog-svm,lenet", "--fractions", "1")
    study = (
        "study",
        squares,
        "--claims",
        "dropout",
        "--seeds",
        "2",
        "--set",
        "training.epochs=1",
        "--set",
        "network.width=0.125",
        "--processes",
    )
    prediction = ("predict", run, data)
    exporting, for_browsers = ("export", run), ("export", run, "--to", "web", "--runtime", runtime)
    explanation = ("explain", run)
    return {
        "train a network": Command(network, ("train", "--resume"), tensors),
        "train a hand-crafted system": Command(handcrafted, ("train", "--resume"), tensors),
        "search for the best": Command(search, ("train", "--resume"), tensors),
        "pack": Command(("pack", data), ("pack", data), one_file, once="made.zip"),
        "compare with a network": Command(comparison, comparison, tensors),
        "study": Command((*study, "1"), (*study, "1"), outcomes),
        IN_PROCESSES: Command((*study, "2"), (*study, "2"), outcomes),
        "predict into a file": Command(prediction, prediction, one_file, once="made.jsonl"),
        "export": Command(exporting, exporting, one_file, once="made.onnx"),
        "export for browsers": Command(for_browsers, for_browsers, whole_folder, once="made-web"),
        "explain": Command(explanation, explanation, explained),
    }


NAMES = tuple(commands("", "", "", ""))
AT_A_WRITE = tuple(name for name in NAMES if name != IN_PROCESSES)  # its processes die with it, at their own writes


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A command, what it makes when nothing happens, and in how many seconds."""

    command: Command
    name: str
    made: dict[str, str]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(
    request: pytest.FixtureRequest, digits_folder: Path, squares: Path, digits_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    runtime = request.getfixturevalue("onnxruntime_web") if "browsers" in request.param else ""
    command = commands(str(digits_folder), str(squares), str(digits_run), str(runtime))[request.param]
    folder = tmp_path_factory.mktemp("undisturbed")
    out = _out(folder, command)
    ended = run(_words(command, out), folder / "log")
    assert ended.status == 0, ended.said
    return Undisturbed(command, request.param, command.made(out), ended.seconds)


def _out(folder: Path, command: Command) -> Path:
    return folder / (command.once or "made")


def _ended(command: Command, out: Path) -> bool:
    """Whether the command has already written what it writes once."""
    return bool(command.once) and out.exists()


def _words(command: Command, out: Path) -> list[str | Path]:
    """The words that begin the command, or resume what was begun."""
    if command.first[0] == "pack":
        return [*command.first, out]
    if command.first[0] != "train":
        return [*command.first, "--out", out]
    begun = (out / "recipe.toml").exists() or (out / "search.json").exists()
    return [*(command.again if begun else command.first), "--out", out]


def _finish(undisturbed: Undisturbed, folder: Path) -> None:
    command = undisturbed.command
    out = _out(folder, command)
    statuses = (0, 2) if _ended(command, out) else (0,)  # 2: the file was complete when its writer was killed
    ended = run(_words(command, out), folder / "log")
    assert ended.status in statuses, ended.said
    assert command.made(out) == undisturbed.made
    assert not [path for path in folder.rglob("*") if path.name.endswith(".partial")]


@pytest.mark.parametrize("undisturbed", NAMES, indirect=True)
def test_killed_at_random_moments(undisturbed: Undisturbed, tmp_path: Path, chance: random.Random, hardness: int) -> None:
    """Again and again, at any moment of a command's life."""
    kills, attempt, longest = 0, 0, undisturbed.seconds
    while kills < 4 * hardness:
        folder = tmp_path / str(attempt)
        folder.mkdir()
        attempt += 1
        out = _out(folder, undisturbed.command)
        for _ in range(chance.randint(1, 3)):
            if not _ended(undisturbed.command, out):
                ended = run(_words(undisturbed.command, out), folder / "log", kill_after=chance.uniform(0.02, longest))
                assert ended.status in (0, -signal.SIGKILL), ended.said
                kills += ended.status != 0
                longest = longest if ended.status else min(longest, ended.seconds)  # the machine may be quicker than it was
        _finish(undisturbed, folder)
    attacked(f"killed at random: {undisturbed.name}", kills)


@pytest.mark.parametrize("undisturbed", AT_A_WRITE, indirect=True)
@pytest.mark.parametrize("at", ["flush", "before a rename", "after a rename"])
def test_killed_at_every_write(undisturbed: Undisturbed, tmp_path: Path, at: Any, hardness: int) -> None:
    """In the short form at every few of them."""
    step = max(1, 7 // hardness)
    number, kills = 1, 0
    while True:
        folder = tmp_path / str(number)
        folder.mkdir()
        ended: Ended = run(_words(undisturbed.command, _out(folder, undisturbed.command)), folder / "log", moment=Moment(at, number))
        assert ended.status in (0, -signal.SIGKILL), ended.said
        kills += ended.status != 0
        _finish(undisturbed, folder)
        if ended.status == 0 or number > 60 * hardness:
            break
        number += step
    assert kills
    attacked(f"killed at a write ({at}): {undisturbed.name}", kills)


def test_two_workers_killed(digits_folder: Path, tmp_path: Path, chance: random.Random, hardness: int) -> None:
    """One of two dies, the other ends with a message or is killed too; both begin again and end in the weights of an undisturbed pair."""
    from tests.fire.programs import begin
    from tests.training.parallel.workers import launched
    from torch._C._distributed_c10d import TCPStore

    def pair(out: Path, kill: float | None) -> list[int]:
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        words = ["train", "--resume"] if (out / "recipe.toml").exists() else ["train", str(digits_folder), *shape]
        processes = [
            begin([*words, "--out", out], tmp_path / "log", environment=launched(rank, 2, store.port) | {"ALEXNET_STALL_SECONDS": "20"})
            for rank in range(2)
        ]
        if kill is not None:
            processes[0].join(kill)
            killed(processes[chance.randrange(2)])
        for process in processes:
            process.join(90)
        killed(*processes)
        return [process.exitcode for process in processes]

    shape = ["--model", "lenet", "--epochs", "4", "--seed", "3", "--layout", "data", *OFTEN]
    assert pair(tmp_path / "whole", None) == [0, 0], (tmp_path / "log").read_text()
    for attempt in range(2 * hardness):
        out = tmp_path / str(attempt)
        pair(out, chance.uniform(0.1, 3.0))
        if not (out / "result.json").exists():
            assert pair(out, None) == [0, 0], (tmp_path / "log").read_text()[-3000:]
        assert tensors(out) == tensors(tmp_path / "whole")
    attacked("killed: one of two workers", 2 * hardness)
