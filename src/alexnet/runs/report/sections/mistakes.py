"""The misclassified images with the highest confidence. report.json stores them as PNG in base64."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from alexnet.data.images.decode import decode
from alexnet.data.images.encode import png_bytes
from alexnet.errors import UnreadableImage
from alexnet.evaluation.evaluate import worst_mistakes
from alexnet.pages.plots import data_uri
from alexnet.runs.report.part import WHOLE, FinishedRun, Part, values_of
from alexnet.runs.report.section import RunPage, Section
from alexnet.runs.report.stored_bytes import bytes_of
from alexnet.storage.records import convert

MOST_MISTAKES = 24
LARGEST_IMAGE = 4_000_000  # pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """A misclassified image.

    image: uint8 (3, H, W). true, predicted: class names. probability: of the predicted class, 0 to 1.
    """

    image: Tensor
    name: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistakes:
    """mistakes: by confidence, highest first; MOST_MISTAKES are written and shown."""

    mistakes: Sequence[Mistake] = ()


def collect(finished: FinishedRun) -> Mistakes:
    """The worst mistakes of the first evaluation, with their images."""
    worst = worst_mistakes(finished.first, MOST_MISTAKES)
    shown = finished.store.stream([[mistake.index] for mistake in worst])
    names = [finished.dataset.items[mistake.index].name for mistake in worst]
    return Mistakes(
        mistakes=[
            Mistake(image=image[0], name=name, true=mistake.true, predicted=mistake.predicted, probability=mistake.probability)
            for image, name, mistake in zip(shown, names, worst, strict=True)
        ]
    )


def write(part: Mistakes) -> Mapping[str, Any]:
    """The first MOST_MISTAKES, their images encoded."""
    shown = part.mistakes[:MOST_MISTAKES]
    return {"mistakes": [{**values_of(each), "image": base64.b64encode(png_bytes(each.image)).decode()} for each in shown]}


def read(values: Mapping[str, Any]) -> Mistakes:
    """The mistakes, checked: neither more nor larger than a page can show."""
    stored = convert(tuple[Any, ...], values.get("mistakes") if values.get("mistakes") is not None else [], "mistakes")
    return convert(Mistakes, {"mistakes": [_with_image(one, place) for place, one in enumerate(stored)]}, WHOLE)


def _with_image(stored: object, place: int) -> Mapping[str, Any]:
    name = f"mistakes[{place}]"
    if place >= MOST_MISTAKES:
        raise ValueError(f"it holds more than {MOST_MISTAKES} mistakes")
    values = convert(dict, stored, name)
    content = bytes_of(values.get("image", values.get("picture")), f"{name}.image")
    try:
        return {**values, "image": decode(content, f"{name}.image", max_pixels=LARGEST_IMAGE)}
    except UnreadableImage as error:
        raise ValueError(str(error)) from None


def view(page: RunPage) -> Sequence[tuple[Mistake, str]] | None:
    """The mistakes shown, each with its thumbnail as a data: URI."""
    part = page.part(Mistakes)
    return [(mistake, data_uri(mistake.image)) for mistake in part.mistakes[:MOST_MISTAKES]] or None if part else None


SECTION = Section(name="mistakes", view=view, part=Part(kind=Mistakes, collect=collect, write=write, read=read))
