"""Replicas by Ray Serve: it starts them, looks after them, starts lost ones again and picks one for each batch.

Its HTTP proxy is not started: the service's own socket keeps what docs/serve.md promises about bodies, overload and the end. On a machine
of the cluster, alexnet must be installed and the models must have the same path. If RAY_ADDRESS is not set, Ray is started on this machine.
"""

import importlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

from alexnet.errors import AlexNetError
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.ray_pool import connected, import_ray
from alexnet.serve.models import is_onnx
from alexnet.serve.replicas import Batch, Replica, ReplicaLost, Replicas

UNDER_WAY = 2  # batches that a replica has accepted: while it computes one, the next is on its way
ANSWER_SECONDS = 30.0
END_SECONDS = 10.0  # in which a replica ends; nothing is under way then


def check_ray_serve(replicas: int | None, device: str) -> None:
    """Raise AlexNetError, before anything starts, for a wrong number of replicas or device, or if Ray or Ray Serve is missing."""
    if replicas is not None and replicas < 1:
        raise AlexNetError(f"--replicas is {replicas}; it must be at least 1.")
    if device.startswith("cuda:"):
        raise AlexNetError(f"--device is {device}, and Ray chooses the GPU of each replica: pass --device cuda, or cpu.")
    import_ray()
    try:
        importlib.import_module("ray.serve")
    except ImportError:
        raise AlexNetError(
            "serve --on ray needs Ray Serve, which is not installed: run pip install '.[ray-serve]', or leave out --on ray."
        ) from None


def ray_replicas(paths: Sequence[Path], *, device: str, count: int | None, seconds: float = ANSWER_SECONDS) -> Replicas:
    """Replicas of all models on a Ray cluster: `count`, or one for each GPU, or CPU, that it has.

    Raises BadRun if Ray cannot be started or reached, AlexNetError if the cluster has no room, or replicas cannot load the models.
    """
    ray, started_here = connected(max(available_cpus(), count or 1))
    try:
        kind, there = _room(ray.cluster_resources(), device, paths)
        if there < (count or 1):
            raise AlexNetError(f"The Ray cluster has {there} {kind}s, and each of {count or 1} replicas takes one: ask for fewer.")
        name = f"alexnet-{secrets.token_hex(4)}"
        handle = _deployed(name, paths, device, count or there, gpus=int(kind == "GPU"))
    except BaseException:
        if started_here:
            ray.shutdown()
        raise
    far = RayServe(ray, importlib.import_module("ray.serve"), name, handle, started_here=started_here)
    return Replicas(far, count=count or there, seconds=seconds)


def _room(resources: Mapping[str, float], device: str, paths: Sequence[Path]) -> tuple[str, int]:
    """What each replica takes one of, GPUs or CPUs, and how many of it the cluster has."""
    gpus = int(resources.get("GPU", 0))
    if device == "cuda" or (device == "auto" and gpus and not all(map(is_onnx, paths))):
        return "GPU", gpus
    return "CPU", int(resources.get("CPU", 0))


def _deployed(name: str, paths: Sequence[Path], device: str, count: int, *, gpus: int) -> Any:
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    serve.start(proxy_location="Disabled")
    plain: Any = serve.deployment(Replica)  # typed for the form with parentheses
    deployment = plain.options(
        num_replicas=count,
        max_ongoing_requests=UNDER_WAY,
        ray_actor_options={"num_cpus": 1, "num_gpus": gpus},
        graceful_shutdown_timeout_s=END_SECONDS,
    )
    places = [str(path.absolute()) for path in paths]
    try:
        return serve.run(deployment.bind(places, device), name=name, route_prefix=None)
    except Exception as problem:  # Ray Serve raises errors of many classes, with the replica's traceback in their text
        serve.delete(name)
        reason = next((line for line in reversed(str(problem).splitlines()) if line.strip()), type(problem).__name__).strip()[:200]
        raise AlexNetError(
            f"The replicas cannot start ({reason}). Every machine of the cluster needs alexnet, and {places[0]} at that path."
        ) from None


class RayServe:
    """See `Far`: a deployment of `Replica`."""

    def __init__(self, ray: Any, serve: Any, name: str, handle: Any, *, started_here: bool) -> None:
        """ray, serve: the modules; name, handle: of the application; started_here: whether Ray is ended with it."""
        self._ray, self._serve, self._name, self._handle, self._started_here = ray, serve, name, handle, started_here

    def compute(self, batch: Batch, seconds: float) -> Any:
        """The answer of a replica; raises ReplicaLost or TimeoutError."""
        errors = self._ray.exceptions
        try:
            return self._handle.compute.remote(batch).result(timeout_s=seconds)
        except (TimeoutError, Late):
            raise TimeoutError from None
        except errors.RayTaskError:  # raised by the model: a defect
            raise
        except errors.RayError as lost:
            raise ReplicaLost(type(lost).__name__) from None

    def close(self) -> None:
        """End the replicas, and Ray if it was started for them."""
        self._serve.delete(self._name)
        if self._started_here:
            self._ray.shutdown()
