"""Finished runs: trying them on images, correcting them, explaining them."""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from alexnet.runs.folder import RunFolder
from alexnet.studio.corrections import Outcome, correct
from alexnet.studio.page import language
from alexnet.studio.receiving import received
from alexnet.studio.refusal import Refusal
from alexnet.studio.runs import data_of
from alexnet.studio.studio import Studio


def model_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api/runs/{run}")
    limits, workspace = studio.limits, studio.workspace

    async def with_body(request: Request, use: Any) -> Any:
        """`use(content)` in the thread of the models."""
        async with received(request, workspace.uploads, limits.image_bytes, limits) as file:
            content = await asyncio.to_thread(file.read_bytes)
        return await asyncio.get_running_loop().run_in_executor(studio.tries.thread, use, content)

    @routes.post("/try")
    async def try_(run: str, request: Request, shown: str = "image") -> dict[str, Any]:
        """The classes of the image in the body."""
        path = workspace.run(run)
        found: dict[str, Any] = await with_body(request, lambda content: studio.tries.top(path, content, shown[:200]))
        data = studio.data_sets.of_path(data_of(path))
        return found | {"data": data.name if data is not None else None}

    @routes.post("/why")
    async def why(run: str, request: Request, class_name: str) -> dict[str, Any]:
        """What the answer for the image in the body depends on, and the training images that are most like it."""
        path, lang = workspace.run(run), language(request)
        found: dict[str, Any] = await with_body(request, lambda content: studio.tries.why(path, content, "image", class_name, lang))
        return found

    @routes.post("/wrong")
    async def wrong(run: str, request: Request, class_name: str) -> dict[str, Any]:
        """The image in the body goes into the run's data set, for training alone."""
        path = workspace.run(run)
        data = studio.data_sets.of_path(data_of(path))
        if data is None:
            raise Refusal("not_ours", 409, data=data_of(path))
        async with received(request, workspace.uploads, limits.image_bytes, limits) as file:
            outcome = await asyncio.to_thread(_corrected, studio, data.name, path, file, class_name)
        return {"outcome": outcome, "data": data.name}

    @routes.post("/explain", status_code=201)
    def explain(run: str, request: Request) -> dict[str, Any]:
        return {"job": studio.requests.explain(run, language(request)).number}

    return routes


def _corrected(studio: Studio, name: str, path: Path, file: Path, class_name: str) -> Outcome:
    with studio.data_sets.changing:
        return correct(studio.data_sets.find(name), RunFolder(path), file, class_name, studio.limits)
