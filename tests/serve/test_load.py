"""64 clients at twice the sustainable rate, over sockets to a process of its own: answered or refused, and nothing accepted is lost."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.serve.conftest import until

from bench.load import CLIENTS, STOPPED, TIMES, Flood, ended_in_the_middle, memory_bytes, request_of, sustained_rate

REQUESTS, STEADY = 2_000, 240
GROWTH = 64 << 20  # bytes that the process may grow by between its warm state and the end

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")]


@contextmanager
def serving(run: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "alexnet", "serve", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[-1].strip().rstrip("/")
        try:
            until(lambda: accepts(address))
            yield process, address
        finally:
            process.kill()


def accepts(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def first_image(address: str, folder: Path) -> bytes:
    return request_of(address, sorted(folder.rglob("*.png"))[0].read_bytes(), "image/png")


def test_twice_the_sustainable_rate(digits_run: Path, digits_folder: Path) -> None:
    async def load(process: subprocess.Popen[str], address: str) -> tuple[Flood, int]:
        request = first_image(address, digits_folder)
        rate = TIMES * await sustained_rate(address, request, STEADY)
        await Flood(address, request).run(rate, REQUESTS // 3)  # buffers and pools grow once
        flood, before = Flood(address, request), memory_bytes(process.pid)
        await flood.run(rate, REQUESTS)
        return flood, memory_bytes(process.pid) - before

    with serving(digits_run) as (process, address):
        flood, growth = asyncio.run(load(process, address))
    assert (flood.lost, flood.untaken) == ([], [])
    assert {status for status, _ in flood.answers} <= {200, 503}
    assert len(flood.answers) + flood.passed == REQUESTS
    assert len(flood.accepted()) > REQUESTS / 10
    assert growth < GROWTH


def test_an_end_in_the_middle_loses_no_accepted_request(digits_run: Path, digits_folder: Path) -> None:
    async def load(process: subprocess.Popen[str], address: str) -> tuple[Flood, int]:
        flood = Flood(address, first_image(address, digits_folder))
        rate = TIMES * await sustained_rate(address, flood.request, STEADY)
        return flood, await ended_in_the_middle(flood, rate, REQUESTS, lambda: process.send_signal(signal.SIGTERM))

    with serving(digits_run) as (process, address):
        flood, under_way = asyncio.run(load(process, address))
        status = process.wait(60)
        errors = "" if process.stderr is None else process.stderr.read()
    assert flood.lost == []
    assert {status for status, _ in flood.answers} <= {200, 503}
    assert under_way > 0
    assert len(flood.accepted()) > CLIENTS
    assert (status, "Traceback" in errors) == (STOPPED, False)
