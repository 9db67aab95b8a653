"""A studio from the arguments of `alexnet studio`: checked, bound, and then run. Imports nothing heavy before it is asked to."""

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.errors import BadRun
from alexnet.runtime.arguments import path_from
from alexnet.serve.verb import require_packages
from alexnet.studio.jobs import check_system

if TYPE_CHECKING:
    from fastapi import FastAPI

    from alexnet.studio.limits import Limits
    from alexnet.studio.studio import Studio
    from alexnet.studio.workspace import Workspace

WARMING_SECONDS = 0.5  # after which the imports of later steps begin: the first page goes first


class OpenStudio:
    """A studio whose workspace is owned and whose address is bound. What it answers with is imported when that is first asked for.

    address: of its page, without the token.
    """

    def __init__(self, workspace: "Workspace", bound: socket.socket, token: str, make: "Callable[[], tuple[Studio, FastAPI]]") -> None:
        from alexnet.serve.server import address

        self.workspace, self.bound, self.token, self.address, self._make = workspace, bound, token, address(bound), make

    @cached_property
    def _made(self) -> "tuple[Studio, FastAPI]":
        return self._make()

    @property
    def studio(self) -> "Studio":
        """What its routes share."""
        return self._made[0]

    @property
    def app(self) -> "FastAPI":
        """The application."""
        return self._made[1]

    @property
    def link(self) -> str:
        """The address with the token, for a browser."""
        return f"{self.address}?token={self.token}"

    def lines(self) -> list[str]:
        """What the user should see."""
        return [f"The studio of {self.workspace.path} is at {self.link}", "Press Ctrl-C to end; trainings go on without it."]

    def run(self, *, browser: bool) -> None:
        """Serve until SIGINT or SIGTERM, which is raised again at the end. A browser starts meanwhile: its first request waits."""
        from alexnet.serve.server import server_of

        if browser:
            threading.Thread(target=webbrowser.open, args=(self.link,), daemon=True).start()
        server = server_of(self.app, self.studio.state)
        warming = threading.Timer(WARMING_SECONDS, import_steps)
        warming.daemon = True
        warming.start()
        server.run(sockets=[self.bound])


def import_steps() -> None:
    """Import what the later steps need, while people look at the first page."""
    import alexnet.data.verbs
    import alexnet.studio.choices
    import alexnet.studio.plan  # noqa: F401


@contextmanager
def open_studio(
    runs: str = "runs",
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    token: str | None = None,
    machine: Path | None = None,
    limits: "Limits | None" = None,
) -> Iterator[OpenStudio]:
    """Check the arguments, bind the address, own the workspace until the end of the block; raises AlexNetError for what the user can fix.

    machine: the lock that one job of this machine holds at a time.
    """
    check_system()
    require_packages("studio")
    from alexnet.serve.guard import is_loopback
    from alexnet.serve.server import check_token, listen
    from alexnet.storage.cache import cache_folder
    from alexnet.studio.workspace import Workspace

    workspace = Workspace(path_from(runs, "The folder of runs", BadRun).expanduser().absolute())
    own = token or secrets.token_urlsafe(18)
    check_token(host, own)
    with listen(host, port) as bound, workspace.opened():
        bound.listen()  # whoever follows the link at once waits until the studio answers

        def made() -> "tuple[Studio, FastAPI]":
            from alexnet.studio.app import create_app
            from alexnet.studio.studio import studio_of

            studio = studio_of(workspace, machine or cache_folder() / "job.lock", limits)
            return studio, create_app(studio, token=own, local=is_loopback(host), cookie=f"alexnet-studio-{bound.getsockname()[1]}")

        yield OpenStudio(workspace, bound, own, made)
