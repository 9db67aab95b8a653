"""A studio from the arguments of `alexnet studio`: checked, bound, and then run. Imports nothing heavy before it is asked to."""

import secrets
import socket
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from alexnet.errors import BadRun
from alexnet.runtime.arguments import path_from
from alexnet.serve.verb import require_packages
from alexnet.studio.jobs import check_system

if TYPE_CHECKING:
    from fastapi import FastAPI

    from alexnet.studio.limits import Limits
    from alexnet.studio.studio import Studio


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenStudio:
    """A studio that is ready to answer: workspace owned, address bound."""

    studio: "Studio"
    app: "FastAPI"
    bound: socket.socket
    address: str
    token: str

    @property
    def link(self) -> str:
        """The address with the token, for a browser."""
        return f"{self.address}?token={self.token}"

    def lines(self) -> list[str]:
        """What the user should see."""
        return [f"The studio of {self.studio.workspace.path} is at {self.link}", "Press Ctrl-C to end; trainings go on without it."]

    def run(self, *, browser: bool) -> None:
        """Serve until SIGINT or SIGTERM, which is raised again at the end."""
        from alexnet.serve.server import server_of

        if browser:
            opening = Timer(0.5, webbrowser.open, (self.link,))
            opening.daemon = True
            opening.start()
        server_of(self.app, self.studio.state).run(sockets=[self.bound])


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
    from alexnet.serve.server import address, check_token, listen
    from alexnet.storage.cache import cache_folder
    from alexnet.studio.workspace import Workspace

    workspace = Workspace(path_from(runs, "The folder of runs", BadRun).expanduser().absolute())
    own = token or secrets.token_urlsafe(18)
    check_token(host, own)
    with listen(host, port) as bound, workspace.opened():
        bound.listen()  # whoever follows the link at once waits until the studio answers
        from alexnet.studio.app import create_app
        from alexnet.studio.studio import studio_of

        studio = studio_of(workspace, machine or cache_folder() / "job.lock", limits)
        app = create_app(studio, token=own, local=is_loopback(host), cookie=f"alexnet-studio-{bound.getsockname()[1]}")
        yield OpenStudio(studio=studio, app=app, bound=bound, address=address(bound), token=own)
