"""`python -m bench.load [SECONDS]`: 64 clients ask `alexnet serve` for twice what it can answer; in the middle of more it is told to end.

Served is `alexnet-owt` in 8 bits at 224 px. The clients are in this process, on the same machine, and take their share of it. A client
sends its requests when they are due, whether or not the last was answered, on up to four connections of its own; where none is free, its
turn passes. Times count from when a request was due. Linux only.
"""

import asyncio
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from bench.service import exported_files, jpeg, serving

CLIENTS, CONNECTIONS = 64, 4  # connections of one client at most
OK, BUSY, DEFECT = 200, 503, 500
TIMES = 2  # the sustainable rate
WARM_SHARE = 1 / 6  # of the seconds: pools and buffers grow once
MOST_RATIO = 10.0  # of the 99th percentile and the median
LAST_SENT = 0.25  # s after SIGTERM; for half a second the service promises to answer what arrives on open connections
STOPPED = 130


@dataclass(slots=True)
class Connection:
    """One connection, with one request at a time. answered: requests so far; closing: the service will close it, or has."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answered: int = 0
    closing: bool = False

    async def ask(self, request: bytes) -> int:
        """The status of the answer; raises OSError or EOFError if none comes."""
        self.writer.write(request)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        await self.reader.readexactly(int(headers["content-length"]))
        self.answered += 1
        self.closing = headers.get("connection") == "close"
        return int(head[0].split()[1])

    @property
    def free(self) -> bool:
        """Whether the service has not closed it."""
        return not self.closing and not self.reader.at_eof()

    async def close(self) -> None:
        """End it."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


@dataclass(slots=True)
class Flood:
    """What happens to many requests to one address.

    answers: status and seconds of each. passed: turns without a free connection. untaken: connections that the service did not take, and
    those on which it has never answered. lost: requests on connections on which it has answered before, and then does not.
    """

    address: str
    request: bytes
    answers: list[tuple[int, float]] = field(default_factory=list)
    passed: int = 0
    under_way: int = 0
    untaken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    ends: float = float("inf")  # by time.monotonic(): nothing is sent after it

    async def run(self, rate: float, requests: int) -> None:
        """Send that many requests at that rate a second, from 64 clients in turn, and wait for the answers."""
        start = time.monotonic()
        dues = [[start + number / rate for number in range(client, requests, CLIENTS)] for client in range(CLIENTS)]
        await asyncio.gather(*(self._client(client) for client in dues))

    async def _client(self, dues: list[float]) -> None:
        idle: list[Connection] = []
        sent: list[asyncio.Task[None]] = []
        for due in dues:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() > self.ends:
                break
            if sum(not task.done() for task in sent) == CONNECTIONS:
                self.passed += 1
                continue
            sent.append(asyncio.create_task(self._send(due, idle)))
            await asyncio.sleep(0)  # it takes its connection
        await asyncio.gather(*sent)
        for connection in idle:
            await connection.close()

    async def _send(self, due: float, idle: list[Connection]) -> None:
        """One request, on a connection that is taken from the idle ones and put back."""
        self.under_way += 1
        connection = next((one for one in idle if one.free), None)
        try:
            if connection is None:
                connection = await connected(self.address)
            else:
                idle.remove(connection)
            status = await connection.ask(self.request)
            self.answers.append((status, time.monotonic() - due))
            idle.append(connection)
        except (OSError, EOFError) as problem:
            (self.lost if connection is not None and connection.answered else self.untaken).append(repr(problem))
            if connection is not None:
                await connection.close()
        finally:
            self.under_way -= 1

    def accepted(self) -> list[float]:
        """Seconds of the requests that were answered with classes."""
        return [seconds for status, seconds in self.answers if status == OK]


async def connected(address: str) -> Connection:
    """A new connection; raises OSError."""
    place = urlsplit(address)
    return Connection(*await asyncio.open_connection("127.0.0.1", place.port))


