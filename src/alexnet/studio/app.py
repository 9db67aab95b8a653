"""The studio as one ASGI application: its routes, its refusals in the reader's language, its queue while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.responses import Response

from alexnet._version import __version__
from alexnet.errors import AlexNetError, CannotWrite, UnreadableImage
from alexnet.i18n.translate import translated
from alexnet.i18n.units import data_size
from alexnet.serve.errors import answer_errors_as_json
from alexnet.serve.guard import Guard
from alexnet.studio.bodies import BodyLimit, BodyTooLarge
from alexnet.studio.json_answer import JsonAnswer
from alexnet.studio.page import language, page_routes
from alexnet.studio.receiving import disk_refusal
from alexnet.studio.refusal import Refusal
from alexnet.studio.routes.data import data_routes
from alexnet.studio.routes.images import image_routes
from alexnet.studio.routes.models import model_routes
from alexnet.studio.routes.overview import overview_routes
from alexnet.studio.routes.reports import report_routes
from alexnet.studio.routes.steps import step_routes
from alexnet.studio.routes.taking import taking_routes
from alexnet.studio.routes.trainings import training_routes
from alexnet.studio.routes.watching import watching_routes
from alexnet.studio.studio import Studio

ROUTES = (
    data_routes,
    step_routes,
    image_routes,
    training_routes,
    overview_routes,
    watching_routes,
    model_routes,
    taking_routes,
    report_routes,
    page_routes,
)


def create_app(studio: Studio, *, token: str, local: bool, cookie: str) -> FastAPI:
    """The application; `local`: it answers only requests that name this machine."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        turning = asyncio.create_task(studio.queue.run())
        try:
            yield
        finally:
            turning.cancel()
            with suppress(asyncio.CancelledError):
                await turning
            studio.close()

    app = FastAPI(
        title="alexnet studio",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        default_response_class=JsonAnswer,
    )
    for routes in ROUTES:
        app.include_router(routes(studio))
    answer_errors_as_json(app)
    _answer_refusals(app)
    app.add_middleware(BodyLimit, most=studio.limits.json_bytes)
    app.add_middleware(Guard, token=token, local=local, cookie=cookie, closing=lambda: studio.state.closing)
    return app


def _answer_refusals(app: FastAPI) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return JsonAnswer({"error": error.text(language(request))}, error.status)

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, UnreadableImage)
        return await refused(request, Refusal("unreadable", 422, reason=error.reason))

    async def too_large(request: Request, error: Exception) -> Response:
        assert isinstance(error, BodyTooLarge)
        return await refused(request, Refusal("too_large", 413, most=data_size(error.most)))

    async def unwritable(request: Request, error: Exception) -> Response:
        return JsonAnswer({"error": translated(str(error), language(request))}, 507)

    async def mistake(request: Request, error: Exception) -> Response:
        return JsonAnswer({"error": translated(str(error), language(request))}, 422)

    async def system(request: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)
        return await refused(request, disk_refusal(error))

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(UnreadableImage, unreadable)
    app.add_exception_handler(BodyTooLarge, too_large)
    app.add_exception_handler(CannotWrite, unwritable)
    app.add_exception_handler(OSError, system)
    app.add_exception_handler(AlexNetError, mistake)
