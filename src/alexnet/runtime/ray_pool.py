"""The same independent tasks on a Ray cluster, or on Ray on this machine alone. Ray is an extra: pip install '.[ray]'.

Each task takes one CPU (and one GPU, where the cluster has any). The images and the study folder must have the same path on all
machines. If RAY_ADDRESS is not set, Ray is started on this machine.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alexnet.errors import AlexNetError, BadRun, Interrupted
from alexnet.runtime.process_pool import Done, Stop, Task

POLL_SECONDS = 0.5  # between checks of should_stop
NICENESS = "RAY_worker_niceness"  # Ray's own setting; without it, its workers are 15 steps less urgent than whoever waits for them


def on_ray(work: Callable[[Task, Stop], Done], tasks: Sequence[Task], *, processes: int, should_stop: Stop) -> Iterator[tuple[int, Done]]:
    """Yield the number and the result of each task as it ends; `processes` is how many CPUs Ray may use if it is started here.

    Raises BadRun if Ray is not installed or cannot be reached, AlexNetError if one of its processes is lost, and Interrupted once
    `should_stop` returns true: running tasks are cancelled, and resume from their checkpoints when the study is rerun.
    """
    ray, started_here = connected(processes)
    gpus = min(1.0, ray.cluster_resources().get("GPU", 0.0))
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=1)(_on_one_thread)
    numbers = {remote.remote(work, task): number for number, task in enumerate(tasks)}
    try:
        yield from _as_they_end(ray, numbers, should_stop)
    finally:
        for reference in numbers:
            ray.cancel(reference)
        if started_here:
            ray.shutdown()


def import_ray() -> Any:
    """The module `ray`; raises BadRun, with how to install it, where it is missing."""
    try:
        import ray
    except ImportError:
        raise BadRun("--on ray needs Ray, which is not installed: run pip install '.[ray]', or leave out --on ray.") from None
    return ray


def connected(processes: int) -> tuple[Any, bool]:
    """The module `ray`, connected to RAY_ADDRESS's cluster, or to a Ray started here with so many CPUs; and whether this call did it.

    Who gets True calls `ray.shutdown()` in the end: it ends a Ray that was started here, and leaves a cluster as it is.
    """
    ray = import_ray()
    if ray.is_initialized():
        return ray, False
    handler = signal.getsignal(signal.SIGTERM)
    _start(ray, processes)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end the process with another status
    return ray, True


def _start(ray: Any, processes: int) -> None:
    address = os.environ.get("RAY_ADDRESS")
    here: dict[str, Any] = {} if address else {"num_cpus": processes, "include_dashboard": False}
    try:
        with _as_urgent_as_this():
            ray.init(address=address, log_to_driver=False, logging_level="error", **here)
    except Exception as error:  # Ray and the network raise errors of many classes
        reason = str(error).splitlines()[0][:200]
        raise BadRun(f"Ray cannot be started or reached ({reason}); RAY_ADDRESS must be a running cluster, or not set.") from None


@contextmanager
def _as_urgent_as_this() -> Iterator[None]:
    """Workers of a Ray that is started inside get this process's priority: with Ray's own they get next to nothing of a busy machine."""
    if NICENESS in os.environ:
        yield
        return
    os.environ[NICENESS] = "0"
    try:
        yield
    finally:
        del os.environ[NICENESS]


def _on_one_thread(work: Callable[[Task, Stop], Done], task: Task) -> Done | AlexNetError:
    """Do a task on one thread, as the local pool's processes do, so that both return the same numbers."""
    torch = sys.modules.get("torch")  # of a task that needs it, it has been imported; Ray itself lets later libraries have one thread
    if torch is not None:
        torch.set_num_threads(1)
    try:
        return work(task, lambda: False)
    except AlexNetError as error:  # Ray would wrap it
        return error


def _result(ray: Any, reference: Any) -> Any:
    """The result of a task that has ended; raises AlexNetError if its process or its machine was lost, twice."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError:  # raised by the task itself: a defect
        raise
    except ray.exceptions.RayError as lost:
        reason = (str(lost).splitlines() or [type(lost).__name__])[0][:200]
        raise AlexNetError(
            f"A process of the Ray cluster was lost, most likely because memory ran out ({reason}). Rerun the same command: "
            "what is finished is kept."
        ) from None


def _as_they_end(ray: Any, numbers: dict[Any, int], should_stop: Stop) -> Iterator[tuple[int, Any]]:
    waiting = list(numbers)
    while waiting:
        ended, waiting = ray.wait(waiting, timeout=POLL_SECONDS)
        for reference in ended:
            result = _result(ray, reference)
            if isinstance(result, AlexNetError):
                raise result
            yield numbers[reference], result
        if should_stop():
            raise Interrupted("Stopped; runs in progress are kept in their checkpoints.")
