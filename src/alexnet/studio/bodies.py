"""Bodies of requests: small, because a route that reads JSON holds it in memory as a whole. Routes that take files lift the limit."""

from dataclasses import dataclass

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEY = "alexnet.body"  # of the body in a request's scope


class BodyTooLarge(HTTPException):
    """A body of more than `most` bytes; an HTTPException, which FastAPI passes on while it reads a body."""

    def __init__(self, most: int) -> None:
        super().__init__(413)
        self.most = most


@dataclass(slots=True)
class Body:
    """How much of a body has been read, and how much may be; None: the route itself has a limit."""

    most: int | None
    read: int = 0

    def add(self, size: int) -> None:
        """Count a part of it; raises BodyTooLarge."""
        self.read += size
        if self.most is not None and self.read > self.most:
            raise BodyTooLarge(self.most)


class BodyLimit:
    """ASGI middleware: a request's body has at most `most` bytes, unless its route calls `lift_limit`."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = scope[KEY] = Body(self.most)

        async def counted() -> Message:
            message = await receive()
            body.add(len(message.get("body", b"")))
            return message

        await self.app(scope, counted, send)


def lift_limit(scope: Scope) -> None:
    """Let a request's body be of any size, because the route streams it to a file and limits it."""
    scope[KEY].most = None
