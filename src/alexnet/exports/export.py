"""`alexnet export`: a finished run as a file or folder for other programs, checked before it is kept."""

import importlib.util
import math
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alexnet.errors import AlexNetError, BadRun, CannotWrite
from alexnet.exports.check import Check
from alexnet.exports.request import Job, check_run
from alexnet.exports.target import Target
from alexnet.exports.web_runtime import web_runtime
from alexnet.inference.classifier import load
from alexnet.runtime.arguments import path_from
from alexnet.runtime.events import Listener, log_messages
from alexnet.storage.files import remove_abandoned, rename, temporary_beside, writing

NEEDED = ("onnx", "onnxruntime")


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """file: what was written, a file or a folder; bytes: of all of it.

    checked: images that the exported model was compared on, from `source`: the run's validation split, or generated. largest_difference: of
    a probability, to the same weights in fp32. agreement: share of images with the classifier's own best class (in its own precision, such
    as bf16). accuracy_before, accuracy_after: of the run's model and the exported one, on the validation images; None without them.
    interval: 95%, of the accuracy lost, of a model in whole numbers.
    """

    file: str
    to: str
    bytes: int
    checked: int
    source: str
    largest_difference: float
    agreement: float
    accuracy_before: float | None
    accuracy_after: float | None
    interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `alexnet export --json` prints."""
        return asdict(self)


def export(
    run: str | Path,
    *,
    to: str = "onnx",
    int8: bool = False,
    max_loss: float = 0.5,
    runtime: str | Path | None = None,
    out: str | Path | None = None,
    listen: Listener = log_messages,
) -> Export:
    """Export the trained model in `run`, and check on images that it answers as the classifier does.

    to: onnx, one file with everything inside; torch, a state dict; hf, a folder for a model hub; web, a folder with a page that
    classifies in the browser; triton, a model repository.
    int8: whole numbers of 8 bits, for which validation accuracy may fall by `max_loss` points.
    runtime: for web, the archive of onnxruntime-web; without it, it is fetched from the registry that npm knows, once.
    out: the file or folder to write; by default beside the run, with its name.
    Raises BadRun for a folder without a trained model, BadModel for a model that cannot be exported, CannotWrite if `out` is there.
    """
    _require_packages()
    from alexnet.exports.targets import find_target  # imports onnx

    target = find_target(to)
    _check_options(target, int8=int8, max_loss=max_loss, runtime=runtime)
    path = path_from(run, "The run folder", BadRun)
    check_run(path)
    place = place_for(path, target, out, int8=int8)
    archive = web_runtime(runtime, listen) if target.name == "web" else None
    job = Job(path=path, classifier=load(path, device="cpu"), int8=int8, max_loss=max_loss, listen=listen, runtime=archive)
    found = target.write(job, place) if target.suffix else _folder(target, job, place)
    before, after = found.accuracies or (None, None)
    return Export(
        file=str(place),
        to=target.name,
        bytes=_bytes_of(place),
        checked=found.images,
        source=found.source,
        largest_difference=found.largest_difference,
        agreement=found.agreement,
        accuracy_before=before,
        accuracy_after=after,
        interval=found.interval,
    )


def _folder(target: Target, job: Job, place: Path) -> Check:
    """Write a target's folder under another name, which it loses when it is complete: no part of it is ever left under its own."""
    partial = temporary_beside(place)
    try:
        found = target.write(job, partial)
        with writing(place):
            rename(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def _require_packages() -> None:
    """Raise AlexNetError, with the extra, if a package is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise AlexNetError(f"Export needs {' and '.join(missing)}: pip install 'alexnet[export]'")


def _check_options(target: Target, *, int8: bool, max_loss: float, runtime: object) -> None:
    if runtime is not None and target.name != "web":
        raise AlexNetError("--runtime is the archive of onnxruntime-web, which only --to web needs.")
    if int8 and not target.int8:
        raise AlexNetError(f"Whole numbers (--int8) are for ONNX models; --to {target.name} writes the weights as they are.")
    if not (math.isfinite(max_loss) and 0 <= max_loss <= 100):
        raise AlexNetError(f"max_loss is {max_loss:g}; it is in points of accuracy, from 0 to 100.")


def place_for(run: Path, target: Target, out: str | Path | None, *, int8: bool) -> Path:
    """Where the export goes; raises CannotWrite if something is there, or if the suffix is another target's."""
    kind = "-int8" if int8 else ""
    ending = target.suffix or f"-{target.name}"
    place = path_from(out, "out") if out is not None else run.resolve().with_name(f"{run.resolve().name}{kind}{ending}")
    if target.suffix and place.suffix != target.suffix:
        raise CannotWrite(f"--out is {place}, but the file is written as {target.suffix}: pass a name that ends in {target.suffix}.")
    remove_abandoned(place.parent)
    if os.path.lexists(place):
        raise CannotWrite(f"{place} exists already. Remove it, or choose another --out.")
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _bytes_of(place: Path) -> int:
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
