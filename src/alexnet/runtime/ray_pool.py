"""The same independent work on a Ray cluster, or on a Ray of this machine alone. Ray is an extra: pip install 'alexnet[ray]'.

Each task takes one processor (or a card, where the cluster has some). Images and the study's folder must lie under the same path on all
machines. Where RAY_ADDRESS is not set, a Ray is started here.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alexnet.errors import AlexNetError, BadRun, Interrupted
from alexnet.runtime.process_pool import Done, Stop, Task

POLL_SECONDS = 0.5  # between looks at whether to stop


def on_ray(work: Callable[[Task, Stop], Done], tasks: Sequence[Task], *, processes: int, should_stop: Stop) -> Iterator[tuple[int, Done]]:
    """The number of each task and what came of it, as they end; `processes` is how many processors a Ray that is started here may use.

    Raises BadRun where Ray is not installed or cannot be reached, and Interrupted once `should_stop` answers true: running tasks are
    cancelled, and go on from their checkpoints when the study is started again.
    """
    ray = _ray()
    started_here = not ray.is_initialized()
    if started_here:
        _start(ray, processes)
    cards = min(1.0, ray.cluster_resources().get("GPU", 0.0))
    remote = ray.remote(num_cpus=1, num_gpus=cards, max_retries=1)(_alone)
    numbers = {remote.remote(work, task): number for number, task in enumerate(tasks)}
    try:
        yield from _as_they_end(ray, numbers, should_stop)
    finally:
        for reference in numbers:
            ray.cancel(reference)
        if started_here:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise BadRun("--on ray needs Ray, which is not installed: pip install 'alexnet[ray]'. Or leave out --on ray.") from None
    return ray


def _start(ray: Any, processes: int) -> None:
    address = os.environ.get("RAY_ADDRESS")
    here: dict[str, Any] = {} if address else {"num_cpus": processes, "include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", **here)
    except Exception as error:  # a cluster that is not there fails in as many ways as there are networks
        raise BadRun(f"Ray cannot be started or reached ({str(error).splitlines()[0][:200]}); see RAY_ADDRESS.") from None


def _alone(work: Callable[[Task, Stop], Done], task: Task) -> Done | AlexNetError:
    """On a worker: one thread, as the local pool's processes have, so that both give the same numbers."""
    import torch

    torch.set_num_threads(1)
    try:
        return work(task, lambda: False)
    except AlexNetError as error:  # Ray would wrap it
        return error


def _as_they_end(ray: Any, numbers: dict[Any, int], should_stop: Stop) -> Iterator[tuple[int, Any]]:
    waiting = list(numbers)
    while waiting:
        ended, waiting = ray.wait(waiting, timeout=POLL_SECONDS)
        for reference in ended:
            result = ray.get(reference)
            if isinstance(result, AlexNetError):
                raise result
            yield numbers[reference], result
        if should_stop():
            raise Interrupted("Stopped; runs in progress are kept in their checkpoints.")
