"""Worker processes for tests: forked from a process that has imported torch once, joined into one world, never waited for without end.

`together(job, workers, *words)` calls `job(world, *words)` in each of them and gives what they return, by rank. Their store is the test's
own, as under torchrun, so that no port is chosen twice.
"""

import faulthandler
import multiprocessing
import os
import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest
import torch
from torch._C._distributed_c10d import TCPStore

from alexnet.runtime.distributed import Workers, join_workers

P = ParamSpec("P")
R = TypeVar("R")

SECONDS = 60.0  # for a job, whatever else the machine does
GRACE_SECONDS = 2.0  # for the others, when one has failed
PRELOADED = [
    "hypothesis.extra.numpy",
    "pytest",
    "sklearn.datasets",
    "torch",
    "torch._dynamo",
    "torch.distributed.tensor.parallel",
    "torch.nn.parallel",
    "torch.optim.swa_utils",
    "alexnet.inference.classifier",
    "alexnet.data.pipeline.shared_memory",
    "alexnet.evaluation.evaluate",
    "alexnet.runs.train",
    "alexnet.training.parallel.data_parallel",
    "alexnet.training.parallel.hybrid",
    "alexnet.training.parallel.sharded_checkpoint",
    "alexnet.training.parallel.towers",
    "alexnet.training.loop",
    "alexnet.training.step",
    "tests.training.parallel.cases",
]

if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("workers are forked, which this system cannot", allow_module_level=True)

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(PRELOADED)


class WorkerFailed(AssertionError):
    """A worker's own traceback, or that it gave no answer. answers: what the others gave, by rank."""

    def __init__(self, words: str, answers: Mapping[int, Any]) -> None:
        super().__init__(words)
        self.answers = dict(answers)


def together(job: Callable[Concatenate[Workers, P], R], workers: int, /, *words: P.args, **named: P.kwargs) -> list[R]:
    """What `job(world, ...)` gives on each of so many workers; raises WorkerFailed, with a worker's traceback, where one fails."""
    return _answers(_joined, [{} for _ in range(workers)], (job, words, named))


def each(job: Callable[P, R], environments: Sequence[Mapping[str, str]], /, *words: P.args, **named: P.kwargs) -> list[R]:
    """What `job(...)` gives in one process for each environment, launched as a worker that has not joined the others yet."""
    return _answers(_alone, environments, (job, words, named))


def _joined(job: Callable[..., Any], words: tuple[Any, ...], named: dict[str, Any]) -> Any:
    with join_workers("cpu") as world:
        return job(world, *words, **named)


def _alone(job: Callable[..., Any], words: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return job(*words, **named)


def _answers(live: Callable[..., Any], environments: Sequence[Mapping[str, str]], what: tuple[Any, ...]) -> list[Any]:
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=SECONDS))
    processes, answers = [], []
    for rank, more in enumerate(environments):
        mine, its = FORKING.Pipe(duplex=False)
        environment = launched(rank, len(environments), store.port) | dict(more)
        process = FORKING.Process(target=_work, args=(its, live, pickle.dumps(what), environment))
        process.start()
        its.close()
        processes.append(process)
        answers.append(mine)
    try:
        return _collected(answers)
    finally:
        for process, answer in zip(processes, answers, strict=True):
            process.join(GRACE_SECONDS)
            process.kill()
            process.join()
            process.close()
            answer.close()


def launched(rank: int, size: int, port: int) -> dict[str, str]:
    """The environment that torchrun gives to a worker of one machine."""
    numbers = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    fixed = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_USE_AGENT_STORE": "True", "ALEXNET_STALL_SECONDS": str(SECONDS)}
    return {name: str(number) for name, number in numbers.items()} | fixed


def _work(answer: Connection, live: Callable[..., Any], what: bytes, environment: dict[str, str]) -> None:
    """One worker's life: its environment, its job, its answer."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    os.environ.update(environment)
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    try:
        said = ("done", live(*pickle.loads(what)))
    except BaseException:  # goes to the test
        said = ("failed", traceback.format_exc())
    answer.send_bytes(pickle.dumps(said))
    answer.close()


def _collected(answers: list[Connection]) -> list[Any]:
    results: dict[int, Any] = {}
    failures: dict[int, str] = {}
    until = time.monotonic() + SECONDS + GRACE_SECONDS
    while len(results) + len(failures) < len(answers):
        waiting = [answer for rank, answer in enumerate(answers) if rank not in results and rank not in failures]
        ready = wait(waiting, max(0.0, until - time.monotonic()))
        for answer in ready:
            _take(answers.index(answer), answer, results, failures)  # type: ignore[arg-type]
        if failures:
            until = min(until, time.monotonic() + GRACE_SECONDS)
        if not ready:
            break
    if failures:
        raise WorkerFailed("\n".join(f"worker {rank}: {text}" for rank, text in sorted(failures.items())), results)
    silent = [rank for rank in range(len(answers)) if rank not in results]
    if silent:
        raise WorkerFailed(f"no answer in {SECONDS:.0f} s from workers {silent}", results)
    return [results[rank] for rank in range(len(answers))]


def _take(rank: int, answer: Connection, results: dict[int, Any], failures: dict[int, str]) -> None:
    try:
        kind, value = pickle.loads(answer.recv_bytes())
    except EOFError:
        kind, value = "failed", "ended without an answer"
    (results if kind == "done" else failures)[rank] = value
