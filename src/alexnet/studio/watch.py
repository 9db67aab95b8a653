"""A run as it is now, told to every browser that watches it: one look a second at its files, shared by all of them.

A subscriber receives a snapshot, then what changes. Nothing is looked at while nobody watches.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexnet.runs.live import FILTERS, PROGRESS, VALIDATION
from alexnet.studio.history import not_a_number, sample, since
from alexnet.studio.queue import Queue
from alexnet.studio.runs import coming_row, data_of, row_of
from alexnet.studio.workspace import Workspace

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
SILENT_LOOKS = 15  # after which a line is sent all the same, so that a browser that has gone is noticed
MOST_ROWS = 400  # of the history, in a snapshot
WAITING_MESSAGES = 30  # of one subscriber; one that falls further behind starts again
Message = dict[str, Any]


class Look:
    """What is known of a run: its files when they were last read, by when they changed."""

    def __init__(self, workspace: Workspace, queue: Queue, run: str) -> None:
        self.path, self.queue, self.run = workspace.path / run, queue, run
        self.history = self.path / "history.jsonl"
        self.position: int | None = None  # in the history, of what has been told; None before anything has
        self._seen: dict[str, object] = {}
        self._known: Message = {}

    def snapshot(self) -> Message:
        """Everything that `changes` has told so far, the history as a sample; the changes that follow fit behind it."""
        rows, _ = sample(self.history, MOST_ROWS)
        return {**self._known, "rows": rows, "whole": True, "data": data_of(self.path)}

    def changes(self) -> Message:
        """What has changed since the last look; {} if nothing has."""
        job = self.queue.of_run(self.run)
        row = row_of(self.path, job) if self.path.is_dir() else coming_row(job) if job is not None else None
        message: Message = {}
        self._tell(message, "row", asdict(row) if row is not None else None)
        for name, file in (("progress", PROGRESS), ("validation", VALIDATION)):
            self._read(message, name, self.path / "live" / file)
        self._read(message, "search", self.path / "search.json")
        self._tell(message, "filters", _changed(self.path / "live" / FILTERS))
        self._known |= message
        self._follow(message)
        return message

    def _tell(self, message: Message, name: str, value: object) -> None:
        if name not in self._seen or self._seen[name] != value:
            self._seen[name] = message[name] = value

    def _read(self, message: Message, name: str, file: Path) -> None:
        changed = _changed(file)
        if name not in self._seen or self._seen[name] != changed:
            self._seen[name], message[name] = changed, _json(file)
            if name == "search" and isinstance(message[name], dict):
                message[name]["at"] = changed / 1e9

    def _follow(self, message: Message) -> None:
        """The new rows of the history that grows now: a search trains one candidate after the other."""
        progress = message.get("progress")
        grows = progress.get("history") if isinstance(progress, dict) else None
        if isinstance(grows, str) and self.path / grows != self.history and _is_below(grows):
            self.history, self.position = self.path / grows, None
        if self.position is None:
            rows, self.position = sample(self.history, MOST_ROWS)
            message |= {"rows": rows, "whole": True}
            return
        rows, self.position = since(self.history, self.position)
        if rows:
            message["rows"] = rows[-MOST_ROWS:]


class Watch:
    """One run and its subscribers."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.subscribers: set[asyncio.Queue[str]] = set()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def messages(self, ended: Callable[[], bool]) -> AsyncIterator[str]:
        """A snapshot and then changes, as lines of server-sent events, until the subscriber falls behind or the studio ends."""
        own: asyncio.Queue[str] = asyncio.Queue(WAITING_MESSAGES)
        async with self._turn:
            self._send(await asyncio.to_thread(self.look.changes))
            own.put_nowait(_event(await asyncio.to_thread(self.look.snapshot)))
            self.subscribers.add(own)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            silent = 0
            while own in self.subscribers and not ended():
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        yield await own.get()
                    silent = 0
                except TimeoutError:
                    silent += 1
                    if silent % SILENT_LOOKS == 0:
                        yield ":\n\n"
        finally:
            self.subscribers.discard(own)

    async def _run(self) -> None:
        while self.subscribers:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with self._turn:
                    self._send(await asyncio.to_thread(self.look.changes))
            except Exception:  # the next look may succeed
                log.exception("A defect while looking at %s", self.look.path)

    def _send(self, message: Message) -> None:
        text = _event(message) if message and self.subscribers else ""
        for subscriber in list(self.subscribers) if text else ():
            try:
                subscriber.put_nowait(text)
            except asyncio.QueueFull:
                self.subscribers.discard(subscriber)


class Watches:
    """The runs that are watched now."""

    def __init__(self, workspace: Workspace, queue: Queue) -> None:
        self.workspace, self.queue = workspace, queue
        self._by_run: dict[str, Watch] = {}

    def of(self, run: str) -> Watch:
        """The watch of a run; those that nobody subscribes to are forgotten."""
        self._by_run = {name: watch for name, watch in self._by_run.items() if watch.subscribers or name == run}
        return self._by_run.setdefault(run, Watch(Look(self.workspace, self.queue, run)))


def _is_below(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _event(message: Message) -> str:
    return f"data: {json.dumps(message)}\n\n"  # escaped: names of files that are not UTF-8 have no other form


def _changed(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_mtime_ns
    return 0


def _json(file: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        found = json.loads(file.read_bytes(), parse_constant=not_a_number)
        return found if isinstance(found, dict) else None
    return None