def request_of(address: str, content: bytes, kind: str) -> bytes:
    """The bytes of a request for the classes of an image of a media type."""
    lines = ("POST /v1/predict HTTP/1.1", f"Host: {urlsplit(address).netloc}", f"Content-Type: {kind}", f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content


async def sustained_rate(address: str, request: bytes, requests: int, clients: int = 16) -> float:
    """Requests a second of clients that each wait for their answer; raises OSError if one is not answered with classes."""

    async def client() -> None:
        connection = await connected(address)
        for _ in range(requests // clients):
            if (status := await connection.ask(request)) != OK:
                raise OSError(f"status {status}")
        await connection.close()

    started = time.monotonic()
    await asyncio.gather(*(client() for _ in range(clients)))
    return requests // clients * clients / (time.monotonic() - started)


def memory_bytes(process: int) -> int:
    """Resident bytes of a process."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


async def ended_in_the_middle(flood: Flood, rate: float, requests: int, end: Callable[[], object]) -> int:
    """Flood a service, and `end` it when half of the turns are over; returns how many requests were under way then."""
    running = asyncio.create_task(flood.run(rate, requests))
    while len(flood.answers) + flood.passed < requests // 2 and not running.done():
        await asyncio.sleep(0.005)
    under_way = flood.under_way
    end()
    flood.ends = time.monotonic() + LAST_SENT
    await running
    return under_way


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A whole measurement. memory: bytes before the first request, after the warm-up, and at the end."""

    rate: float
    flood: Flood
    memory: tuple[int, int, int]
    last: Flood
    under_way: int
    status: int

    def missed(self) -> list[str]:
        """What is required and was not reached."""
        both = [*self.flood.answers, *self.last.answers]
        required = {
            "no 5xx but 503": all(status < DEFECT or status == BUSY for status, _ in both),
            "no accepted request lost": not self.flood.lost and not self.last.lost and not self.flood.untaken,
            f"p99 of the accepted under {MOST_RATIO:g} times the median": self.ratio < MOST_RATIO,
            "an end in order": self.status == STOPPED,
        }
        return [name for name, reached in required.items() if not reached]

    @property
    def ratio(self) -> float:
        """The 99th percentile of the accepted requests' seconds, over their median."""
        seconds = self.flood.accepted()
        return float(np.quantile(seconds, 0.99)) / statistics.median(seconds)

    def lines(self) -> list[str]:
        """The measurement in words."""
        seconds, megabytes = self.flood.accepted(), [f"{size / 1e6:.1f}" for size in self.memory]
        return [
            f"sustainable: {self.rate:.1f} requests/s; asked for: {TIMES * self.rate:.1f}",
            f"answers by status: {_counts(self.flood)}; turns passed {self.flood.passed:,}, lost {len(self.flood.lost)}",
            f"accepted: median {statistics.median(seconds):.3f} s, p99 {np.quantile(seconds, 0.99):.3f} s, {self.ratio:.2f} times",
            f"memory: {megabytes[0]} MB at the start, {megabytes[1]} after the warm-up, {megabytes[2]} at the end",
            f"SIGTERM with {self.under_way} requests under way: {_counts(self.last)}; lost {len(self.last.lost)}, "
            f"not taken {len(self.last.untaken)}; exit status {self.status}",
        ]


def _counts(flood: Flood) -> str:
    return ", ".join(f"{status}: {count:,}" for status, count in sorted(Counter(status for status, _ in flood.answers).items()))


def load(seconds: float) -> Measured:
    """64 clients at twice the sustainable rate, for that many seconds, and then for a while longer, in which the service is ended."""
    content = jpeg()
    with tempfile.TemporaryDirectory() as folder:
        file = exported_files(Path(folder))["int8"]
        with serving(["-m", "alexnet", "serve", str(file), "--port"]) as (process, address):
            request = request_of(address, content, "image/jpeg")
            return asyncio.run(_measured(process, address, request, seconds))


async def _measured(process: subprocess.Popen[bytes], address: str, request: bytes, seconds: float) -> Measured:
    start = memory_bytes(process.pid)
    await sustained_rate(address, request, 64)
    rate = await sustained_rate(address, request, 640)
    short, whole = (max(CLIENTS, round(TIMES * rate * length)) for length in (WARM_SHARE * seconds, seconds))
    await Flood(address, request).run(TIMES * rate, short)
    warm, flood, last = memory_bytes(process.pid), Flood(address, request), Flood(address, request)
    await flood.run(TIMES * rate, whole)
    end = memory_bytes(process.pid)
    under_way = await ended_in_the_middle(last, TIMES * rate, short, lambda: process.send_signal(signal.SIGTERM))
    status = await asyncio.to_thread(process.wait, 60)
    return Measured(rate=rate, flood=flood, memory=(start, warm, end), last=last, under_way=under_way, status=status)


if __name__ == "__main__":
    found = load(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
    print("\n".join(found.lines()))
    print(f"missed: {', '.join(found.missed())}" if found.missed() else "everything required is reached")
    sys.exit(1 if found.missed() else 0)
