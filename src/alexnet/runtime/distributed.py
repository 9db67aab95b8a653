"""The workers of one training: which of them this process is, and the few values that they exchange.

A process that was not started by `torchrun` (or another launcher that sets RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) is a world of one,
for which everything here is free. Messages are numbers and JSON, never pickle. Independent of models and images.
"""

import json
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from alexnet._version import __version__
from alexnet.errors import AlexNetError, WorkerLost
from alexnet.runtime.terminal import visible

Connection = TypeVar("Connection")

STALL_SECONDS = 600.0  # a worker that does not answer for longer is lost; $ALEXNET_STALL_SECONDS overrides it
ROLL_CALL_SECONDS = 5.0  # in which every worker that still runs must report
SAME_MISTAKE_SECONDS = 3.0  # in which the first worker may make the same mistake
SAY_AFTER_SECONDS = 3.0  # of waiting for the other workers
SAY_AGAIN_SECONDS = 30.0
LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Worker `rank` of `size`; `local_rank` of `local_size` on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    restarts: int = 0  # how often the launcher has restarted all workers
    store: Any = field(default=None, repr=False)  # torch's key-value store, which survives a broken connection

    @property
    def first(self) -> bool:
        """Whether this worker writes the files and the messages of all."""
        return self.rank == 0

    def capacity(self, count: int) -> int:
        """The largest share of `count` items; every worker's share is padded to it where shapes must agree."""
        return -(-count // self.size)

    def rows(self, count: int) -> range:
        """The worker's share of `count` ordered items: contiguous, none twice, none lost; the last workers may get none."""
        start = min(count, self.rank * self.capacity(count))
        return range(start, min(count, start + self.capacity(count)))

    def sum(self, *values: float) -> tuple[float, ...]:
        """Each value summed over the workers, in float64."""
        if self.size == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        return tuple(total.tolist())

    def any(self, flag: bool) -> bool:
        """Whether the flag is true on at least one worker."""
        return self.sum(float(flag))[0] > 0

    def from_first(self, *values: float) -> tuple[float, ...]:
        """The first worker's values, on all of them."""
        return self.sum(*(value if self.first else 0.0 for value in values))

    def gather(self, mine: Tensor) -> list[Tensor]:
        """Every worker's tensor, all of the same shape."""
        if self.size == 1:
            return [mine]
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(parts, mine)
        return parts

    def gather_rows(self, mine: Tensor, count: int) -> Tensor:
        """(count, ...): all workers' rows in order, from each worker's (len(rows(count)), ...)."""
        padded = mine.new_zeros((self.capacity(count), *mine.shape[1:]))
        padded[: len(mine)] = mine
        return torch.cat(self.gather(padded))[:count]

    def wait(self) -> None:
        """Wait until every worker has come here."""
        self.sum(0.0)

    def text_from_first(self, key: str, text: str) -> str:
        """The first worker's text, on all of them; `key` is used once."""
        if self.size == 1:
            return text
        if self.first:
            self.store.set(key, text)
        return str(self.store.get(key).decode())

    def check_same(self, what: str, value: str) -> None:
        """Raise AlexNetError, whose message identifies the workers, if a worker's `value` (JSON or text) differs from the first one's."""
        if self.size == 1:
            return
        self.store.set(f"{what}/{self.rank}", value)
        others = {rank: self.store.get(f"{what}/{rank}").decode() for rank in range(self.size)}
        different = [rank for rank, other in others.items() if other != others[0]]
        if different:
            rank = different[0]
            raise AlexNetError(
                f"Workers differ in {what}: worker 0 has {others[0]}, worker {rank} ({self._place(rank)}) has {others[rank]}. "
                "Make them the same on every machine, and start all workers again."
            )

    def _place(self, rank: int) -> str:
        return "process {process} on {host}".format(**json.loads(self.store.get(f"worker/{rank}")))


ALONE = Workers()


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a launcher has started this process as one of several workers."""
    return all(name in environment for name in LAUNCHED) and launcher_number("WORLD_SIZE", 1, environment) > 1


@contextmanager
def join_workers(device: str = "auto", versions: Mapping[str, str] | None = None) -> Iterator[Workers]:
    """Connect this process to the other workers until the end of the block.

    versions: must be the same for all workers; by default those of this program, PyTorch and Python. Raises AlexNetError when the workers
    cannot connect or run different versions, and WorkerLost, whose message identifies the worker, when a connection breaks inside the block
    or a worker does not answer for STALL_SECONDS.
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
        mistake.reported = not world.first and _first_reports(world, str(mistake))
        raise
    except RuntimeError as problem:  # torch raises no class of its own for broken connections
        if not _is_broken_connection(problem):
            raise
        raise WorkerLost(_lost_message(world, problem)) from None
    finally:
        dist.destroy_process_group()


def _join(device: str) -> Workers:
    at = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    timeout = timedelta(seconds=stall_seconds())
    try:
        store, rank, size = _while_telling(lambda: _connected(device, timeout), at, timeout.total_seconds())
    except (RuntimeError, ValueError, OSError) as problem:  # DistError, and gloo's plain RuntimeError
        raise AlexNetError(_connection_message(at, str(problem))) from None
    store.set(f"worker/{rank}", json.dumps({"host": socket.gethostname(), "process": os.getpid()}))
    return Workers(
        rank=rank,
        size=size,
        local_rank=launcher_number("LOCAL_RANK", 0),  # if the launcher sets none, the others may run on other machines
        local_size=launcher_number("LOCAL_WORLD_SIZE", 1),
        restarts=launcher_number("TORCHELASTIC_RESTART_COUNT", 0),
        store=store,
    )


def _connected(device: str, timeout: timedelta) -> tuple[Any, int, int]:
    """The store of all workers, this one's rank and their number, once all of them are there."""
    store, rank, size = next(rendezvous("env://", timeout=timeout))
    store.set_timeout(timeout)
    store = PrefixStore(f"attempt-{launcher_number('TORCHELASTIC_RESTART_COUNT', 0)}", store)  # without the keys of earlier attempts
    backend = "gloo" if device.startswith("cpu") or not torch.cuda.is_available() else "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, store=PrefixStore("group", store), rank=rank, world_size=size, timeout=timeout)
    return store, rank, size


def _while_telling(connect: Callable[[], Connection], at: str, timeout: float) -> Connection:
    """The result of `connect`, which a thread waits for: this one says on standard error what is missing, and can be interrupted."""
    result: Future[Connection] = Future()
    Thread(target=_finish, args=(result, connect), daemon=True).start()
    started, pause = time.monotonic(), SAY_AFTER_SECONDS
    while True:
        try:
            return result.result(timeout=pause)
        except TimeoutError:
            if result.done():  # it is the connection's own
                raise
        left = max(0.0, timeout - (time.monotonic() - started))
        print(_waiting_message(at, left), file=sys.stderr, flush=True)
        pause = SAY_AGAIN_SECONDS


def _finish(result: "Future[Connection]", connect: Callable[[], Connection]) -> None:
    try:
        result.set_result(connect())
    except BaseException as problem:  # it is raised in the thread that waits
        result.set_exception(problem)


def _waiting_message(at: str, seconds_left: float) -> str:
    """Which workers this one waits for, for how long, and how to do without them."""
    rank, size = launcher_number("RANK", 0), launcher_number("WORLD_SIZE", 1)
    others = [other for other in range(size) if other != rank] if rank == 0 else [0]
    named = f"worker {others[0]}" if len(others) == 1 else f"workers {others[0]} to {others[-1]}"
    return (
        f"Waiting for {named} of {size} at {visible(at)}, for {seconds_left:,.0f} s more. RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in "
        f"the environment make this process worker {rank}; to work alone: unset {' '.join(LAUNCHED)}"
    )


def launcher_number(name: str, otherwise: int, environment: Mapping[str, str] = os.environ) -> int:
    """The whole number that the launcher has set as `name`, or `otherwise`; raises AlexNetError for any other value."""
    text = environment.get(name) or str(otherwise)
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise AlexNetError(
            f"{name} is '{text[:40]}' in the environment; launchers set it to a whole number. Start the workers with torchrun."
        )
    return int(text)


def stall_seconds() -> float:
    """How long to wait for a worker, in seconds; raises AlexNetError for a value of $ALEXNET_STALL_SECONDS that is not a duration."""
    text = os.environ.get("ALEXNET_STALL_SECONDS", str(STALL_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise AlexNetError(f"ALEXNET_STALL_SECONDS is '{text}'; it must be the seconds to wait for a worker, at least 1.")
    return seconds


def _connection_message(at: str, problem: str) -> str:
    if "in use" in problem or "EADDRINUSE" in problem:
        return f"The workers cannot connect to {at}: the port is in use. Choose another: MASTER_PORT=29501 or torchrun --master-port 29501."
    reason = " ".join(problem.split())[:200]
    return f"The workers cannot connect to {at} ({reason}). Start all of them, and set MASTER_ADDR to the machine of worker 0."


def own_versions() -> dict[str, str]:
    """The versions of this program, PyTorch and Python."""
    return {"alexnet": __version__, "torch": torch.__version__, "python": platform.python_version()}


def _is_broken_connection(problem: RuntimeError) -> bool:
    signs = ("Connection closed by peer", "Timed out waiting", "timed out", "Connection reset", "Broken pipe", "Connection refused", "gloo")
    return isinstance(problem, dist.DistError) or any(sign in str(problem) for sign in signs)


def _first_reports(world: Workers, mistake: str) -> bool:
    """Whether the first worker has made the same mistake and reports it, so that it is shown once."""
    until = time.monotonic() + SAME_MISTAKE_SECONDS
    while time.monotonic() < until:
        if world.store.check(["mistake"]):
            return bool(world.store.get("mistake").decode() == mistake)
        time.sleep(0.1)
    return False


def _lost_message(world: Workers, problem: RuntimeError) -> str:
    """Which workers no longer answer; each worker that still runs writes a key to the store and waits for the others' keys."""
    try:
        missing = _silent_workers(world)
        names = ", ".join(f"worker {rank} ({world._place(rank)})" for rank in missing)
    except (dist.DistError, RuntimeError):
        names = "worker 0, which held the list of workers"
    if not names:
        reason = " ".join(str(problem).split())[:200]
        return f"The connection between the workers broke ({reason}), though all of them still run. Start all workers again with --resume."
    return f"No answer from {names}: killed, stopped, or waiting for a worker that is. Start all workers again with --resume."


def _silent_workers(world: Workers) -> list[int]:
    world.store.set(f"alive/{world.rank}", "")
    missing, until = list(range(world.size)), time.monotonic() + ROLL_CALL_SECONDS
    while missing and time.monotonic() < until:
        missing = [rank for rank in missing if not world.store.check([f"alive/{rank}"])]
        time.sleep(0.1)
    return missing
