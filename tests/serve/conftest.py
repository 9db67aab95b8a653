"""A service over a really trained run, in this process and behind a socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.conftest import missing

from alexnet.serve.limits import Limits
from alexnet.serve.server import server_of
from alexnet.serve.verb import OpenServer, open_server

TOKEN = "0123456789abcdef-token"
CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def client_of(run: Path, *, limits: Limits | None = None, token: str | None = None) -> Iterator[httpx.Client]:
    """A client of a service on this machine."""
    server = open_server([str(run)], port=0, limits=limits, token=token)
    with behind_a_socket(server) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def client(digits_run: Path) -> Iterator[httpx.Client]:
    with client_of(digits_run) as client:
        yield client


@contextmanager
def behind_a_socket(server: OpenServer) -> Iterator[str]:
    """The address of a service that runs in a thread, ended in order."""
    running: uvicorn.Server = server_of(server.app, server.service.state)
    thread = threading.Thread(target=lambda: running.run(sockets=[server.bound]))
    thread.start()
    try:
        until(lambda: running.started)
        yield server.address.rstrip("/")
    finally:
        running.should_exit = True
        thread.join(30)


def until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that happens soon."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def chromium() -> Path:
    return CHROMIUM if CHROMIUM.exists() else missing(f"{CHROMIUM} is missing")
