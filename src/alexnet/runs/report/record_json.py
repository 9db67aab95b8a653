"""Everything that a run's page shows, as a JSON file, and back: images as PNG, filters as float32, both in base64.

A file may come from anywhere. What it holds is checked where it is read, so that the page is drawn of values as good as a run's own.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.data.images.decode import decode
from alexnet.data.images.encode import png_bytes
from alexnet.errors import BadRun, UnreadableImage
from alexnet.evaluation.metrics import ReliabilityBin
from alexnet.i18n.units import finite
from alexnet.runs.report.record import Mistake, RunReport
from alexnet.runs.report.view import MOST_MISTAKES
from alexnet.storage.records import convert, read_json

LARGEST_IMAGE = 4_000_000  # pixels
LARGEST_FILTERS = 10_000_000  # numbers: a hundred times AlexNet's
MOST_CLASSES = 100_000
MOST_COUNTED = 10**12  # images in a cell of a confusion matrix, and steps


def report_text(report: RunReport) -> str:
    """The JSON text of all that the page shows: of the mistakes the first MOST_MISTAKES."""
    values = {field.name: getattr(report, field.name) for field in fields(RunReport)}
    values |= {
        "reliability": [_values(each) for each in report.reliability],
        "mistakes": [{**_values(each), "image": _png(each.image)} for each in report.mistakes[:MOST_MISTAKES]],
        "filters": None if report.filters is None else _floats(report.filters),
    }
    return json.dumps(values, ensure_ascii=False, default=_of_another_kind)


def read_report(path: Path) -> RunReport:
    """The report that `report_text` wrote; raises BadRun, with what to do, for a file that is damaged or was not written by it."""
    try:
        values = read_json(path)
        values["mistakes"] = [_mistake(one, place) for place, one in enumerate(_some(values.get("mistakes"), "mistakes"))]
        values["filters"] = None if values.get("filters") is None else _filters(values["filters"])
        return _checked(convert(RunReport, values, "the report"))
    except (OSError, ValueError, UnreadableImage) as error:
        what = f"{path} is damaged ({error})"
        raise BadRun(f"{what}. Copy the run again; its numbers can be measured anew: alexnet evaluate {path.parent}") from None


def _values(record: ReliabilityBin | Mistake) -> dict[str, Any]:
    """The fields as they are: `asdict` would copy tensors."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _of_another_kind(value: object) -> object:
    """A number of NumPy's as Python's; a mapping or sequence of another type as what JSON knows; the rest as the page writes it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else str(value)


def _png(image: Tensor) -> str:
    """An image, uint8 (3, H, W) or (1, H, W), as base64 of a PNG."""
    return base64.b64encode(png_bytes(image)).decode()


def _mistake(given: object, place: int) -> Mapping[str, Any]:
    name = f"mistakes[{place}]"
    if place >= MOST_MISTAKES:
        raise ValueError(f"it holds more than {MOST_MISTAKES} mistakes")
    values = convert(dict, given, name)
    image = decode(_bytes(values.get("image", values.get("picture")), f"{name}.image"), f"{name}.image", max_pixels=LARGEST_IMAGE)
    return {**values, "image": image}


def _floats(filters: Tensor) -> dict[str, Any]:
    numbers = filters.detach().cpu().float().contiguous().numpy().astype("<f4")
    return {"shape": list(numbers.shape), "float32": base64.b64encode(numbers.tobytes()).decode()}


def _filters(given: object) -> Tensor:
    """float32 (maps, channels, k, k)."""
    values = convert(dict, given, "filters")
    shape = convert(tuple[int, int, int, int], values.get("shape"), "filters.shape")
    if min(shape) < 1 or math.prod(shape) > LARGEST_FILTERS:
        raise ValueError(f"filters.shape is {shape}, and must be above 0, and not more than {LARGEST_FILTERS:,} numbers together")
    content = _bytes(values.get("float32"), "filters.float32")
    if len(content) != 4 * math.prod(shape):
        raise ValueError(f"filters.float32 has {len(content):,} bytes, and must have {4 * math.prod(shape):,}")
    return torch.from_numpy(np.frombuffer(content, "<f4").astype(np.float32).reshape(shape))


def _bytes(text: object, name: str) -> bytes:
    try:
        return base64.b64decode(convert(str, text, name), validate=True)
    except binascii.Error:
        raise ValueError(f"{name} is not base64") from None


def _some(value: object, name: str) -> tuple[Any, ...]:
    return convert(tuple[Any, ...], value if value is not None else [], name)


def _checked(report: RunReport) -> RunReport:
    """The report, when what its plots are drawn of has the right form; raises ValueError."""
    if any(abs(finite(row.get(unit)) or 0.0) > MOST_COUNTED for row in report.history for unit in ("epoch", "step")):
        raise ValueError("a row of history counts too many epochs or steps")
    for each in report.reliability:
        if each.n < 0 or not all(0 <= share <= 1 for share in (each.confidence, each.accuracy) if share is not None):
            raise ValueError("a bin of reliability holds no shares of pictures")
    for title, values in report.evaluations.items():
        _check_classes(values, len(report.classes), f"evaluations.{title}")
    return report


def _check_classes(values: Mapping[str, Any], classes: int, name: str) -> None:
    """The lists of an evaluation: names of classes, rows of classes, a square matrix of counts, and an interval."""
    if values.get("classes") is not None:
        classes = len(convert(tuple[str, ...], values["classes"], f"{name}.classes"))
    for row in convert(tuple[Mapping[str, Any], ...], values.get("per_class") or (), f"{name}.per_class"):
        kind = row.get("class")
        if not isinstance(kind, str) and not (isinstance(kind, int) and 0 <= kind < MOST_CLASSES):
            raise ValueError(f"{name}.per_class names a class {kind!r:.40}")
    confusion = convert(tuple[tuple[int, ...], ...], values.get("confusion") or (), f"{name}.confusion")
    if confusion and {len(confusion), *map(len, confusion)} != {classes}:
        raise ValueError(f"{name}.confusion is not a matrix of {classes} x {classes}")
    if any(not 0 <= n <= MOST_COUNTED for row in confusion for n in row):
        raise ValueError(f"{name}.confusion holds a number that counts no pictures")
    interval = values.get("interval")
    if interval is not None and not isinstance(interval, Mapping):
        convert(tuple[float, float], interval, f"{name}.interval")
