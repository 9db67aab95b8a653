"""64 clients at twice the sustainable rate: what is accepted is answered in time, the rest is refused at once, and memory stays."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

CLIENTS = 64
SECONDS = 10.0
HEADERS = {"content-type": "image/png"}
GROWTH = 64 << 20  # bytes that the process may grow by between its warm state and the end

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")]


@contextmanager
def serving(run: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "alexnet", "serve", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[-1].strip().rstrip("/")
        try:
            yield process, address
        finally:
            process.kill()


def memory(process: subprocess.Popen[str]) -> int:
    """Resident bytes."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


async def steady(address: str, content: bytes, seconds: float) -> float:
    """Requests per second of eight clients that wait for their answers."""
    ends, answered = time.monotonic() + seconds, 0

    async def one() -> None:
        nonlocal answered
        while time.monotonic() < ends:
            (await client.post("/v1/predict", content=content, headers=HEADERS)).raise_for_status()
            answered += 1

    async with httpx.AsyncClient(base_url=address, timeout=60, verify=False) as client:
        await asyncio.gather(*(one() for _ in range(8)))
    return answered / seconds


async def flooded(address: str, content: bytes, rate: float, seconds: float, answers: list[tuple[int, float]], lost: list[str]) -> None:
    """64 clients, each on a connection of its own, send at a share of the rate; one that still waits for an answer lets its turn pass.

    answers: status and seconds of each; lost: requests that the service took and did not answer.
    """

    async def one(number: int) -> None:
        ends = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=address, timeout=60, verify=False) as client:
            await asyncio.sleep(number / rate)
            while (started := time.monotonic()) < ends:
                try:
                    answer = await client.post("/v1/predict", content=content, headers=HEADERS)
                except httpx.ConnectError:
                    return  # the service has ended
                except httpx.HTTPError as problem:
                    lost.append(repr(problem))
                    return
                answers.append((answer.status_code, time.monotonic() - started))
                await asyncio.sleep(max(0.0, started + CLIENTS / rate - time.monotonic()))

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))


def test_twice_the_sustainable_rate(digits_run: Path, digits_folder: Path) -> None:
    content = sorted(digits_folder.rglob("*.png"))[0].read_bytes()
    answers: list[tuple[int, float]] = []
    lost: list[str] = []

    async def load(process: subprocess.Popen[str], address: str) -> tuple[int, int]:
        rate = 2 * await steady(address, content, 3.0)
        await flooded(address, content, rate, SECONDS / 4, [], lost)  # buffers and pools grow once
        before = memory(process)
        await flooded(address, content, rate, SECONDS, answers, lost)
        return before, memory(process)

    with serving(digits_run) as (process, address):
        before, after = asyncio.run(load(process, address))
    accepted = [seconds for status, seconds in answers if status == 200]
    assert lost == []
    assert {status for status, _ in answers} <= {200, 503}
    assert len(accepted) > 100
    assert float(np.quantile(accepted, 0.99)) < 10 * statistics.median(accepted)
    assert after - before < GROWTH
