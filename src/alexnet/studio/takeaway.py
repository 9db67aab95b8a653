"""Models to take away: the exports of a run, as the registry of exports has them, and its folder as a zip."""

import importlib.util
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from alexnet.data.class_names import printable
from alexnet.studio.jobs import Job, State
from alexnet.studio.limits import Limits
from alexnet.studio.queue import ENDED, Queue
from alexnet.studio.receiving import check_room, temporary
from alexnet.studio.refusal import Refusal
from alexnet.studio.requests import Requests
from alexnet.studio.workspace import Workspace

OFFERED = (("onnx", False), ("onnx", True), ("web", False), ("torch", False), ("hf", False))  # of the exports that are there
LEFT_OUT = frozenset({".lock", "live", "checkpoints", "candidates", "features", "tensorboard"})  # of a run's folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A form to take a model away in. state: none, waiting, running, failed or ready; bytes: of the file that is there."""

    target: str
    int8: bool
    suffix: str
    state: str
    file: str | None = None
    bytes: int = 0
    job: int | None = None
    message: str = ""


def suffixes() -> dict[str, str]:
    """The exports that are there, and the suffixes of their files; none without the packages that they need."""
    if importlib.util.find_spec("onnx") is None or importlib.util.find_spec("onnxruntime") is None:
        return {}
    from alexnet.exports.targets import TARGETS

    return {name: target.suffix for name, target in TARGETS.items()}


def offers(run: str, requests: Requests, queue: Queue) -> list[dict[str, object]]:
    """The forms that a finished run can be taken away in."""
    known = suffixes()
    return [asdict(_offer(run, target, known[target], requests, queue, int8=int8)) for target, int8 in OFFERED if target in known]


def _offer(run: str, target: str, suffix: str, requests: Requests, queue: Queue, *, int8: bool) -> Offer:
    file = requests.exported(run, target, suffix, int8=int8)
    words = ["--to", target, *(["--int8"] if int8 else []), "--out"]
    job = next((job for job in reversed(queue.jobs()) if _is_for(job, run, words)), None)
    state = _state(job.state() if job is not None else None, there=file.exists())
    return Offer(
        target=target,
        int8=int8,
        suffix=suffix,
        state=state,
        file=file.name if state == "ready" else None,
        bytes=sum(part.stat().st_size for part in files_of(file)) if state == "ready" else 0,
        job=job.number if job is not None else None,
        message=job.log() if job is not None and state == "failed" else "",
    )


def _state(job: State | None, *, there: bool) -> str:
    """What is shown of an export: of its job while that works, afterwards of its file."""
    if job is not None and job not in ENDED:
        return job
    return "ready" if there and job in (None, "done") else "none" if job is None else "failed"


def _is_for(job: Job, run: str, words: list[str]) -> bool:
    return job.request.kind == "export" and job.request.run == run and list(job.request.words[2 : 2 + len(words)]) == words


def check_target(target: str, *, int8: bool) -> str:
    """The suffix of a form that is offered; raises Refusal for another."""
    known = suffixes()
    if not known:
        raise Refusal("no_export", 409)
    if (target, int8) not in OFFERED or target not in known:
        raise Refusal("no_target", 404, name=target)
    return known[target]


def files_of(path: Path) -> Iterator[Path]:
    """A file, or all files of a folder."""
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (part for part in sorted(path.rglob("*")) if part.is_file() and not part.is_symlink())


def zipped(folder: Path, workspace: Workspace, limits: Limits) -> Path:
    """A temporary zip of a run's folder without what belongs to its training alone, or of an export that is a folder.

    Raises Refusal (507) if the disk has too little room for it.
    """
    parts = [part for part in files_of(folder) if part.relative_to(folder).parts[0] not in LEFT_OUT]
    check_room(workspace.uploads, sum(part.stat().st_size for part in parts), limits)
    place = temporary(workspace.uploads)
    try:
        with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED, strict_timestamps=False) as out:  # files may be dated before 1980
            for part in parts:
                out.write(part, printable(f"{folder.name}/{part.relative_to(folder).as_posix()}"))
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    return place


def service_link(job: Job) -> str | None:
    """The address of a service that a job runs, as it printed it."""
    try:
        line = job.file("out").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return None
    return line.rpartition(" at ")[2].strip() or None
