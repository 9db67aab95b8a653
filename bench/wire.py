"""`python -m bench.wire`: the three layouts over a network of 1 and 10 Gbit/s inside this machine. Needs root and Debian's iproute2.

The same workers take one step over unlimited links, then one over links of each rate, and so on in turn, so a slow phase of the machine
affects all of them. The time that the network adds to a step is the median of the differences within a turn. The reference is as many
independent copies of one worker's training as there are workers, without communication: they share this machine's cores as the workers do.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

import torch

from alexnet.runtime.device import device_name
from bench.namespaces import WIRE, NoNetwork, address, check_possible, limit, network, only_one, start

PORT, TRANSFER_SECONDS, MB = 29_500, 2.0, 1e6
PUBLISHED = {2: 1.95, 4: 3.74, 8: 6.25}  # speed-ups of the hybrid over one GPU (Krizhevsky 2014)
TOWERS = 2
MOST_BYTES, MOST_SECONDS = 1 / 6, 1 / 4  # requirements: hybrid relative to data, at 1 Gbit/s with two workers
Rate = float | None  # Gbit/s; None: no limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One layout over links of one rate: the measurements of each worker for every step (bench.wire_worker.Step)."""

    layout: str
    workers: int
    gbits: Rate
    batch: int
    steps: list[list[dict[str, Any]]]

    @property
    def each_seconds(self) -> list[float]:
        """Seconds of every step, until its slowest worker is done."""
        return [max(float(worker["seconds"]) for worker in step) for step in self.steps]

    @property
    def seconds(self) -> float:
        """Median seconds per step."""
        return statistics.median(self.each_seconds)

    @property
    def cpu_seconds(self) -> float:
        """Median CPU seconds of one worker in a step."""
        return statistics.median(float(worker["cpu_seconds"]) for step in self.steps for worker in step)

    @property
    def sent(self) -> float:
        """Bytes that one worker sends in a step, on average."""
        return statistics.fmean(float(worker["sent"]) for step in self.steps for worker in step)

    @property
    def link_seconds(self) -> float | None:
        """Seconds to send a step's bytes over a worker's link, whether the worker waits for them or computes meanwhile."""
        return self.sent * 8e-9 / self.gbits if self.gbits else None

    @property
    def peak_memory(self) -> int:
        """The highest peak memory of a worker, in bytes."""
        return max(int(worker["peak_memory"] or 0) for step in self.steps for worker in step)

    @property
    def images_per_second(self) -> float:
        """Images per second of all workers together."""
        return self.batch * self.workers / self.seconds


def main(arguments: Sequence[str]) -> int:
    """Measure everything and print the tables; returns exit status 1 if a requirement is missed, 2 if no network can be created."""
    options = _options(arguments)
    try:
        check_possible()
        with only_one(), _ended_by_sigterm():
            print(f"{device_name(torch.device('cpu'))}; one thread per worker, {options.batch} pictures each", file=sys.stderr)
            results = list(_results(options))
    except NoNetwork as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the namespaces have been removed.", file=sys.stderr)
        return 130
    print(table(results))
    if options.json:
        options.json.write_text(
            json.dumps({"asked": vars(options) | {"json": None}, "results": [asdict(result) for result in results]}, indent=1)
        )
    checked = musts(results)
    print("".join(f"\n{'held' if held else 'MISSED'}: {line}" for line, held in checked))
    return 0 if all(held for _, held in checked) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.wire", description="The layouts over shaped links, as root.")
    parser.add_argument("--rates", type=_numbers, default=[1.0, 10.0], help="Gbit/s; an unlimited network is always measured")
    parser.add_argument("--workers", type=lambda text: [int(word) for word in text.split(",")], default=[2, 4])
    parser.add_argument("--layouts", type=lambda text: text.split(","), default=["data", "hybrid", "towers"])
    parser.add_argument("--batch", type=int, default=128, help="pictures of each worker")
    parser.add_argument("--steps", type=int, default=7, help="timed steps at each rate")
    parser.add_argument("--warm-steps", type=int, default=2, help="untimed steps before them")
    parser.add_argument("--model", default="alexnet", help="alexnet, or alexnet-owt")
    parser.add_argument("--width", type=float, default=1.0, help="of the network, as a share; for quick trials")
    parser.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp32"])
    parser.add_argument("--wire-precision", default="exact", choices=["exact", "bf16"], help="of gradients while they are sent")
    parser.add_argument("--json", type=Path, help="file for all raw numbers")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",") if word]


def _results(options: argparse.Namespace) -> Iterator[Result]:
    rates: list[Rate] = [None, *options.rates]
    for workers in options.workers:
        with network(workers):
            for gbits in rates:
                _print_transfer_rates(workers, gbits)
            yield from _measured(workers, [None], "alone", options)
            for layout in options.layouts:
                if layout != "towers" or workers == TOWERS:
                    yield from _measured(workers, rates, layout, options)


def _print_transfer_rates(workers: int, gbits: Rate) -> None:
    """Print the rates of plain transfers from each worker to the next, all at once, before anything is trained."""
    limit(workers, gbits)
    processes = _start(workers, lambda rank: ["transfer", str(rank), str(workers), str(TRANSFER_SECONDS)])
    reached = ", ".join(f"{rate / MB:.1f}" for rate in _answers(processes))
    print(f"{workers} workers, {_named(gbits)}: plain transfers around the ring reach {reached} MB/s", file=sys.stderr)


