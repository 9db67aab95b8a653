"""Jobs: commands of `alexnet` as processes of their own, which outlive the studio, and the files that tell of each.

    jobs/000012.json    what was asked for, written once
    jobs/000012.lock    held by the operating system for the process as long as it lives, however it ends
    jobs/000012.out     its standard output: one JSON object once it is done
    jobs/000012.log     its standard error
    jobs/000012.status  the exit status of its command
    jobs/000012.stop    somebody asked it to stop

What a job is doing follows from these files alone, so that any later studio finds it again.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal

from alexnet.errors import AlexNetError
from alexnet.storage.files import read_record, write_atomically
from alexnet.studio.unchanged import kept_until_changed

if sys.platform != "win32":
    import fcntl

Kind = Literal["train", "study", "compare", "explain", "export", "serve"]
State = Literal["waiting", "running", "stopping", "done", "stopped", "failed"]
LOG_BYTES = 20_000  # of the end of a log, that are read
LOG_LINES = 6
FAILED = ("1", "2")  # exit statuses of a command that says why; 130 was stopped, others were killed
LOOKING = threading.Lock()  # held while a lock is tried or taken, so that a look is never in the way of a start


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A job's file. words: of the command line after `alexnet`; run: the folder in the workspace that it is about."""

    kind: Kind
    words: tuple[str, ...]
    run: str
    title: str = ""
    at: float = 0.0  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Job:
    """One job's files."""

    number: int
    folder: Path
    request: Request

    def file(self, kind: str) -> Path:
        """One of the files."""
        return self.folder / f"{self.number:06}.{kind}"

    def state(self) -> State:
        """What it is doing."""
        if not self.file("lock").exists():
            return "waiting"
        asked = self.file("stop").exists()
        if is_held(self.file("lock")):
            return "stopping" if asked else "running"
        if self.output() is not None:
            return "done"
        return "failed" if not asked and self.status() in FAILED else "stopped"

    def status(self) -> str:
        """The exit status of its command; empty if nobody has written it down."""
        try:
            return self.file("status").read_text(encoding="utf-8")
        except OSError:
            return ""

    def output(self) -> dict[str, Any] | None:
        """The JSON object that it printed; None while it has not."""
        try:
            found = json.loads(self.file("out").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def log(self) -> str:
        """The last lines of its standard error."""
        try:
            with self.file("log").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join([line for line in lines if line.strip()][-LOG_LINES:])

    def stop(self) -> None:
        """Ask its process to stop as Ctrl-C does; a training stops after its step, with nothing lost. A second time: at once.

        Raises PermissionError if it is another user's.
        """
        if not is_held(self.file("lock")):
            return
        self.file("stop").touch()
        try:
            os.kill(int(self.file("lock").read_text()), signal.SIGTERM)
        except (ProcessLookupError, ValueError):  # it has just ended; or it starts, and will see the file
            return
        except PermissionError:
            self.file("stop").unlink()
            raise

    def fail(self, reason: str) -> None:
        """Let it count as failed without having run, for a reason."""
        self.file("log").write_text(f"{reason}\n", encoding="utf-8")
        self.file("status").write_text(FAILED[-1], encoding="utf-8")
        self.file("lock").touch()

    def forget(self) -> None:
        """Remove its files."""
        for kind in ("stop", "out", "log", "status", "json", "lock"):
            self.file(kind).unlink(missing_ok=True)

    def start(self, *shared: IO[bytes], environment: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start its process, in a session of its own; it inherits the locks `shared`, and holds them as long as it lives."""
        with LOOKING, ExitStack() as opened, self._undone_on_failure():
            lock = opened.enter_context(self.file("lock").open("wb"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            out = opened.enter_context(open(self.file("out"), "wb", opener=self._opener))
            log = opened.enter_context(self.file("log").open("ab"))
            files = [str(self.file(kind)) for kind in ("lock", "status", "stop")]
            self.file("status").unlink(missing_ok=True)
            return subprocess.Popen(
                [sys.executable, "-m", "alexnet.studio.launch", *files, sys.executable, "-m", "alexnet", *self.request.words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock.fileno(), *(one.fileno() for one in shared)],
                env={**os.environ, **(environment or {})},
            )

    def _opener(self, path: str, flags: int) -> int:
        """A service prints its link with its token, which is for this user alone."""
        return os.open(path, flags, 0o600 if self.request.kind == "serve" else 0o666)

    @contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        """A job whose process could not be started waits again."""
        try:
            yield
        except BaseException:
            self.file("lock").unlink(missing_ok=True)
            raise


def is_held(lock: Path) -> bool:
    """Whether a living process holds a lock of ours."""
    try:
        with LOOKING, lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def all_jobs(folder: Path) -> list[Job]:
    """The jobs of a queue, the oldest first; files that are damaged are passed over."""
    return list(_all_jobs(folder))


@kept_until_changed
def _all_jobs(folder: Path) -> tuple[Job, ...]:
    found = []
    for number in _numbers(folder, ".json"):
        with suppress(AlexNetError):
            found.append(Job(number, folder, _request(folder / f"{number:06}.json")))
    return tuple(found)


def waiting_jobs(folder: Path) -> list[Job]:
    """The jobs that have not been started, the oldest first; it costs one look at the folder if there is none."""
    waiting = set(_numbers(folder, ".json")) - set(_numbers(folder, ".lock"))
    return [job for job in all_jobs(folder) if job.number in waiting] if waiting else []


def _numbers(folder: Path, suffix: str) -> list[int]:
    with os.scandir(folder) as entries:
        names = [entry.name[: -len(suffix)] for entry in entries if entry.name.endswith(suffix)]
    return sorted(int(name) for name in names if name.isdecimal())


@lru_cache(maxsize=1_000)
def _request(path: Path) -> Request:
    return read_record(path, Request)


def add_job(folder: Path, request: Request) -> Job:
    """Write a new job, which waits."""
    request = replace(request, at=time.time())
    job = Job(max(_numbers(folder, ".json"), default=0) + 1, folder, request)
    write_atomically(job.file("json"), json.dumps(asdict(request), ensure_ascii=False))
    _request.cache_clear()  # a number may be used again
    return job


def check_system() -> None:
    """Raise AlexNetError on Windows, which has no locks that a process inherits."""
    if sys.platform == "win32":
        raise AlexNetError("alexnet studio needs Linux or macOS; on Windows, run it in WSL.")
