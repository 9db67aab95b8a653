"""Images into data sets, and their thumbnails."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from alexnet.studio.adding import add_image, layout_of, make_folders
from alexnet.studio.corrections import renew_table
from alexnet.studio.datasets import DataSet, Place, Split
from alexnet.studio.receiving import received
from alexnet.studio.refusal import Refusal
from alexnet.studio.run_images import thumbnail_of_file
from alexnet.studio.studio import Studio

MOST_PATHS = 200_000  # of a dropped folder, in one request
KEPT = {"Cache-Control": "private, max-age=3600"}


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of the images of a dropped folder."""

    paths: list[str]


def _renew(studio: Studio, data: DataSet) -> None:
    with studio.data_sets.changing:
        renew_table(data)


def image_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api/data/{name}")
    limits = studio.limits

    @routes.put("/images")
    async def add(name: str, request: Request, class_name: str, split: Split = None, shown: str = "image") -> dict[str, Any]:
        """One encoded image as the body. `shown` is its sender's name for it, used in messages alone."""
        data = studio.data_sets.find(name)
        data.folder(class_name, split)  # refuses an unknown class before the image is read
        async with received(request, studio.workspace.uploads, limits.image_bytes, limits) as file:
            place, known = await asyncio.to_thread(add_image, data, file, class_name, split, shown[:200], limits)
        if not known:
            await asyncio.to_thread(_renew, studio, data)
        return {**asdict(place), "known": known}

    @routes.post("/layout")
    def layout(name: str, wanted: Paths) -> list[dict[str, Any]]:
        """The class and split of each image of a dropped folder; the folders of the classes are made."""
        if len(wanted.paths) > MOST_PATHS:
            raise Refusal("too_many_files", 413, most=MOST_PATHS)
        data = studio.data_sets.find(name)
        laid = layout_of(data, wanted.paths)
        make_folders(data, {(one.class_name, one.split) for one in laid if one.class_name is not None})
        return [asdict(one) for one in laid]

    @routes.put("/archive", status_code=202)
    async def archive(name: str, request: Request, shown: str = "archive") -> dict[str, Any]:
        """A zip or tar of class folders as the body; it is taken apart in the background."""
        data = studio.data_sets.find(name)
        async with received(request, studio.workspace.uploads, limits.archive_bytes, limits) as file:
            studio.arrivals.begin(data, file, shown[:200])
        return {}

    @routes.get("/thumbnail")
    def thumbnail(name: str, class_name: str, file: str, split: Split = None) -> Response:
        path = studio.data_sets.find(name).file(Place(class_name, split, file))
        return Response(thumbnail_of_file(path), media_type="image/jpeg", headers=KEPT)

    return routes
