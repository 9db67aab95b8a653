"""The process: models loaded again under load, refusals before the start."""

import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import httpx
import pytest
from tests.serve.conftest import behind_a_socket, until

from alexnet import AlexNetError
from alexnet.serve.limits import Limits
from alexnet.serve.models import model_names
from alexnet.serve.server import address, listen
from alexnet.serve.verb import open_server

HAS_IPV6 = not sys.platform.startswith("linux") or Path("/proc/net/if_inet6").exists()
ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


def hammer(address: str, content: bytes, ended: threading.Event, statuses: list[int], lost: list[str]) -> None:
    """Send one request after another on open connections, until told to end or until the service takes no connection."""
    with httpx.Client(base_url=address, timeout=30) as client:
        while not ended.is_set():
            try:
                statuses.append(client.post("/v1/predict", content=content, headers={"content-type": "image/png"}).status_code)
            except httpx.ConnectError:
                return
            except httpx.HTTPError as error:
                lost.append(repr(error))


def clients(address: str, content: bytes, ended: threading.Event, count: int) -> tuple[list[threading.Thread], list[int], list[str]]:
    statuses: list[int] = []
    lost: list[str] = []
    threads = [threading.Thread(target=hammer, args=(address, content, ended, statuses, lost)) for _ in range(count)]
    for thread in threads:
        thread.start()
    until(lambda: len(statuses) > 2 * count)
    return threads, statuses, lost


def image_in(folder: Path) -> bytes:
    return sorted(folder.rglob("*.png"))[0].read_bytes()


def test_a_changed_model_is_loaded_without_a_lost_request(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(digits_run / "model", run / "model")
    server = open_server([str(run)], port=0, limits=Limits(reload_seconds=0.05))
    ended = threading.Event()
    with behind_a_socket(server) as address:
        threads, statuses, lost = clients(address, image_in(digits_folder), ended, 4)
        for name in ("model.safetensors", "model.json"):
            os.utime(run / "model" / name, (1, 1))
        until(lambda: server.service.models.find(None).version == 2)
        (run / "model" / "model.json").write_text("{")
        until(lambda: server.service.models.by_name["run"].reload_error is not None)
        ended.set()
        for thread in threads:
            thread.join(60)
    assert (lost, set(statuses)) == ([], {200}), "a damaged model leaves the former one in place"


def test_refused_before_the_start(digits_run: Path, tmp_path: Path) -> None:
    with pytest.raises(AlexNetError, match="pass --token"):
        open_server([str(digits_run)], host="0.0.0.0")
    with pytest.raises(AlexNetError, match="at least 16"):
        open_server([str(digits_run)], host="0.0.0.0", token="short")
    with pytest.raises(AlexNetError, match="Pass one or more run folders"):
        open_server([])
    with pytest.raises(AlexNetError, match="holds no trained model"):
        open_server([str(tmp_path)], port=0)
    with pytest.raises(AlexNetError, match="must be from 0 to 65535"):
        open_server([str(digits_run)], port=70_000)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(AlexNetError, match="Cannot listen on"):
            open_server([str(digits_run)], port=other.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "localhost"),
        ("0.0.0.0", "localhost"),
        ("127.0.0.7", "127.0.0.7"),
        pytest.param("::1", "[::1]", marks=ipv6),
        pytest.param("::", "localhost", marks=ipv6),
    ],
)
def test_the_address_is_one_that_a_browser_opens(host: str, shown: str) -> None:
    with listen(host, 0) as bound:
        assert address(bound) == f"http://{shown}:{bound.getsockname()[1]}/"


@ipv6
def test_a_service_on_ipv6_answers_at_the_address_that_it_shows(digits_run: Path) -> None:
    with behind_a_socket(open_server([str(digits_run)], host="::1", port=0)) as shown:
        assert shown.startswith("http://[::1]:")
        assert httpx.get(f"{shown}/v1/models").status_code == 200


def test_an_ipv6_port_in_use_is_named_as_an_address() -> None:
    with pytest.raises(AlexNetError, match=r"Cannot listen on \[2001:db8::1\]:8000 \("):
        listen("2001:db8::1", 8000)


def test_names_of_models(tmp_path: Path) -> None:
    assert model_names([tmp_path / "a" / "v1.2", tmp_path / "b" / "v1.2", tmp_path / "c" / "model"]) == ["v1.2", "v1.2-2", "c"]
