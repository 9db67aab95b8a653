"""The process in one worker's namespace: `python -m bench.wire_worker JOB`, with JOB as JSON.

It builds the network, then takes one step for every line that it reads, and prints the measurements of each step as a line of JSON.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.runtime.device import Precision, choose_precision
from alexnet.runtime.distributed import Workers, join_workers
from alexnet.runtime.machine import keep_freed_memory, peak_memory
from alexnet.training.config import TrainingConfig, WirePrecision
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import Layout
from alexnet.training.parallel.registry import parallelize
from alexnet.training.step import training_step
from bench.namespaces import WIRE, address

CLASSES, IMAGE_SIZE = 1000, 224  # padded to 227 by the network
COUNTERS = Path("/proc/self/net/dev")  # of this namespace
PORT, PIECE = 5555, bytes(1 << 20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One measurement, the same for all workers."""

    layout: str  # data, towers, hybrid; alone: each worker trains its own copy without communication
    model: str
    width: float
    batch: int  # images of each worker
    warm_steps: int
    precision: Precision
    wire_precision: WirePrecision


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of one worker: its duration, and the bytes that it sent and received meanwhile."""

    seconds: float
    cpu_seconds: float  # of all its threads; hardly affected by other programs on the machine
    sent: int
    received: int
    peak_memory: int | None  # bytes, so far


def serve(job: Job, requests: Iterable[str]) -> Iterator[Step]:
    """Train on random images, one step for each line of `requests`."""
    keep_freed_memory()
    torch.set_num_threads(1)
    with join_workers("cpu") as world:
        torch.manual_seed(0)
        step = _step(job, world)
        for number in range(job.warm_steps):
            step(number)
        for number, _ in enumerate(requests):
            yield _measured(step, number, world)


def traffic(counters: str) -> tuple[int, int]:
    """Bytes sent and received by WIRE so far, from the text of /proc/net/dev."""
    line = next(line for line in counters.splitlines() if line.strip().startswith(f"{WIRE}:"))
    numbers = line.split(":")[1].split()
    return int(numbers[8]), int(numbers[0])


def _step(job: Job, world: Workers) -> Callable[[int], None]:
    """A step like those of the training loop, on this worker's images of a random batch."""
    model = build_model(job.model, NetworkChoices(width=job.width), CLASSES, 3, _preprocess())
    alone = job.layout == "alone"
    count = job.batch * (1 if alone else world.size)
    config = TrainingConfig(batch_size=count, precision=job.precision, wire_precision=job.wire_precision)
    layout = Layout(model) if alone else parallelize(model, job.layout, world, config)
    optimizer, precision = Descent(model, config), choose_precision(config.precision, torch.device("cpu"))
    rows = len(layout.rows(count))
    images = torch.randint(0, 256, (rows, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (rows,))

    def step(number: int) -> None:
        torch.manual_seed(number)
        layout.begin(count)
        training_step(layout.forward, optimizer, images, labels, 0.0, precision, count, layout.step_totals)

    return step


def _measured(step: Callable[[int], None], number: int, world: Workers) -> Step:
    """Measure a step that all workers begin together, even those that do not communicate."""
    world.wait()
    before, worked, started = traffic(COUNTERS.read_text()), time.process_time(), time.perf_counter()
    step(number)
    seconds, worked, after = time.perf_counter() - started, time.process_time() - worked, traffic(COUNTERS.read_text())
    sent, received = after[0] - before[0], after[1] - before[1]
    return Step(seconds=seconds, cpu_seconds=worked, sent=sent, received=received, peak_memory=peak_memory())


def _preprocess() -> Preprocess:
    return Preprocess(image_size=IMAGE_SIZE, stored_size=IMAGE_SIZE, fit="crop", mean=(120.0,) * 3, std=(60.0,) * 3)


def transfer(rank: int, size: int, seconds: float) -> float:
    """Bytes per second that this worker receives from its left neighbour while it sends to its right one."""
    with socket.create_server((address(rank), PORT)) as server:
        sender = threading.Thread(target=_send, args=(address((rank + 1) % size), seconds))
        sender.start()
        source, _ = server.accept()
        with source:
            received, started, room = 0, time.perf_counter(), bytearray(len(PIECE))
            while got := source.recv_into(room):
                received += got
            rate = received / (time.perf_counter() - started)
        sender.join()
    return rate


def _send(to: str, seconds: float) -> None:
    with _connected(to) as target:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            target.sendall(PIECE)


def _connected(to: str, patience: float = 20.0) -> socket.socket:
    until = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection((to, PORT), timeout=patience)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "transfer":
        print(json.dumps(transfer(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))), flush=True)
    else:
        for done in serve(Job(**json.loads(sys.argv[1])), sys.stdin):
            print(json.dumps(asdict(done)), flush=True)
