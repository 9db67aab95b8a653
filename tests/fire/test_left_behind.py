"""Commands that are killed with `kill -9` while others work for them: ten seconds later none of those is left."""

import random
import time
from pathlib import Path
from typing import Any

import pytest
from tests.attacks import attacked
from tests.fire.programs import begin, descendants, killed
from tests.training.parallel.workers import launched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STUDY = ("study", "{squares}", "--claims", "dropout", "--seeds", "2", "--processes", "2", "--budget", "10h")
LONG = ("--set", "training.epochs=400", "--set", "network.width=0.125", "--set", "fraction=1")
NETWORK = ("train", "{digits}", "--model", "lenet", "--epochs", "400", "--no-baseline", "--workers", "2")
COMPARISON = ("compare", "{digits}", "--models", "lenet", "--fractions", "1", "--workers", "2")
COMMANDS: dict[str, tuple[tuple[str, ...], str, int]] = {  # words, how processes are started, and how many there are then
    "a study in two processes": ((*STUDY, *LONG), "fork", 2),
    "a comparison with two decoding processes": (COMPARISON, "fork", 2),
    "a training with two decoding processes": (NETWORK, "fork", 2),
    "a training with two decoding processes, started by forkserver": (NETWORK, "forkserver", 3),  # and the server
}


def wait_for(count: int, *processes: Any, seconds: float = 90.0) -> None:
    """Until so many processes work for the commands."""
    until = time.monotonic() + seconds
    while sum(len(descendants(one.pid)) for one in processes) < count:
        assert time.monotonic() < until, "nobody has been started to work for the command"
        assert all(one.exitcode is None for one in processes), "it has ended before"
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_is_left(name: str, squares: Path, digits_folder: Path, tmp_path: Path, chance: random.Random, hardness: int) -> None:
    words, method, workers = COMMANDS[name]
    filled = [word.format(squares=squares, digits=digits_folder) for word in words]
    started = 0
    for attempt in range(2 * hardness):
        log = tmp_path / f"log {attempt}"
        process = begin([*filled, "--out", tmp_path / f"out {attempt}"], log, method=method, little_memory=words[0] != "study")
        wait_for(workers, process)
        time.sleep(chance.uniform(0.0, 6.0 if words[0] == "study" else 1.0))
        started += killed(process)
    assert started >= workers * hardness  # a look between two epochs may find none
    attacked(f"killed with their workers: {name}", 2 * hardness)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_nobody_is_left_of_a_pair(digits_folder: Path, tmp_path: Path, chance: random.Random, hardness: int) -> None:
    """One of two workers is killed, the other ends by itself: neither leaves the processes that have decoded for it."""
    from torch._C._distributed_c10d import TCPStore

    words = [word.format(digits=digits_folder) for word in NETWORK]
    for attempt in range(2 * hardness):
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        environments = [launched(rank, 2, store.port) | {"ALEXNET_STALL_SECONDS": "20"} for rank in range(2)]
        out, log = tmp_path / f"out {attempt}", tmp_path / f"log {attempt}"
        pair = [begin([*words, "--layout", "data", "--out", out], log, environment=one, little_memory=True) for one in environments]
        wait_for(2, *pair)
        time.sleep(chance.uniform(0.0, 2.0))
        killed(pair.pop(chance.randrange(2)))
        (other,) = pair
        other.join(90)
        status = other.exitcode
        killed(other)
        assert status not in (None, 0), log.read_text("utf-8", "replace")[-2000:]
    attacked("killed with their workers: one of two workers with decoding processes", 2 * hardness)
