"""The runs, comparisons and studies of the workspace, as their folders are now."""

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from alexnet.errors import AlexNetError
from alexnet.i18n.translate import LANGUAGES, Lang, translated
from alexnet.storage.files import is_alive
from alexnet.storage.ownership import LOCK
from alexnet.storage.records import read_json
from alexnet.storage.regular_files import read_regular
from alexnet.studio.jobs import Job
from alexnet.studio.queue import ENDED, Queue
from alexnet.studio.workspace import Workspace

Kind = Literal["run", "comparison", "study"]
MARKS: tuple[tuple[str, Kind], ...] = (  # the file that identifies each kind of folder
    ("comparison.json", "comparison"),
    ("study.json", "study"),
    ("recipe.toml", "run"),
    ("search.json", "run"),
)
SHOWN = ("model", "validation_error", "test_error", "test_interval", "n_train", "n_test", "seconds", "parameters", "bytes",
         "predict_milliseconds", "epochs", "choice", "model_reason", "remarks", "candidates", "skipped")  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One folder, or a job that will make one. state: waiting, running, stopping, done, stopped, failed, or elsewhere (another process)."""

    name: str
    kind: Kind
    state: str
    at: float
    job: int | None = None
    message: str = ""
    problem: Mapping[Lang, str] | None = None  # language -> the last line of the message, where that is an error that is known
    result: dict[str, Any] | None = None  # of a run, the values that are shown
    report: bool = False
    explanation: bool = False


def rows(workspace: Workspace, queue: Queue) -> list[Row]:
    """All of them, the newest first."""
    jobs = {job.request.run: job for job in queue.jobs() if job.request.kind in ("train", "study", "compare")}
    found = [row_of(workspace.path / name, jobs.get(name)) for name in workspace.run_names()]
    coming = [coming_row(job) for name, job in jobs.items() if not (workspace.path / name).is_dir()]
    return sorted([*(row for row in found if row is not None), *coming], key=lambda row: -row.at)


def kind_of(path: Path) -> Kind | None:
    """What a folder is; None for another folder."""
    return next((kind for mark, kind in MARKS if (path / mark).is_file()), None)


def row_of(path: Path, job: Job | None) -> Row | None:
    """The row of a folder; None if it is not a run, a comparison or a study, and no job is at work in it."""
    kind = kind_of(path)
    if kind is None:
        return coming_row(job) if job is not None else None
    state, result = state_of(path, job), result_of(path) if kind == "run" else None
    message = job.log() if job is not None and (state in ("failed", "stopped") or (kind != "run" and state == "running")) else ""
    return Row(
        name=path.name,
        kind=kind,
        state=state,
        at=path.stat().st_mtime,
        job=job.number if job is not None else None,
        message=message,
        problem=problem_in(message),
        result=result,
        report=(path / "report.html").is_file(),
        explanation=(path / "explanation" / "report.html").is_file(),
    )


def coming_row(job: Job) -> Row:
    """The row of a job that has made nothing yet."""
    kinds: dict[str, Kind] = {"study": "study", "compare": "comparison"}
    state = job.state()
    message = job.log() if state in ENDED else ""
    return Row(
        name=job.request.run,
        kind=kinds.get(job.request.kind, "run"),
        state=state,
        at=job.request.at,
        job=job.number,
        message=message,
        problem=problem_in(message),
    )


def problem_in(log: str) -> dict[Lang, str] | None:
    """The error at the end of a log, of one line or more, in each language; None if it is none that is known."""
    lines = log.splitlines()
    for first in range(len(lines)):
        text = "\n".join(lines[first:])
        if translated(text, "zh") != text:
            return {lang: translated(text, lang) for lang in LANGUAGES}
    return None


def log_in(log: str, lang: Lang) -> str:
    """A log with the error at its end in a language."""
    problem = problem_in(log)
    return log if problem is None else log.removesuffix(problem["en"]) + problem[lang]


def state_of(path: Path, job: Job | None) -> str:
    """What happens in a folder."""
    state = job.state() if job is not None else None
    if state is not None and state not in ENDED:
        return state
    if (path / "result.json").is_file():
        return "done"
    if owner_lives(path):
        return "elsewhere"
    return "failed" if state == "failed" else "stopped"


def owner_lives(path: Path) -> bool:
    """Whether a process of this machine says that it owns a folder, and lives; the lock itself is not touched."""
    try:
        words = read_regular(path / LOCK).decode("utf-8", "replace").split()
    except OSError:
        return False
    if len(words) != 4 or not words[1].isdecimal() or words[3] != socket.gethostname():
        return False
    try:
        line = Path(f"/proc/{words[1]}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists() and is_alive(int(words[1]))
    return b"alexnet" in line or b"python" in line


def result_of(path: Path) -> dict[str, Any] | None:
    """The values of a finished run's result that are shown; None while it has not finished."""
    file = path / "result.json"
    try:
        return _result(file, file.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=2_000)
def _result(file: Path, changed: int) -> dict[str, Any] | None:
    from alexnet.runs.result import read_result

    try:
        found = asdict(read_result(file))
    except AlexNetError as problem:
        return {"damage": str(problem)}
    return {name: found[name] for name in SHOWN}


def data_of(path: Path) -> str:
    """The data set of a run, as its folder records it; empty if it does not."""
    from alexnet.recipes.toml import from_toml

    try:
        if (path / "recipe.toml").exists():
            return from_toml(path / "recipe.toml").data
        for mark, field in (("search.json", "request"), ("study.json", ""), ("comparison.json", "")):
            if (path / mark).exists():
                values = read_json(path / mark)
                asked = values.get(field) if field else values
                return str(asked.get("data", "")) if isinstance(asked, dict) else ""
    except (AlexNetError, OSError, ValueError):
        return ""
    return ""
