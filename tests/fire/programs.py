"""The command line in processes that are killed: forked from one that has imported everything, so that a start takes a moment."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

SECONDS = 120.0  # for one command
PRELOADED = [
    "sklearn.datasets",
    "torch._dynamo",
    "alexnet.cli",
    "alexnet.comparison.compare",
    "alexnet.data.verbs",
    "alexnet.explanations.explain",
    "alexnet.exports.export",
    "alexnet.inference.classifier",
    "alexnet.runs.evaluate",
    "alexnet.runs.tensorboard",
    "alexnet.runs.train",
    "alexnet.search.train",
    "alexnet.studies.study",
    "alexnet.training.parallel.towers",
]

if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("commands are forked, which this system cannot", allow_module_level=True)

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(PRELOADED)


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment of a process's death: at its n-th flush to the disk, or just before or after its n-th rename."""

    at: Literal["flush", "before a rename", "after a rename"]
    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit status (negative: the signal), its seconds, and what it wrote to the screen."""

    status: int
    seconds: float
    said: str


def run(
    words: Sequence[str | Path],
    log: Path,
    *,
    kill_after: float | None = None,
    moment: Moment | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[int, int] | None = None,
) -> Ended:
    """Run `alexnet WORDS` to its end, or until it is killed: `kill_after` seconds, or at a moment. limits: of the process, by resource."""
    started = time.monotonic()
    process = begin(words, log, moment=moment, environment=environment, limits=limits)
    process.join(SECONDS if kill_after is None else kill_after)
    if process.exitcode is None:
        process.kill()
        process.join()
        assert kill_after is not None, f"{words} has not ended within {SECONDS:.0f} s: {log.read_text('utf-8', 'replace')[-2000:]}"
    assert process.exitcode is not None
    return Ended(process.exitcode, time.monotonic() - started, log.read_text("utf-8", "replace"))


def begin(
    words: Sequence[str | Path],
    log: Path,
    *,
    moment: Moment | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[int, int] | None = None,
) -> Any:
    """The process of a command that has just begun."""
    log.touch()
    process = FORKING.Process(target=_main, args=([str(word) for word in words], log, moment, dict(environment or {}), dict(limits or {})))
    process.start()
    return process


def _main(words: list[str], log: Path, moment: Moment | None, environment: dict[str, str], limits: dict[int, int]) -> None:
    import resource

    import torch

    os.environ.update(environment)
    screen = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115 - until the end
    torch.set_num_threads(1)
    for which, size in limits.items():
        resource.setrlimit(which, (size, size))
    if moment is not None:
        _arm(moment)
    from alexnet.cli import main

    sys.exit(main(words))


def _arm(moment: Moment) -> None:
    """Let the process kill itself at a moment."""
    left = moment.number

    def due(at: str) -> None:
        nonlocal left
        if at == moment.at:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    fsync, replace, rename = os.fsync, os.replace, os.rename

    def flushed(descriptor: int) -> None:
        due("flush")
        fsync(descriptor)

    def moved(move: Any) -> Any:
        def moving(*words: Any, **named: Any) -> None:
            due("before a rename")
            move(*words, **named)
            due("after a rename")

        return moving

    os.fsync = flushed  # type: ignore[assignment]  # of a descriptor alone
    os.replace, os.rename = moved(replace), moved(rename)