def _measured(workers: int, rates: Sequence[Rate], layout: str, options: argparse.Namespace) -> list[Result]:
    """The results of steps at all rates in turn, by the same workers."""
    same = ("model", "width", "batch", "warm_steps", "precision", "wire_precision")
    job = json.dumps({name: getattr(options, name) for name in same} | {"layout": layout})
    limit(workers, None)
    processes = _start(workers, lambda _: [job])
    steps: dict[Rate, list[list[dict[str, Any]]]] = {gbits: [] for gbits in rates}
    for _ in range(options.steps):
        for gbits in rates:
            limit(workers, gbits)
            steps[gbits].append(_answers(processes, "step\n"))
    _end(processes)
    results = [Result(layout=layout, workers=workers, gbits=gbits, batch=options.batch, steps=steps[gbits]) for gbits in rates]
    for each in results:
        time = f"{each.seconds:.2f} s per step, {each.cpu_seconds:.2f} s of CPU time"
        size = f"{each.sent / MB:.1f} MB sent, {each.peak_memory / MB:,.0f} MB of memory at most"
        print(f"  {layout}, {_named(each.gbits)}: {time}, {size}", file=sys.stderr)
    return results


def _start(workers: int, arguments: Callable[[int], list[str]]) -> list[subprocess.Popen[str]]:
    """Start `bench.wire_worker` in each worker's namespace, with the arguments for its rank."""
    command = [sys.executable, "-m", "bench.wire_worker"]
    return [start(rank, [*command, *arguments(rank)], _environment(rank, workers)) for rank in range(workers)]


def _answers(processes: Sequence[subprocess.Popen[str]], question: str = "") -> list[Any]:
    """The answers of all workers, one line of JSON each."""
    for process in processes:
        with suppress(BrokenPipeError):
            _pipe(process.stdin).write(question)
    lines = [_pipe(process.stdout).readline() for process in processes]
    if not all(lines):
        silent = ", ".join(str(rank) for rank, line in enumerate(lines) if not line)
        raise NoNetwork(f"No answer from worker {silent}; its output is above.")
    return [json.loads(line) for line in lines]


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Close the workers' input and wait for their end; report a worker that fails."""
    for rank, process in enumerate(processes):
        process.communicate()
        if process.returncode:
            print(f"  worker {rank} gave all answers, and then exited with status {process.returncode}", file=sys.stderr)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _environment(rank: int, workers: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return inherited | {
        "RANK": str(rank),
        "WORLD_SIZE": str(workers),
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": address(0),
        "MASTER_PORT": str(PORT),
        "GLOO_SOCKET_IFNAME": WIRE,
        "OMP_NUM_THREADS": "1",
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # hides warnings that addresses have no host names here
    }


def table(results: Sequence[Result]) -> str:
    """All results as a Markdown table."""
    head = ["layout", "workers", "network", "MB sent", "s on the link", "s a step", "s the wire adds", "images/s", "speed-up", "published"]
    rows = [head, ["---"] * len(head), *(_row(result, results) for result in results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result, results: Sequence[Result]) -> list[str]:
    alone = _find(results, "alone", result.workers, None)
    speed_up = alone.seconds * result.workers / result.seconds if alone and result.layout != "alone" else None
    return [
        result.layout,
        str(result.workers),
        _named(result.gbits),
        f"{result.sent / MB:.1f}",
        _written(result.link_seconds),
        f"{result.seconds:.2f}",
        _written(added_seconds(result, results)),
        f"{result.images_per_second:.1f}",
        _written(speed_up),
        f"{PUBLISHED[result.workers]:.2f}" if result.layout == "hybrid" and result.workers in PUBLISHED else "",
    ]


def added_seconds(result: Result, results: Sequence[Result]) -> float | None:
    """Seconds by which a step is longer than one over an unlimited network in the same turn; None if that was not measured."""
    unlimited = _find(results, result.layout, result.workers, None)
    if result.gbits is None or unlimited is None:
        return None
    return statistics.median(mine - other for mine, other in zip(result.each_seconds, unlimited.each_seconds, strict=True))


def musts(results: Sequence[Result]) -> list[tuple[str, bool]]:
    """The requirements on hybrid relative to data at 1 Gbit/s with two workers: each as a sentence, and whether it is met."""
    hybrid, data = _find(results, "hybrid", 2, 1.0), _find(results, "data", 2, 1.0)
    if hybrid is None or data is None:
        return []
    bytes_share = hybrid.sent / data.sent
    checked = [(f"hybrid sends {bytes_share:.3f} of data's bytes (must: at most {MOST_BYTES:.3f})", bytes_share <= MOST_BYTES)]
    ours, theirs = added_seconds(hybrid, results), added_seconds(data, results)
    if ours is not None and theirs is not None:
        line = f"the wire adds {ours:.3f} s to hybrid's step, {theirs:.3f} s to data's (must: at most {MOST_SECONDS:g} of it)"
        checked.append((line, ours <= MOST_SECONDS * theirs))
    return checked


def _find(results: Sequence[Result], layout: str, workers: int, gbits: Rate) -> Result | None:
    return next((each for each in results if (each.layout, each.workers, each.gbits) == (layout, workers, gbits)), None)


def _written(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"


def _named(gbits: Rate) -> str:
    return "no limit" if gbits is None else f"{gbits:g} Gbit/s"


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, so that the namespaces are removed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
