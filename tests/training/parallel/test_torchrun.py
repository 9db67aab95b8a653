"""Whole trainings under torchrun: what one process trains, whoever is killed, stopped or added on the way."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from alexnet.storage.tensors import read_tensors

pytestmark = pytest.mark.slow

TRAINING = [
    *("digits", "--model", "alexnet", "--network.width", "0.0625", "--network.initialisation", "he", "--image-size", "67"),
    *("--epochs", "2", "--training.batch-size", "60", "--training.learning-rate", "0.005", "--training.precision", "fp64"),
    *("--training.averaging", "0", "--no-baseline", "--device", "cpu"),
]
EXACT = 1e-9
STALL_SECONDS, NOTICED_SECONDS = 6, 90.0  # until a worker is lost; until everything has ended, on a machine that does other work
LONGEST_SECONDS = 110.0  # of a command


def environment(**more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RANK", "WORLD_SIZE", "MASTER_", "LOCAL_", "TORCHELASTIC"))
    }
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | more


def torchrun(workers: int, *words: str, restarts: int = 0) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(workers), "--max-restarts", str(restarts)]
    return [*launcher, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "alexnet", *words]


def start(command: list[str], log: Path, **more: str) -> "subprocess.Popen[bytes]":
    """A command whose output goes into two files, as a process group of its own."""
    with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as error:
        return subprocess.Popen(command, stdout=out, stderr=error, env=environment(**more), cwd=log.parent, start_new_session=True)


def ended(process: "subprocess.Popen[bytes]", seconds: float = LONGEST_SECONDS) -> int:
    """The command's exit status; one that runs for longer is killed, with all that it started, and fails the test."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still runs after {seconds:.0f} s: {process.args!r}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(command: list[str], log: Path, **more: str) -> str:
    """What a command prints; its errors are shown where it fails."""
    status = ended(start(command, log, **more))
    assert status == 0, said(log)
    return log.with_suffix(".out").read_text()


def said(log: Path) -> str:
    return log.with_suffix(".err").read_text(errors="replace") + log.with_suffix(".out").read_text(errors="replace")


def worker(launcher: int, rank: int, seconds: float = 60.0) -> int:
    """The process of a worker, found among the launcher's children by its environment."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _is_worker(entry, launcher, rank):
                return int(entry.name)
        time.sleep(0.1)
    pytest.fail(f"no worker {rank} in {seconds:.0f} s")


def _is_worker(entry: Path, launcher: int, rank: int) -> bool:
    try:
        parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        return int(parent) == launcher and f"RANK={rank}".encode() in (entry / "environ").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return False


def after_a_checkpoint(out: Path, process: "subprocess.Popen[bytes]", seconds: float = 90.0) -> None:
    """Wait until a run has made steps after its first checkpoint."""
    until, kept = time.monotonic() + seconds, out / "checkpoints"
    while time.monotonic() < until and process.poll() is None:
        seen = [*kept.glob("last-*/table.json"), *kept.glob("last.safetensors")]
        if seen and time.time() - seen[0].stat().st_mtime < 5:
            return
        time.sleep(0.02)
    pytest.fail(f"no checkpoint in {seconds:.0f} s")


def furthest(one: Path, other: Path) -> float:
    tensors = [read_tensors(run / "model" / "model.safetensors")[0] for run in (one, other)]
    assert tensors[0].keys() == tensors[1].keys()
    return max((tensors[0][name].double() - tensors[1][name].double()).abs().max().item() for name in tensors[0])


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The training in one process, and its result."""
    folder = tmp_path_factory.mktemp("alone")
    command = [sys.executable, "-m", "alexnet", "train", *TRAINING, "--out", str(folder / "run"), "--json"]
    return folder / "run", json.loads(run(command, folder / "log"))


@pytest.mark.parametrize("layout", ["data", "towers", "hybrid"])
def test_two_workers_train_what_one_process_does(layout: str, alone: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, (reference, expected) = tmp_path / "run", alone
    printed = run(torchrun(2, "train", *TRAINING, "--layout", layout, "--out", str(out), "--json"), tmp_path / "log")
    result = json.loads(printed)  # one object: one worker speaks
    assert furthest(out, reference) < EXACT
    for name in ("test_error", "validation_error", "test_interval", "n_train", "n_test", "parameters", "macs", "epochs"):
        assert result[name] == pytest.approx(expected[name], abs=EXACT), name
    history = [[json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()] for run in (out, reference)]
    for mine, its in zip(*history, strict=True):
        assert all(mine[name] == pytest.approx(its[name], abs=EXACT) for name in ("training_loss", "validation_loss", "training_error"))
    assert {file.name for file in out.iterdir()} == {file.name for file in reference.iterdir()}
    assert (out / "predictions.csv").read_text().count("\n") == (reference / "predictions.csv").read_text().count("\n")


OFTEN = ("--training.checkpoint-seconds", "0.2")


@pytest.mark.parametrize("layout", ["hybrid"])
def test_a_worker_that_is_killed_is_started_again_and_nothing_is_lost(
    layout: str, alone: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    process = start(torchrun(2, "train", *TRAINING, *OFTEN, "--layout", layout, "--out", str(out), restarts=1), log)
    try:
        after_a_checkpoint(out, process)
        os.kill(worker(process.pid, 1), signal.SIGKILL)
    finally:
        status = ended(process)
    assert status == 0, said(log)
    assert furthest(out, alone[0]) < EXACT


def test_a_worker_that_stands_still_is_named_and_all_end(tmp_path: Path) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    command = torchrun(2, "train", *TRAINING, *OFTEN, "--layout", "data", "--out", str(out))
    process = start(command, log, ALEXNET_STALL_SECONDS=str(STALL_SECONDS))
    number = 0
    try:
        after_a_checkpoint(out, process)
        number = worker(process.pid, 1)
        os.kill(number, signal.SIGSTOP)
    finally:
        status = ended(process, NOTICED_SECONDS)
    assert status != 0
    assert re.search(rf"No answer from worker 1 \(process {number} on .+\): killed, stopped, or waiting for a worker that is\.", said(log))
    assert "Start all workers again with --resume." in said(log)
    assert not re.search(r'File ".*alexnet[/\\](world|training|experiments|cli)', said(log)), "no traceback of ours"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_how_to_go_on_and_any_number_of_workers_does(
    how: signal.Signals, alone: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    process = start(torchrun(2, "train", *TRAINING, *OFTEN, "--layout", "hybrid", "--out", str(out)), log)
    try:
        after_a_checkpoint(out, process)
        os.kill(process.pid, how)
    finally:
        status = ended(process)
    assert status != 0
    go_on = f"Resume with: torchrun --nproc-per-node 2 -m alexnet train --out {shlex.quote(str(out))} --resume"
    assert said(log).count(go_on) == 1, said(log)
    assert re.search(r"^Stopped after step [\d,]+; nothing is lost\.$", said(log), re.MULTILINE), "every worker ends after the same step"
    assert "No answer from" not in said(log)
    assert not (out / "result.json").exists()
    assert list((out / "checkpoints").glob("last-*/table.json"))
    if how == signal.SIGINT:
        run(torchrun(4, "train", "--out", str(out), "--resume", "--layout", "data"), tmp_path / "again")
    else:
        run(
            [sys.executable, "-m", "alexnet", "train", "--out", str(out), "--resume", "--no-baseline", "--device", "cpu"],
            tmp_path / "again",
        )
    assert furthest(out, alone[0]) < EXACT
