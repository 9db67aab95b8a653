"""The gate in front of all routes: who may ask, and what every answer bears. Used by the service and the studio.

A page on another site can make its visitor's browser send requests to a service on the visitor's machine. Three checks refuse them: on
loopback the request must name this machine (a name of the attacker's that resolves to 127.0.0.1 does not); a request that changes or
computes something must come from the service's own page or from no page at all; and a token, where one is set, must be right.
"""

import hashlib
import hmac
import ipaddress
import json
import logging
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
HARMLESS = ("GET", "HEAD", "OPTIONS")
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})  # for whoever watches the process


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its address, or is called localhost; no other name counts, since it may resolve to anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guard:
    """ASGI middleware: refuses what may not ask, adds the security headers, and turns a defect into an answer without its traceback."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None = None,
        local: bool = True,
        cookie: str = "alexnet",
        closing: Callable[[], bool] = lambda: False,
    ) -> None:
        """local: only requests that name this machine. closing: whether answers should ask for the connection to be closed."""
        self.app, self.local, self.cookie, self.closing = app, local, cookie, closing
        self.digest = None if token is None else _digest(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no route speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(send, self.closing)
        headers = Headers(scope=scope)
        if scope["path"] == "/" and (token := _query_token(scope)) is not None:
            await self._follow_link(token, answer)
        elif (refusal := self._refusal(scope, headers)) is not None:
            await answer.error(*refusal)
        else:
            await self._pass(scope, receive, answer)

    async def _pass(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self.app(scope, receive, answer)
        except Exception:
            log.exception("A defect while answering %s %s", scope["method"], scope["path"])
            if not answer.started:
                await answer.error(500, "This is a defect of the service; its log has the details.")

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and reason for a request that may not pass."""
        host = headers.get("host", "")
        if self.local and not is_loopback(_name_of(host)):
            return 421, "This service answers to localhost only."
        if scope["method"] not in HARMLESS and _from_another_site(headers, host):
            return 403, "Requests from pages of other sites are refused."
        if scope["path"] not in OPEN_PATHS and not self._knows_token(headers):
            return 401, "Send the token that the service was started with: Authorization: Bearer TOKEN."
        return None

    def _knows_token(self, headers: Headers) -> bool:
        if self.digest is None:
            return True
        kind, _, sent = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(sent.strip()):
            return True
        return self._is_token(_cookie(headers, self.cookie))

    def _is_token(self, sent: str) -> bool:
        """In constant time: digests of equal length are compared."""
        return self.digest is not None and hmac.compare_digest(_digest(sent), self.digest)

    async def _follow_link(self, token: str, answer: "_Answer") -> None:
        """A link with the token, opened in a browser: from now on its cookie stands for it, and the address bar forgets it."""
        if not self._is_token(token):
            await answer.error(401, "The token in this link is wrong.")
            return
        cookie = f"{self.cookie}={token}; HttpOnly; SameSite=Strict; Path=/"
        await answer.send_whole(303, b"", {"location": "/", "set-cookie": cookie})


class _Answer:
    """Passes an answer on with the security headers."""

    def __init__(self, send: Send, closing: Callable[[], bool]) -> None:
        self._send, self._closing, self.started = send, closing, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self._closing():
                headers["connection"] = "close"
        await self._send(message)

    async def error(self, status: int, reason: str) -> None:
        extra = {"www-authenticate": "Bearer"} if status == 401 else {}
        await self.send_whole(status, json.dumps({"error": reason}).encode(), {"content-type": "application/json", **extra})

    async def send_whole(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        pairs = {**headers, "content-length": str(len(body))}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs.items()]
        await self({"type": "http.response.start", "status": status, "headers": raw})
        await self({"type": "http.response.body", "body": body})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _query_token(scope: Scope) -> str | None:
    values = parse_qs(scope["query_string"].decode("latin-1")).get("token") if scope["method"] == "GET" else None
    return values[0] if values else None


def _name_of(host: str) -> str:
    """The host's name without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _from_another_site(headers: Headers, host: str) -> bool:
    """Whether a browser says that a page of another origin has made it send this."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit_host(origin) != host.lower()


def urlsplit_host(origin: str) -> str | None:
    """Host and port of an origin; None for one that has none, such as "null"."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
