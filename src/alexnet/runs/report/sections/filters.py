"""The first layer's filters as small images. In report.json they are float32 in base64."""

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

LARGEST_FILTERS = 10_000_000  # numbers: a hundred times AlexNet's


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """filters: float (maps, channels, k, k); None for a model without any."""

    filters: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FiltersView:
    """images: the first filters as data: URIs. all: how many filters there are."""

    images: Sequence[str]
    all: int


def collect(finished: FinishedRun) -> Filters:
    """The fitted model's filters."""
    return Filters(filters=finished.fitted.filters)


def write(kept: Filters) -> Mapping[str, Any]:
    """The shape and the numbers."""
    if kept.filters is None:
        return {"filters": None}
    numbers = kept.filters.detach().cpu().float().contiguous().numpy().astype("<f4")
    return {"filters": {"shape": list(numbers.shape), "float32": base64.b64encode(numbers.tobytes()).decode()}}


def read(values: Mapping[str, Any]) -> Filters:
    """The filters, of as many numbers as their shape says."""
    if values.get("filters") is None:
        return Filters()
    given = convert(dict, values["filters"], "filters")
    shape = convert(tuple[int, int, int, int], given.get("shape"), "filters.shape")
    if min(shape) < 1 or math.prod(shape) > LARGEST_FILTERS:
        raise ValueError(f"filters.shape is {shape}, and must be above 0, and not more than {LARGEST_FILTERS:,} numbers together")
    content = bytes_of(given.get("float32"), "filters.float32")
    if len(content) != 4 * math.prod(shape):
        raise ValueError(f"filters.float32 has {len(content):,} bytes, and must have {4 * math.prod(shape):,}")
    return Filters(filters=torch.from_numpy(np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)))


def view(page: RunPage) -> FiltersView | None:
    """The filters as images, if the model has any."""
    kept = page.part(Filters)
    if kept is None or kept.filters is None:
        return None
    images = filter_images(kept.filters)
    return FiltersView(images=images, all=kept.filters.shape[0]) if images else None


SECTION = Section(name="filters", view=view, part=Part(kind=Filters, collect=collect, write=write, read=read))
