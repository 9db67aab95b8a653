"""`alexnet export`: a finished run as a file or folder for other programs, checked before it is kept."""

import importlib.util
import math
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alexnet.errors import AlexNetError, BadRun, BudgetTooSmall, CannotWrite
from alexnet.exports.check import Check
from alexnet.exports.compression.record import Compressed
from alexnet.exports.request import Job, check_run
from alexnet.exports.target import Target
from alexnet.exports.web_runtime import web_runtime
from alexnet.i18n.units import seconds_of
from alexnet.inference.classifier import load
from alexnet.inference.model_folder import COMPRESSED_SUFFIX
from alexnet.runtime.arguments import path_from
from alexnet.runtime.events import Listener
from alexnet.runtime.notebook import show_progress
from alexnet.storage.files import remove_abandoned, rename, temporary_beside, writing

NEEDED = ("onnx", "onnxruntime")
DEFAULT, COMPRESSED = "onnx", "compressed"  # what `to` is called
DEFAULT_SECONDS, SHORTEST_SECONDS = 600.0, 5.0  # of compression


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """file: what was written, a file or a folder; bytes: of all of it.

    checked: images that the exported model was compared on, from `source`: the run's validation split, or generated. largest_difference: of
    a probability, to the same weights in fp32. agreement: share of images with the classifier's own best class (in its own precision, such
    as bf16). accuracy_before, accuracy_after: of the run's model and the exported one, on the validation images; None without them.
    interval: 95%, of the accuracy lost, of a model in whole numbers. compression: steps, layers and test of a compressed model.
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
    compression: Compressed | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `alexnet export --json` prints."""
        return asdict(self)


def export(  # noqa: PLR0913 - the run, the form (5), what it may cost (2), the place (1), the listener (1)
    run: str | Path,
    *,
    to: str | None = None,
    int8: bool = False,
    compress: bool = False,
    budget: str | float | None = None,
    max_loss: float = 0.5,
    runtime: str | Path | None = None,
    out: str | Path | None = None,
    listen: Listener = show_progress,
) -> Export:
    """Export the trained model in `run`, and check on images that it answers as the classifier does.

    to: onnx (the default), one file with everything inside; torch, a state dict; hf, a folder for a model hub; web, a folder with a page
    that classifies in the browser; triton, a model repository.
    int8: whole numbers of 8 bits, for which validation accuracy may fall by `max_loss` points.
    compress: instead of `to`, a small file of our own for downloads, at most for the same loss: weights are removed and share few values,
    while the network is trained on for `budget` (10 minutes if not set).
    runtime: for web, the archive of onnxruntime-web; without it, it is fetched from the registry that npm knows, once.
    out: the file or folder to write; by default beside the run, with its name.
    Raises BadRun for a folder without a trained model, BadModel for a model that cannot be exported, CannotWrite if `out` is there.
    """
    if compress:
        _check_compressing(to, int8=int8, runtime=runtime, max_loss=max_loss)
        return _compressed(run, _budget_seconds(budget), max_loss, out, listen)
    if budget is not None:
        raise AlexNetError("--budget is for --compress; the other exports train nothing.")
    _require_packages()
    from alexnet.exports.targets import find_target  # imports onnx

    target = find_target(DEFAULT if to is None else to)
    _check_options(target, int8=int8, max_loss=max_loss, runtime=runtime)
    path = path_from(run, "The run folder", BadRun)
    check_run(path)
    place = place_for(path, target.name, target.suffix, out, int8=int8)
    archive = web_runtime(runtime, listen) if target.name == "web" else None
    job = Job(path=path, classifier=load(path, device="cpu"), int8=int8, max_loss=max_loss, listen=listen, runtime=archive)
    found = target.write(job, place) if target.suffix else _folder(target, job, place)
    return _export(place, target.name, found)


def _export(place: Path, name: str, found: Check, compression: Compressed | None = None) -> Export:
    before, after = found.accuracies or (None, None)
    return Export(
        file=str(place),
        to=name,
        bytes=_bytes_of(place),
        checked=found.images,
        source=found.source,
        largest_difference=found.largest_difference,
        agreement=found.agreement,
        accuracy_before=before,
        accuracy_after=after,
        interval=found.interval,
        compression=compression,
    )


def _compressed(run: str | Path, seconds: float, max_loss: float, out: str | Path | None, listen: Listener) -> Export:
    from alexnet.exports.compressed_target import check_compressible, write_compressed

    path = path_from(run, "The run folder", BadRun)
    check_run(path)
    place = place_for(path, COMPRESSED, COMPRESSED_SUFFIX, out)
    job = Job(path=path, classifier=load(path), max_loss=max_loss, listen=listen)
    check_compressible(job)
    found, compression = write_compressed(job, place, seconds)
    return _export(place, COMPRESSED, found, compression)


def _check_compressing(to: str | None, *, int8: bool, runtime: object, max_loss: float) -> None:
    if to is not None or int8 or runtime is not None:
        raise AlexNetError("--compress writes a file of its own kind: leave out --to, --int8 and --runtime.")
    _check_max_loss(max_loss)


def _budget_seconds(budget: str | float | None) -> float:
    if budget is None:
        return DEFAULT_SECONDS
    seconds = seconds_of(budget)
    if not seconds >= SHORTEST_SECONDS:
        raise BudgetTooSmall(f"A budget of {seconds:g} s is too short to prune and train. Use --budget {SHORTEST_SECONDS:g}s or more.")
    return seconds


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
        raise AlexNetError(f"Export needs {' and '.join(missing)}: pip install '.[export]'")


def _check_options(target: Target, *, int8: bool, max_loss: float, runtime: object) -> None:
    if runtime is not None and target.name != "web":
        raise AlexNetError("--runtime is the archive of onnxruntime-web, which only --to web needs.")
    if int8 and not target.int8:
        raise AlexNetError(f"Whole numbers (--int8) are for ONNX models; --to {target.name} writes the weights as they are.")
    _check_max_loss(max_loss)


def _check_max_loss(max_loss: float) -> None:
    if not (math.isfinite(max_loss) and 0 <= max_loss <= 100):
        raise AlexNetError(f"max_loss is {max_loss:g}; it is in points of accuracy, from 0 to 100.")


def place_for(run: Path, name: str, suffix: str, out: str | Path | None, *, int8: bool = False) -> Path:
    """Where the export of that name goes; raises CannotWrite if something is there, or if the suffix is another one's."""
    kind = "-int8" if int8 else ""
    ending = suffix or f"-{name}"
    place = path_from(out, "out") if out is not None else run.resolve().with_name(f"{run.resolve().name}{kind}{ending}")
    if suffix and place.suffix != suffix:
        raise CannotWrite(f"--out is {place}, but the file is written as {suffix}: pass a name that ends in {suffix}.")
    remove_abandoned(place.parent)
    if os.path.lexists(place):
        raise CannotWrite(f"{place} exists already. Remove it, or choose another --out.")
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _bytes_of(place: Path) -> int:
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
