"""The process: a socket, uvicorn, and an end that answers everything it accepted."""

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import uvicorn

from alexnet.errors import AlexNetError
from alexnet.serve.guard import is_loopback

if TYPE_CHECKING:
    from fastapi import FastAPI


class Closing(Protocol):
    """What a server tells its application: that it is ending."""

    closing: bool


LEAST_TOKEN = 16  # characters
CONNECTIONS = 1_000  # at once; uvicorn itself answers 503 above that
TICK_SECONDS = 5.0  # between two looks at the clock, for the Date of answers
LAST_REQUESTS_SECONDS = 0.5  # in which requests on open connections are still answered after the end was asked for


class DrainingServer(uvicorn.Server):
    """A server that, asked to end, first answers the requests that are on their way on open connections.

    uvicorn alone closes a connection that is idle at that moment, though its client may have just sent a request. It also looks ten times
    a second whether it should end; this one is told, and sleeps while nobody asks.
    """

    def __init__(self, config: uvicorn.Config, state: Closing) -> None:
        self._ends, self._asked = False, asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(config)
        self.state = state

    @property
    def should_exit(self) -> bool:
        """Whether it was asked to end: by a signal, or by whoever sets this, in any thread."""
        return self._ends

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._ends = value
        if value and self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._asked.set)

    async def main_loop(self) -> None:
        """Serve until asked to end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._asked.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, answer what arrives on the open ones for a moment, then wait for all answers."""
        self.state.closing = True  # every answer closes its connection from now on
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        ends = asyncio.get_running_loop().time() + LAST_REQUESTS_SECONDS
        while self.server_state.connections and asyncio.get_running_loop().time() < ends and not self.force_exit:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def check_token(host: str, token: str | None) -> None:
    """Raise AlexNetError for a service that others can reach without a token, or with one that can be guessed."""
    if token is None and not is_loopback(host):
        raise AlexNetError(
            f"On {host} other machines can reach the service: pass --token (for example the output of `openssl rand -hex 16`), "
            "or set ALEXNET_TOKEN."
        )
    if token is not None and (len(token) < LEAST_TOKEN or not token.isascii() or not token.replace("-", "").replace("_", "").isalnum()):
        raise AlexNetError(f"The token must have at least {LEAST_TOKEN} letters, digits, - or _, as from `openssl rand -hex 16`.")


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; raises AlexNetError if the port is in use or the host is not this machine's."""
    if not 0 <= port <= 65_535:
        raise AlexNetError(f"--port is {port}; it must be from 0 to 65535, where 0 lets the system choose.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return _bound(family, host, port)
    except (OSError, UnicodeError) as error:
        raise AlexNetError(
            f"Cannot listen on {host_in_url(host)}:{port} ({getattr(error, 'strerror', None) or error}). Choose another --port."
        ) from None


def _bound(family: int, host: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def address(bound: socket.socket) -> str:
    """The address of a bound socket, for a browser on this machine."""
    host, port = bound.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host_in_url(host)  # noqa: S104  # compared, not bound
    return f"http://{shown}:{port}/"


def host_in_url(host: str) -> str:
    """A host as addresses have it: IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def server_of(app: "FastAPI", state: Closing) -> DrainingServer:
    """The server for an application, with limits on connections; `run(sockets=[...])` serves until it is asked to end."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=20,
        ws="none",
        loop="asyncio",  # always what is tested and measured, whatever faster packages others have brought along
        http="h11",
    )
    return DrainingServer(config, state)
