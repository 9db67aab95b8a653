"""Predictions of any number of images in one file: written as they are made, resumable after a kill, the same bytes either way.

    answers.csv.partial       a line of JSON for each image that is done
    answers.csv.partial.json  what they are of: model, images, options

At the end the lines become the file in its own format. A rerun of the same command resumes after the last whole chunk, so that images are
in the same batches as without an interruption, and probabilities have the same digits. Independent of PyTorch and of the screen.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from alexnet.errors import AlexNetError, CannotWrite
from alexnet.inference.inputs import ImageInput
from alexnet.inference.prediction import Prediction
from alexnet.runtime.arguments import path_from
from alexnet.runtime.events import Listener, Predicting, silent
from alexnet.storage.files import read_record, remove_abandoned, replaced, writing
from alexnet.storage.ownership import lock_open_file
from alexnet.storage.spreadsheets import csv_text

CHUNK = 512  # images between two flushes, eight batches of a model
SUFFIXES = (".csv", ".jsonl", ".parquet")

Named = Sequence[tuple[str, ImageInput]]
PredictChunks = Callable[[Sequence[list[ImageInput]]], Iterator[list[Prediction]]]  # the answers for each chunk, in order


class Predicts(Protocol):
    """Any classifier."""

    def predict(self, images: Any, /, *, top: int, views: Any) -> list[Prediction]:
        """The predictions of several images, in order."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """out: the file; n: images in it; unreadable: those without an answer; resumed: those that an earlier start had done."""

    out: str
    n: int
    unreadable: int
    resumed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Started:
    """What the lines of a partial file are of."""

    model: str  # digest of the weights
    images: str  # digest of the names
    n: int
    top: int
    views: str
    chunk: int


def write_answers(  # noqa: PLR0913 - who predicts (3), the images (1), the file (2), the options (2), the listener (1)
    classifier: Predicts,
    run: str | Path,
    images: Named,
    out: str | Path,
    *,
    top: int = 3,
    views: str = "centre",
    listen: Listener = silent,
    chunk: int = CHUNK,
    predict_chunks: PredictChunks | None = None,
) -> Answers:
    """Predict every image, and write `out`, whose suffix decides the format: .csv, .jsonl or .parquet.

    run: where the classifier comes from. images: (name, image), the same for every start. predict_chunks: who predicts instead of the
    classifier, such as a cluster. Raises CannotWrite if `out` exists or cannot be written, AlexNetError for another suffix, for a missing
    package, for a partial file of another model, other images or options, and while another process writes it.
    """
    place = check_out(out)
    started = _Started(model=_digest_of(Path(run)), images=_names_digest(images), n=len(images), top=top, views=views, chunk=chunk)
    partial, record = place.with_name(f"{place.name}.partial"), place.with_name(f"{place.name}.partial.json")
    with writing(place):
        _check_same(record, started, partial)
        if place.exists():
            return _cleared(place, partial, record, started.n)
        with partial.open("r+b" if partial.exists() else "w+b") as lines:
            if not lock_open_file(lines.fileno()):
                raise AlexNetError(f"Another command is writing {place}. Wait until it ends, or choose another --out.")
            done = _whole_chunks(lines, chunk)
            _predict_rest(predict_chunks or _one_by_one(classifier, started), images, lines, done, started, listen)
        unreadable = sum(answer.error is not None for answer in _read(partial))
        with replaced(place) as finished:
            FORMATS[place.suffix](partial, finished, min(top, _most(partial)))
        partial.unlink()
        record.unlink()
    return Answers(out=str(place), n=len(images), unreadable=unreadable, resumed=done)


def _cleared(place: Path, partial: Path, record: Path, n: int) -> Answers:
    """The answers in a file whose process was killed after the last rename; what led to it is removed.

    Raises CannotWrite if not all images were done: then the file is another one.
    """
    with partial.open("rb") as lines:
        done = sum(line.endswith(b"\n") for line in lines)
    if done < n:
        raise CannotWrite(f"{place} exists already, and {partial} has {done:,} of {n:,} pictures. Remove one, or choose another --out.")
    unreadable = sum(answer.error is not None for answer in _read(partial))
    partial.unlink()
    record.unlink()
    return Answers(out=str(place), n=n, unreadable=unreadable, resumed=n)


def check_out(out: str | Path) -> Path:
    """The path of a new file of answers; raises CannotWrite if it is taken, AlexNetError for a suffix or a package that is missing."""
    place = path_from(out, "--out")
    if place.suffix not in SUFFIXES:
        raise AlexNetError(f"--out is {place}; its name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")
    remove_abandoned(place.parent)
    if os.path.lexists(place) and not _was_killed_at_its_end(place):
        raise CannotWrite(f"{place} exists already. Remove it, or choose another --out.")
    if place.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise AlexNetError("Parquet files need pyarrow: pip install '.[parquet]'") from None
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _was_killed_at_its_end(place: Path) -> bool:
    """Whether a complete file still has the lines that led to it; of those, a record without them is removed."""
    partial, record = place.with_name(f"{place.name}.partial"), place.with_name(f"{place.name}.partial.json")
    if record.exists() and not partial.exists():
        with writing(place):
            record.unlink()
    return record.exists()


def _digest_of(run: Path) -> str:
    """The digest of a model's weights: of an ONNX file, or of those in a run folder."""
    files = (run, run / "model" / "model.safetensors", run / "model.safetensors")
    file = next(file for file in files if file.is_file())
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _names_digest(images: Named) -> str:
    names = hashlib.sha256()
    for name, _ in images:
        names.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return names.hexdigest()


