"""A run as it is now, told to every browser that watches it: one look a second at its files, shared by all of them.

A subscriber receives a snapshot, then what changes. Nothing is looked at while nobody watches, and a run in which nothing happens is
looked at less and less often.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexnet.data.class_names import is_text
from alexnet.runs.live import FILTERS, PROGRESS, VALIDATION
from alexnet.storage.records import read_json
from alexnet.studio.history import sample, since
from alexnet.studio.json_answer import json_text
from alexnet.studio.queue import Queue
from alexnet.studio.runs import coming_row, data_of, row_of
from alexnet.studio.workspace import Workspace

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
PATIENT_SECONDS, PATIENT_LOOK_SECONDS = 60.0, 2.0  # who has watched for a minute watches something long, and is told every two seconds
PAUSE_SHARE = 0.2  # of the time in which nothing has changed: the pause between two looks at a run that no process is at work in
LONGEST_LOOK_SECONDS = 8.0
BUSY = ("waiting", "running", "stopping", "elsewhere")  # states of a run that may change at any moment
SILENT_SECONDS = 15.0  # after which a line is sent all the same, so that a browser that has gone is noticed
THE_END = ""  # instead of a message: there will be no other
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

    def pause(self, silent: float, watched: float) -> float:
        """Seconds until the next look, if nothing has changed for `silent` seconds, after `watched` seconds in all."""
        row = self._known.get("row")
        if row is not None and row["state"] in BUSY:
            return LOOK_SECONDS if watched < PATIENT_SECONDS else PATIENT_LOOK_SECONDS
        return min(max(LOOK_SECONDS, silent * PAUSE_SHARE), LONGEST_LOOK_SECONDS)

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
        self.ended = False
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def messages(self) -> AsyncIterator[str]:
        """A snapshot and then changes, as lines of server-sent events, until the subscriber falls behind or the studio ends."""
        own: asyncio.Queue[str] = asyncio.Queue(WAITING_MESSAGES)
        async with self._turn:
            self._send(await asyncio.to_thread(self.look.changes))
            own.put_nowait(_event(await asyncio.to_thread(self.look.snapshot)))
            self.subscribers.add(own)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            while own in self.subscribers and not self.ended:
                try:
                    async with asyncio.timeout(SILENT_SECONDS):
                        text = await own.get()
                except TimeoutError:
                    text = ":\n\n"
                yield text
        finally:
            self.subscribers.discard(own)

    def end(self) -> None:
        """End all streams at once, and those that begin from now on."""
        self.ended = True
        for subscriber in self.subscribers:
            if subscriber.full():
                subscriber.get_nowait()
            subscriber.put_nowait(THE_END)
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        silent, begun = 0.0, time.monotonic()
        while self.subscribers:
            pause = self.look.pause(silent, time.monotonic() - begun)
            await self._sleep(pause)
            try:
                async with self._turn:
                    message = await asyncio.to_thread(self.look.changes)
                    self._send(message)
                silent = 0.0 if message else silent + pause
            except Exception:  # the next look may succeed
                log.exception("A defect while looking at %s", self.look.path)

    async def _sleep(self, seconds: float) -> None:
        """Until the next look is due, or somebody has started or stopped a job."""
        steps, ends = self.look.queue.steps, time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and steps == self.look.queue.steps:
            await asyncio.sleep(min(left, PATIENT_LOOK_SECONDS))

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
        self.ended = False
        self._by_run: dict[str, Watch] = {}

    def of(self, run: str) -> Watch:
        """The watch of a run; those that nobody subscribes to are forgotten."""
        self._by_run = {name: watch for name, watch in self._by_run.items() if watch.subscribers or name == run}
        watch = self._by_run.setdefault(run, Watch(Look(self.workspace, self.queue, run)))
        watch.ended = self.ended
        return watch

    def end(self) -> None:
        """End all streams: the studio is closing."""
        self.ended = True
        for watch in self._by_run.values():
            watch.end()


def _is_below(path: str) -> bool:
    return is_text(path) and "\0" not in path and not Path(path).is_absolute() and ".." not in Path(path).parts


def _event(message: Message) -> str:
    return f"data: {json_text(message)}\n\n"


def _changed(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_mtime_ns
    return 0


def _json(file: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        return read_json(file)
    return None
