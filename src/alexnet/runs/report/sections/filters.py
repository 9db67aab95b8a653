"""The first layer's filters as small images. report.json stores them as float32 in base64."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.pages.plots import filter_images
from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.stored_bytes import bytes_of
from alexnet.storage.records import convert

LARGEST_FILTERS = 10_000_000  # values: a hundred times AlexNet's


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """filters: float (maps, channels, k, k); None for a model without any."""

    filters: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FiltersView:
    """images: the first filters as data: URIs. all: the number of filters."""

    images: Sequence[str]
    all: int


def collect(finished: FinishedRun) -> Filters:
    """The fitted model's filters."""
    return Filters(filters=finished.fitted.filters)


def write(part: Filters) -> Mapping[str, Any]:
    """The shape and the values."""
    if part.filters is None:
        return {"filters": None}
    numbers = part.filters.detach().cpu().float().contiguous().numpy().astype("<f4")
    return {"filters": {"shape": list(numbers.shape), "float32": base64.b64encode(numbers.tobytes()).decode()}}


def read(values: Mapping[str, Any]) -> Filters:
    """The filters, checked: the number of values agrees with their shape."""
    if values.get("filters") is None:
        return Filters()
    stored = convert(dict, values["filters"], "filters")
    shape = convert(tuple[int, int, int, int], stored.get("shape"), "filters.shape")
    if min(shape) < 1 or math.prod(shape) > LARGEST_FILTERS:
        raise ValueError(f"filters.shape is {shape}; it must be positive, with at most {LARGEST_FILTERS:,} values in total")
    content = bytes_of(stored.get("float32"), "filters.float32")
    if len(content) != 4 * math.prod(shape):
        raise ValueError(f"filters.float32 has {len(content):,} bytes, and must have {4 * math.prod(shape):,}")
    return Filters(filters=torch.from_numpy(np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)))


def view(page: RunPage) -> FiltersView | None:
    """The filters as images, if the model has any."""
    part = page.part(Filters)
    if part is None or part.filters is None:
        return None
    images = filter_images(part.filters)
    return FiltersView(images=images, all=part.filters.shape[0]) if images else None


SECTION = Section(name="filters", view=view, part=Part(kind=Filters, collect=collect, write=write, read=read))
