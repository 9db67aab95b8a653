"""What an exported model says about itself, in the metadata of its ONNX file: classes, how a photo is fitted, where it comes from.

The whole record is JSON under the key "alexnet"; "classes" (one a line) and "input" repeat what other programs need. Independent of
PyTorch and of ONNX libraries.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.data.preprocess import Fit
from alexnet.errors import BadModel
from alexnet.storage.records import convert

FORMAT = 1
RECORD, CLASSES, INPUT = "alexnet", "classes", "input"  # keys of the metadata
LARGEST_SIDE = 65_535  # px, a JPEG's
MOST_CLASSES = 1_000_000
LONGEST_RECORD = 64_000_000  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportRecord:
    """The record in an exported file.

    image_size: px per side of the model's input; stored_size: of the square from which it is the centre; fit: how a photo becomes that
    square. flip: whether a mirrored image keeps its class. precision: of the weights in the file, and of the products ("int8" or "fp32").
    provenance: data set, seed, digest of the weights. scores, versions: of the run. quantised: the accuracy before and after, of int8.
    """

    format: int = FORMAT
    model: str
    classes: tuple[str, ...]
    image_size: int
    stored_size: int
    fit: Fit
    channels: int
    flip: bool
    precision: str = "fp32"
    provenance: dict[str, Any]
    scores: dict[str, Any]
    versions: dict[str, str]
    quantised: dict[str, Any] | None = None


def to_metadata(record: ExportRecord) -> dict[str, str]:
    """The metadata of a file: text by key."""
    return {
        RECORD: json.dumps(asdict(record), ensure_ascii=False),
        CLASSES: "\n".join(name.replace("\n", " ") for name in record.classes),
        INPUT: input_sentence(record),
    }


def input_sentence(record: ExportRecord) -> str:
    """How a photo becomes the input, for people who write their own program."""
    squares = {"crop": "cut to its centre square and resized to", "squash": "resized, whatever its shape, to"}[record.fit]
    size, stored = record.image_size, record.stored_size
    centre = "" if size == stored else f", of which the central {size} x {size} are the input"
    return (
        f"uint8 (N, 3, {size}, {size}), RGB, 0 to 255. The upright photo is {squares} {stored} x {stored} px (bilinear, antialiased)"
        f"{centre}. Normalisation and softmax are in the model."
    )


def from_metadata(metadata: Mapping[str, str], name: str) -> ExportRecord:
    """The record of a file called `name`; raises BadModel for a file that has none, or a damaged one."""
    text = metadata.get(RECORD)
    if text is None:
        raise BadModel(
            f"{name} is an ONNX model, but not one that `alexnet export` wrote: it does not say which classes it knows and how a picture "
            "is fitted. Export a run: alexnet export RUN"
        )
    try:
        if len(text) > LONGEST_RECORD:
            raise ValueError(f"it is longer than {LONGEST_RECORD:,} characters")
        values = json.loads(text)
        if convert(int, values.get("format") if isinstance(values, dict) else None, "format") != FORMAT:
            raise BadModel(f"{name} was exported by another version of alexnet. Export it again, or use that version.")
        return _checked(convert(ExportRecord, values))
    except (ValueError, RecursionError) as problem:
        raise BadModel(f"The record in {name} is damaged ({problem}). Copy the file again, or export it again.") from None


def _checked(record: ExportRecord) -> ExportRecord:
    if not 1 <= record.image_size <= record.stored_size <= LARGEST_SIDE:
        raise ValueError(f"images of {record.image_size} px in squares of {record.stored_size} px are impossible")
    if not 1 <= len(record.classes) <= MOST_CLASSES:
        raise ValueError("it has no classes" if not record.classes else f"{len(record.classes):,} classes are impossible")
    return record
