"""The command line in processes that are killed: forked from one that has imported everything, so that a start takes a moment.

What a killed command has started, workers and decoding processes, must have ended ten seconds later: `killed` sees to it.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.attacks import attacked

SECONDS = 300.0  # for one command
LEFT_SECONDS = 10.0  # after `kill -9`, in which whatever the command has started must end
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
    "alexnet.serve.server",
    "alexnet.studies.study",
    "alexnet.studio.app",
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
        killed(process)
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
    method: str = "fork",
    little_memory: bool = False,
) -> Any:
    """The process of a command that has just begun.

    method: by which it starts processes: `fork` is the default of Linux, `forkserver` that of Python 3.14. little_memory: images are
    decoded at each step, in processes of their own.
    """
    log.touch()
    given, most = dict(environment or {}), dict(limits or {})
    process = FORKING.Process(target=_main, args=([str(word) for word in words], log, moment, given, most, method, little_memory))
    process.start()
    return process


def killed(*processes: Any) -> int:
    """Kill commands, and wait until whatever they have started has ended too; returns how many processes that were.

    They are stopped first, so that they start nothing between a look at what they have started and their end.
    """
    alive = [process for process in processes if process.exitcode is None]
    for process in alive:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
    started = {number: began for process in alive for number, began in descendants(process.pid).items()}
    for process in alive:
        process.kill()
        process.join()
    until = time.monotonic() + LEFT_SECONDS
    while (left := living(started)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left, f"left {LEFT_SECONDS:.0f} s after kill -9: {left}"
    attacked("processes that a killed command had started, all of which ended within 10 s", len(started))
    return len(started)


def descendants(process: int) -> dict[int, str]:
    """What a process has started, and what that has: when each began, by its number; {} where there is no /proc."""
    found, before = dict[int, str](), {process}
    everything = [(number, *known) for number in _numbers() if (known := _known(number)) is not None]
    while before:
        after = {number: began for number, parent, began in everything if parent in before and number not in found}
        found |= after
        before = set(after)
    return found


def living(started: Mapping[int, str]) -> list[str]:
    """Those of the processes that have not ended, with their commands."""
    left = [number for number, began in started.items() if (known := _known(number)) is not None and known[1] == began]
    return [f"{number} {_command(number)}" for number in left]


def _numbers() -> list[int]:
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()] if proc.is_dir() else []


def _known(number: int) -> tuple[int, str] | None:
    """The parent of a process, and when it began; None if it has ended."""
    try:
        state, parent, *rest = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else (int(parent), rest[17])


def _command(number: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return ""


def _main(
    words: list[str],
    log: Path,
    moment: Moment | None,
    environment: dict[str, str],
    limits: dict[int, int],
    method: str,
    little_memory: bool,
) -> None:
    import resource

    import torch

    os.environ.update(environment)
    screen = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115 - until the end
    torch.set_num_threads(1)
    multiprocessing.set_start_method(method, force=True)
    multiprocessing.set_forkserver_preload([])
    for which, size in limits.items():
        resource.setrlimit(which, (size, size))
    if moment is not None:
        _arm(moment)
    if little_memory:
        from alexnet.data.pipeline import image_store

        vars(image_store)["available_bytes"] = lambda: 0
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
