"""A run while somebody watches: its events, its filters, and the images that it learns from."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from alexnet.runs.live import FILTERS
from alexnet.storage.regular_files import read_regular
from alexnet.studio.refusal import Refusal
from alexnet.studio.studio import Studio


def watching_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api/runs/{run}")

    @routes.get("/events")
    async def events(run: str) -> StreamingResponse:
        """Server-sent events: the run as it is, then what changes."""

        async def messages() -> AsyncIterator[str]:
            async for message in studio.watches.of(run).messages():
                yield message

        if studio.queue.of_run(run) is None:
            studio.workspace.run(run)
        return StreamingResponse(messages(), media_type="text/event-stream")

    @routes.get("/filters")
    def filters(run: str) -> Response:
        try:
            content = read_regular(studio.workspace.run(run) / "live" / FILTERS)
        except OSError:
            raise Refusal("no_image", 404, name=FILTERS) from None
        return Response(content, media_type="image/png")

    @routes.get("/image")
    def image(run: str, file: str) -> Response:
        content = studio.images.thumbnail(studio.workspace.run(run), file)
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    return routes
