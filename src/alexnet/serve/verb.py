"""A service from the arguments of `alexnet serve`: checked, loaded, bound, and then run. Imports nothing heavy before it is asked to."""

import importlib.util
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from alexnet.errors import AlexNetError, BadRun
from alexnet.runtime.arguments import one_of, path_from

if TYPE_CHECKING:
    from fastapi import FastAPI

    from alexnet.serve.limits import Limits
    from alexnet.serve.service import Service

Where = Literal["local", "ray"]
PLACES: tuple[Where, ...] = get_args(Where)
PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenServer:
    """A service that is ready to answer: models loaded, address bound."""

    service: "Service"
    app: "FastAPI"
    bound: socket.socket
    address: str
    token: str | None

    def lines(self) -> list[str]:
        """What the user should see: the address to open, and the names of the models."""
        link = f"{self.address}?token={self.token}" if self.token else self.address
        names, replicas = ", ".join(self.service.models.by_name), self.service.replicas
        where = [] if replicas is None else [f"{replicas.count} replicas on Ray compute the answers (--replicas)."]
        return [f"Serving {names} at {link}", *where, "Press Ctrl-C to end; requests under way are answered first."]

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, which is raised again once everything accepted has been answered."""
        from alexnet.serve.server import server_of

        server_of(self.app, self.service.state).run(sockets=[self.bound])


def open_server(
    models: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    device: str = "auto",
    limits: "Limits | None" = None,
    on: Where = "local",
    replicas: int | None = None,
) -> OpenServer:
    """Check the arguments, bind the address, load the models; raises AlexNetError for what the user can fix, the quick checks first.

    on: local, or ray: the models are computed by `replicas` processes of a Ray cluster, one for each of its GPUs or CPUs if None.
    """
    require_packages("serve")
    from alexnet.serve.app import create_app
    from alexnet.serve.guard import is_loopback
    from alexnet.serve.models import is_onnx
    from alexnet.serve.on_ray import check_ray_serve
    from alexnet.serve.server import address, check_token, listen
    from alexnet.serve.service import open_service

    if not models:
        raise AlexNetError("Pass one or more run folders or ONNX files: alexnet serve RUN...")
    paths = [path_from(model, "The model", BadRun) for model in models]
    if device not in ("auto", "cpu") and all(map(is_onnx, paths)):
        raise AlexNetError(f"An ONNX file is computed on the CPU; --device {device} is for run folders.")
    check_token(host, token)
    if one_of(on, "on", PLACES) == "ray":
        check_ray_serve(replicas, device)
    elif replicas is not None:
        raise AlexNetError("--replicas is for --on ray; add that, or leave it out.")
    bound = listen(host, port)
    try:
        service = _on_ray(paths, device, limits, replicas) if on == "ray" else open_service(paths, device=device, limits=limits)
    except BaseException:
        bound.close()
        raise
    app = create_app(service, token=token, local=is_loopback(host), cookie=f"alexnet-{bound.getsockname()[1]}")
    return OpenServer(service=service, app=app, bound=bound, address=address(bound), token=token)


def _on_ray(paths: Sequence[Path], device: str, limits: "Limits | None", count: int | None) -> "Service":
    """The service with its models in replicas, which end if it cannot start; models that cannot be loaded are refused before Ray starts."""
    from alexnet.serve.models import opened
    from alexnet.serve.on_ray import ray_replicas
    from alexnet.serve.served_classifier import Unanswered
    from alexnet.serve.service import open_service

    for path in paths:
        opened(path, "cpu")
    replicas = ray_replicas(paths, device=device, count=count)
    try:
        return open_service(paths, device=device, limits=limits, replicas=replicas)
    except BaseException as problem:
        replicas.close()
        if isinstance(problem, Unanswered):
            raise AlexNetError(f"The replicas do not answer: {problem}") from None
        raise


def require_packages(verb: str) -> None:
    """Raise AlexNetError naming the extra if a package that HTTP needs is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise AlexNetError(f"alexnet {verb} needs {', '.join(missing)}, which is not installed. Run pip install '.[serve]'.")
