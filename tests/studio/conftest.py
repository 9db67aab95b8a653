"""A studio over an empty folder, behind a socket in this process; its jobs are real processes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.conftest import missing

from alexnet.serve.server import server_of
from alexnet.studio.limits import Limits
from alexnet.studio.verb import OpenStudio, open_studio

CHROMIUM = Path("/usr/bin/chromium")
TOKEN = "0123456789abcdef-token"


@contextmanager
def running_studio(runs: Path, *, limits: Limits | None = None, machine: Path | None = None) -> Iterator[tuple[OpenStudio, httpx.Client]]:
    """A studio and a client that may ask it."""
    with open_studio(str(runs), port=0, token=TOKEN, machine=machine or runs.parent / "machine.lock", limits=limits) as opened:
        server = server_of(opened.app, opened.studio.state)
        thread = threading.Thread(target=lambda: server.run(sockets=[opened.bound]))
        thread.start()
        try:
            until(lambda: server.started)
            headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Language": "en"}
            with httpx.Client(base_url=opened.address.rstrip("/"), headers=headers, timeout=60) as client:
                yield opened, client
        finally:
            server.should_exit = True
            thread.join(30)


def until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that happens soon."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.03)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """The client of a studio in tmp_path / "runs"."""
    with running_studio(tmp_path / "runs") as (_, found):
        yield found


@pytest.fixture
def images(digits_folder: Path) -> dict[str, list[Path]]:
    """Real digits by class, 12 of each of three classes."""
    return {name: sorted((digits_folder / name).iterdir())[:12] for name in ("0", "1", "2")}


@pytest.fixture(scope="session")
def chromium() -> Path:
    return CHROMIUM if CHROMIUM.exists() else missing(f"{CHROMIUM} is missing")


def made_set(client: httpx.Client, images: dict[str, list[Path]], name: str = "digits") -> None:
    """Make a data set by the studio's own routes."""
    assert client.post("/api/data", json={"name": name}).status_code == 201
    for class_name, files in images.items():
        assert client.post(f"/api/data/{name}/classes", json={"name": class_name}).status_code == 201
        for file in files:
            sent = client.put(f"/api/data/{name}/images", params={"class_name": class_name}, content=file.read_bytes())
            assert sent.status_code == 200, sent.text
