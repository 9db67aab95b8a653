"""Independent tasks on all CPUs of this machine, in processes of one thread each. Independent of what the tasks do."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread
from typing import TypeVar

from alexnet.errors import AlexNetError, Interrupted
from alexnet.runtime.main_guard import MARK, main_script, unguarded, unguarded_mark
from alexnet.runtime.terminal import silence_c_libraries

POLL_SECONDS = 0.2  # between checks of should_stop
SIGNAL_SECONDS = 1.0  # in which a signal that has ended the processes reaches this one too
STOPPED = "Stopped; runs in progress are kept in their checkpoints."
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
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()  # torch's threads do not survive a fork
    stop = context.Event()
    with (
        unguarded_mark() as mark,
        _environment(dict.fromkeys(THREADS, "1") | {MARK: str(mark)}),
        ProcessPoolExecutor(min(processes, len(tasks)), context, initializer=_begin, initargs=(stop,)) as pool,
    ):
        futures = {pool.submit(_do, work, task): number for number, task in enumerate(tasks)}
        try:
            yield from _as_they_end(futures, should_stop, mark)
        except BaseException:
            stop.set()
            _shut_down(pool, others)
            raise


def _shut_down(pool: ProcessPoolExecutor, others: Sequence[BaseProcess]) -> None:
    """Wait until the processes have stopped after their steps; a second Ctrl-C ends them at once. others: processes of the caller's own."""
    try:
        pool.shutdown(wait=True, cancel_futures=True)
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()
        raise


def _as_they_end(futures: dict[Future[Done], int], should_stop: Stop, mark: Path) -> Iterator[tuple[int, Done]]:
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in ended:
            yield futures[future], _result(future, should_stop, mark)
        if should_stop():
            raise Interrupted(STOPPED)


def _result(future: Future[Done], should_stop: Stop, mark: Path) -> Done:
    try:
        return future.result()
    except BrokenProcessPool:
        if mark.exists():
            raise unguarded(main_script()) from None
        if _stops_soon(should_stop):  # a signal to all processes, as `timeout` sends it, has ended them first
            raise Interrupted(STOPPED) from None
        raise AlexNetError(
            "A process of the study was killed, most likely because memory ran out. Rerun the same command with --processes 1: "
            "finished runs are kept."
        ) from None


def _stops_soon(should_stop: Stop) -> bool:
    until = time.monotonic() + SIGNAL_SECONDS
    while not (stops := should_stop()) and time.monotonic() < until:
        time.sleep(0.05)
    return stops


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for processes started in the block: one thread for every library, and where to leave the mark."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(stop: Event) -> None:
    """Set up a new process: one thread; Ctrl-C is left to the parent, whose end ends it too."""
    global _stop  # noqa: PLW0603 - set once, when a process of the pool starts
    end_with_parent()  # first: what follows takes seconds, in which the parent may die
    import torch

    silence_c_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _stop = stop


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that ended: `kill -9` runs no cleanup."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_wait_for_end, args=(parent,), daemon=True).start()


def _wait_for_end(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _do(work: Callable[[Task, Stop], Done], task: Task) -> Done:
    assert _stop is not None
    return work(task, _stop.is_set)