def _check_same(record: Path, started: _Started, partial: Path) -> None:
    """Write what this start is of, or raise AlexNetError if an earlier one was of something else."""
    if not record.exists():
        record.write_text(json.dumps(asdict(started)), encoding="utf-8")
        partial.unlink(missing_ok=True)
        return
    earlier = read_record(record, _Started, f"remove it and {partial}, and start again.")
    different = [name for name, value in asdict(started).items() if getattr(earlier, name) != value]
    if different:
        raise AlexNetError(f"{partial} was begun with other {', '.join(different)}. Remove it and {record}, or choose another --out.")


def _whole_chunks(lines: BinaryIO, chunk: int) -> int:
    """How many images are done in whole chunks; what follows them, a part of a chunk or of a line, is cut off."""
    done = place = rows = kept = 0
    for line in lines:
        if not line.endswith(b"\n"):
            break
        rows, place = rows + 1, place + len(line)
        if rows % chunk == 0:
            done, kept = rows, place
    lines.seek(kept)
    lines.truncate()
    return done


def _one_by_one(classifier: Predicts, started: _Started) -> PredictChunks:
    def predicted(chunks: Sequence[list[ImageInput]]) -> Iterator[list[Prediction]]:
        return (classifier.predict(images, top=started.top, views=started.views) for images in chunks)

    return predicted


def _predict_rest(predict_chunks: PredictChunks, images: Named, lines: BinaryIO, done: int, started: _Started, listen: Listener) -> None:
    begun = time.monotonic()
    starts = range(done, len(images), started.chunk)
    chunks = [[image for _, image in images[start : start + started.chunk]] for start in starts]
    for start, answers in zip(starts, predict_chunks(chunks) if chunks else (), strict=True):
        several = images[start : start + started.chunk]
        for (name, _), answer in zip(several, answers, strict=True):
            line = json.dumps(replace(answer, file=name).to_json(), ensure_ascii=True, allow_nan=False)
            lines.write(line.encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())
        finished = start + len(several)
        pace = (time.monotonic() - begun) / (finished - done)
        listen(Predicting(finished, len(images), pace * (len(images) - finished)))


def _read(partial: Path) -> Iterator[Prediction]:
    with partial.open(encoding="utf-8") as lines:
        for line in lines:
            values = json.loads(line)
            yield Prediction(
                values["file"], tuple((one["class"], one["probability"]) for one in values["top"]), values["error"], values.get("unlike")
            )


def _most(partial: Path) -> int:
    """The most classes in an answer."""
    return max((len(answer.top) for answer in _read(partial)), default=0)


def _to_jsonl(partial: Path, out: Path, top: int) -> None:
    with partial.open("rb") as lines, out.open("wb") as file:
        file.writelines(lines)


def _to_csv(partial: Path, out: Path, top: int) -> None:
    """file, class and probability of the best, of the second, ..., whether it is unlike the training images, why it has no answer."""
    header = [word for place in range(1, top + 1) for word in (f"class_{place}", f"probability_{place}")]
    with out.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(csv_text([("file", *header, "unlike", "error")]))
        for answer in _read(partial):
            values = [value for name, probability in answer.top for value in (name, f"{probability:.6f}")]
            unlike = {True: "yes", False: "no", None: ""}[answer.unlike]
            file.write(csv_text([(answer.file, *values, *[""] * (len(header) - len(values)), unlike, answer.error or "")]))


def _to_parquet(partial: Path, out: Path, top: int) -> None:
    """Columns file, classes and probabilities (lists, best first), unlike, error; a row group for each few thousand images."""
    import pyarrow
    from pyarrow import parquet

    kinds = (pyarrow.string(), pyarrow.list_(pyarrow.string()), pyarrow.list_(pyarrow.float32()), pyarrow.bool_(), pyarrow.string())
    schema = pyarrow.schema(zip(("file", "classes", "probabilities", "unlike", "error"), kinds, strict=True))
    with parquet.ParquetWriter(out, schema) as writer:
        for group in _groups(_read(partial), 8 * CHUNK):
            columns = (
                [answer.file.encode("utf-8", "backslashreplace").decode() for answer in group],
                [[name for name, _ in answer.top] for answer in group],
                [[probability for _, probability in answer.top] for answer in group],
                [answer.unlike for answer in group],
                [answer.error for answer in group],
            )
            writer.write_table(pyarrow.table(dict(zip(schema.names, columns, strict=True)), schema=schema))


def _groups(answers: Iterator[Prediction], count: int) -> Iterator[list[Prediction]]:
    group: list[Prediction] = []
    for answer in answers:
        group.append(answer)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group


FORMATS: dict[str, Callable[[Path, Path, int], None]] = {".csv": _to_csv, ".jsonl": _to_jsonl, ".parquet": _to_parquet}
