"""Moving and deleting images of data sets; each step can be undone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from alexnet.studio import bin as waste
from alexnet.studio.corrections import renew_table
from alexnet.studio.datasets import DataSet, Place, Split
from alexnet.studio.queue import ENDED
from alexnet.studio.refusal import Refusal
from alexnet.studio.routes.data import Named
from alexnet.studio.studio import Studio


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a data set, as the listing has it."""

    class_name: str
    file: str
    split: Split = None

    def place(self) -> Place:
        """Where it is."""
        return Place(self.class_name, self.split, self.file)


@dataclass(frozen=True, slots=True)
class Images:
    """Some of them, and the class that they go to."""

    images: list[Image]
    to: str = ""


def step_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api/data")

    @routes.post("/{name}/classes/remove")
    def remove_class(name: str, wanted: Named) -> dict[str, Any]:
        return _stepped(studio, name, lambda data: waste.remove_class(data, wanted.name))

    @routes.post("/{name}/move")
    def move(name: str, wanted: Images) -> dict[str, Any]:
        return _stepped(studio, name, lambda data: waste.move(data, [one.place() for one in wanted.images], wanted.to))

    @routes.post("/{name}/delete")
    def delete(name: str, wanted: Images) -> dict[str, Any]:
        return _stepped(studio, name, lambda data: waste.delete(data, [one.place() for one in wanted.images]))

    @routes.post("/{name}/undo")
    def undo(name: str) -> dict[str, Any]:
        return _stepped(studio, name, waste.undo)

    @routes.post("/{name}/empty-bin")
    def empty(name: str) -> dict[str, Any]:
        with studio.data_sets.changing:
            waste.empty(studio.data_sets.find(name))
        return {}

    @routes.post("/{name}/drop")
    async def drop(name: str) -> dict[str, Any]:
        """Put a whole data set away, into the hidden bin beside the data sets."""
        return await asyncio.to_thread(_dropped, studio, name)

    return routes


def _stepped(studio: Studio, name: str, do: Callable[[DataSet], waste.Step]) -> dict[str, Any]:
    """Do a step while nobody else changes a data set, and keep the table of its split up to date."""
    with studio.data_sets.changing:
        data = studio.data_sets.find(name)
        step = do(data)
        renew_table(data, dict(step.moves), step.judging)
    return {"moved": len(step.moves)}


def _dropped(studio: Studio, name: str) -> dict[str, Any]:
    with studio.data_sets.changing:
        data = studio.data_sets.find(name)
        place = studio.workspace.data / ".bin"
        place.mkdir(exist_ok=True)
        number = next(n for n in range(1, 1_000_000) if not (place / f"{data.name}-{n}").exists())
        if any(str(data.path) in job.request.words for job in studio.queue.jobs() if job.state() not in ENDED):
            raise Refusal("data_set_used", 409, name=name)
        data.path.replace(place / f"{data.name}-{number}")
    return {"place": str(place / f"{data.name}-{number}")}
