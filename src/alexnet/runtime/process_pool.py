"""Independent tasks on all CPUs of this machine, in processes of one thread each. Independent of what the tasks do."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import TypeVar

from alexnet.errors import AlexNetError, Interrupted

POLL_SECONDS = 0.2  # between checks of should_stop
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Stop = Callable[[], bool]
Task = TypeVar("Task")
Done = TypeVar("Done")

_stop: Event | None = None  # set in worker processes


def in_pool(work: Callable[[Task, Stop], Done], tasks: Sequence[Task], *, processes: int, should_stop: Stop) -> Iterator[tuple[int, Done]]:
    """Yield the number and the result of each task as it ends; with one process, the tasks run here and in order.

    work: a module-level function, which other processes import; it raises Interrupted when its second argument returns true.
    Raises Interrupted once `should_stop` returns true and all processes have stopped.
    """
    if processes == 1 or len(tasks) <= 1:
        for number, task in enumerate(tasks):
            if should_stop():
                raise Interrupted("Stopped between two runs; nothing is lost.")
            yield number, work(task, should_stop)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    stop = context.Event()
    with _one_thread_each(), ProcessPoolExecutor(min(processes, len(tasks)), context, initializer=_begin, initargs=(stop,)) as pool:
        futures = {pool.submit(_do, work, task): number for number, task in enumerate(tasks)}
        try:
            yield from _as_they_end(futures, should_stop)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _as_they_end(futures: dict[Future[Done], int], should_stop: Stop) -> Iterator[tuple[int, Done]]:
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in ended:
            yield futures[future], _result(future)
        if should_stop():
            raise Interrupted("Stopped; runs in progress are kept in their checkpoints.")


def _result(future: Future[Done]) -> Done:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AlexNetError(
            "A process of the study was killed, most likely because memory ran out. Rerun the same command with --processes 1: "
            "finished runs are kept."
        ) from None


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Environment variables for processes started in the block: one thread for every library."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(stop: Event) -> None:
    """Set up a new process: one thread; Ctrl-C is left to the parent."""
    global _stop  # noqa: PLW0603 - set once, when a process of the pool starts
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _stop = stop


def _do(work: Callable[[Task, Stop], Done], task: Task) -> Done:
    assert _stop is not None
    return work(task, _stop.is_set)
