"""The workers of one training: which of them this process is, and the little that they tell each other.

A process that `torchrun` (or another launcher that sets RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) has not started is a world of one, and
everything here costs it nothing. Messages are numbers and JSON, never pickle. Knows nothing of models and images.
"""

import json
import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from alexnet._version import __version__
from alexnet.errors import AlexNetError, WorkerLost

STALL_SECONDS = 600.0  # a worker that is waited for longer is lost; $ALEXNET_STALL_SECONDS says otherwise
ROLL_CALL_SECONDS = 5.0  # for every worker that still works to say so
SAME_MISTAKE_SECONDS = 3.0  # for the first worker to meet a mistake too
LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Worker `rank` of `size`; `local_rank` of `local_size` on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    restarts: int = 0  # how often the launcher has started all workers anew
    store: Any = field(default=None, repr=False)  # torch's key-value store, which outlives a broken connection

    @property
    def first(self) -> bool:
        """Whether this worker writes and speaks for all."""
        return self.rank == 0

    def capacity(self, count: int) -> int:
        """How many of `count` things the busiest worker gets; every worker's share is filled up to so many where shapes must agree."""
        return -(-count // self.size)

    def rows(self, count: int) -> range:
        """Which of `count` ordered things are this worker's: neighbours, none twice, none lost; the last worker may get none."""
        start = min(count, self.rank * self.capacity(count))
        return range(start, min(count, start + self.capacity(count)))

    def sum(self, *values: float) -> tuple[float, ...]:
        """Each value summed over the workers, in float64."""
        if self.size == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        return tuple(total.tolist())

    def any(self, wish: bool) -> bool:
        """Whether one worker at least says yes."""
        return self.sum(float(wish))[0] > 0

    def from_first(self, *values: float) -> tuple[float, ...]:
        """The first worker's values, on all of them."""
        return self.sum(*(value if self.first else 0.0 for value in values))

    def gather(self, mine: Tensor) -> list[Tensor]:
        """Every worker's tensor, all of one shape."""
        if self.size == 1:
            return [mine]
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(parts, mine)
        return parts

    def gather_rows(self, mine: Tensor, count: int) -> Tensor:
        """(count, ...): all workers' rows in order, from each one's (len(rows(count)), ...)."""
        padded = mine.new_zeros((self.capacity(count), *mine.shape[1:]))
        padded[: len(mine)] = mine
        return torch.cat(self.gather(padded))[:count]

    def wait(self) -> None:
        """Go on when every worker has come here."""
        self.sum(0.0)

    def text_from_first(self, key: str, words: str) -> str:
        """The first worker's words, on all of them."""
        if self.size == 1:
            return words
        if self.first:
            self.store.set(key, words)
        return str(self.store.get(key).decode())

    def check_same(self, what: str, value: str) -> None:
        """Raise AlexNetError, naming the workers, where `value` (JSON or plain text) is not what the first worker has."""
        if self.size == 1:
            return
        self.store.set(f"{what}/{self.rank}", value)
        others = {rank: self.store.get(f"{what}/{rank}").decode() for rank in range(self.size)}
        different = [rank for rank, other in others.items() if other != others[0]]
        if different:
            rank = different[0]
            raise AlexNetError(
                f"Workers differ in {what}: worker 0 has {others[0]}, worker {rank} ({self._place(rank)}) has {others[rank]}. "
                "Give every machine the same, and start again."
            )

    def _place(self, rank: int) -> str:
        return "process {process} on {host}".format(**json.loads(self.store.get(f"worker/{rank}")))


ALONE = Workers()


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a launcher has started this process as one worker of several."""
    return all(name in environment for name in LAUNCHED) and launcher_number("WORLD_SIZE", 1, environment) > 1


@contextmanager
def join_workers(device: str = "auto", versions: Mapping[str, str] | None = None) -> Iterator[Workers]:
    """The world of this process, with its connections, until the end of the block.

    versions: must be the same for all workers; those of this program and of what it runs on if none are given. Raises AlexNetError where
    the workers cannot meet or run different versions, and WorkerLost, naming who, when the connection to another worker breaks inside the
    block, or one is waited for longer than STALL_SECONDS.
    """
    if not is_launched():
        yield Workers(restarts=launcher_number("TORCHELASTIC_RESTART_COUNT", 0))
        return
    world = _join(device)
    try:
        world.check_same("versions", json.dumps(own_versions() if versions is None else versions))
        yield world
    except AlexNetError as mistake:
        if world.first:
            world.store.set("mistake", str(mistake))
        mistake.reported = not world.first and _first_said(world, str(mistake))
        raise
    except RuntimeError as problem:  # what torch raises for broken connections has no name of its own
        if not _is_broken_connection(problem):
            raise
        raise WorkerLost(_roll_call(world, problem)) from None
    finally:
        dist.destroy_process_group()


def _join(device: str) -> Workers:
    at = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    patience = timedelta(seconds=stall_seconds())
    try:
        store, rank, size = next(rendezvous("env://", timeout=patience))
        store.set_timeout(patience)
        store = PrefixStore(f"attempt-{launcher_number('TORCHELASTIC_RESTART_COUNT', 0)}", store)  # what the lost said counts no more
        backend = "gloo" if device.startswith("cpu") or not torch.cuda.is_available() else "cpu:gloo,cuda:nccl"
        dist.init_process_group(backend, store=PrefixStore("group", store), rank=rank, world_size=size, timeout=patience)
    except (RuntimeError, ValueError, OSError) as problem:  # DistError, and gloo's without a name
        raise AlexNetError(_no_meeting(at, str(problem))) from None
    store.set(f"worker/{rank}", json.dumps({"host": socket.gethostname(), "process": os.getpid()}))
    return Workers(
        rank=rank,
        size=size,
        local_rank=launcher_number("LOCAL_RANK", 0),  # a launcher that does not say may have started the others elsewhere
        local_size=launcher_number("LOCAL_WORLD_SIZE", 1),
        restarts=launcher_number("TORCHELASTIC_RESTART_COUNT", 0),
        store=store,
    )


def launcher_number(name: str, otherwise: int, environment: Mapping[str, str] = os.environ) -> int:
    """A whole number that the launcher has set, or `otherwise`; raises AlexNetError for any other word."""
    word = environment.get(name) or str(otherwise)
    if not word.isdigit():
        raise AlexNetError(f"{name} is '{word}' in the environment; launchers set it to a whole number. Start the workers with torchrun.")
    return int(word)


def stall_seconds() -> float:
    """How long a worker is waited for; raises AlexNetError for a value of $ALEXNET_STALL_SECONDS that is no time."""
    word = os.environ.get("ALEXNET_STALL_SECONDS", str(STALL_SECONDS))
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise AlexNetError(f"ALEXNET_STALL_SECONDS is '{word}'; it is how long a worker is waited for, in seconds, at least 1.")
    return seconds


def _no_meeting(at: str, problem: str) -> str:
    if "in use" in problem or "EADDRINUSE" in problem:
        return f"The workers cannot meet at {at}: the port is in use. Choose another, as MASTER_PORT=29501 or torchrun --master-port 29501."
    reason = " ".join(problem.split())[:200]
    return f"The workers cannot meet at {at} ({reason}). Start all of them, and let MASTER_ADDR name the first one's machine."


def own_versions() -> dict[str, str]:
    """Of this program and what it runs on."""
    return {"alexnet": __version__, "torch": torch.__version__, "python": platform.python_version()}


def _is_broken_connection(problem: RuntimeError) -> bool:
    words = ("Connection closed by peer", "Timed out waiting", "timed out", "Connection reset", "Broken pipe", "Connection refused", "gloo")
    return isinstance(problem, dist.DistError) or any(word in str(problem) for word in words)


def _first_said(world: Workers, mistake: str) -> bool:
    """Whether the first worker met the same mistake, and so has told it: one message for all."""
    until = time.monotonic() + SAME_MISTAKE_SECONDS
    while time.monotonic() < until:
        if world.store.check(["mistake"]):
            return bool(world.store.get("mistake").decode() == mistake)
        time.sleep(0.1)
    return False


def _roll_call(world: Workers, problem: RuntimeError) -> str:
    """Who does not answer any more, as a message; each worker that still works says so in the store and waits for the others."""
    try:
        missing = _silent_workers(world)
        names = ", ".join(f"worker {rank} ({world._place(rank)})" for rank in missing)
    except (dist.DistError, RuntimeError):
        names = "worker 0, which kept the list of workers"
    if not names:
        return f"The connection between the workers broke ({' '.join(str(problem).split())[:200]}); all of them still answer."
    return f"No answer from {names}: killed, stopped, or waiting for one that is. Start all workers again with --resume."


def _silent_workers(world: Workers) -> list[int]:
    world.store.set(f"alive/{world.rank}", "")
    missing, until = list(range(world.size)), time.monotonic() + ROLL_CALL_SECONDS
    while missing and time.monotonic() < until:
        missing = [rank for rank in missing if not world.store.check([f"alive/{rank}"])]
        time.sleep(0.1)
    return missing
