"""The service as one ASGI application: its routes, its errors as JSON, its threads ended when it ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from alexnet._version import __version__
from alexnet.serve.errors import answer_errors_as_json
from alexnet.serve.explain import explanation_routes
from alexnet.serve.guard import Guard
from alexnet.serve.health import health_routes
from alexnet.serve.open_inference import inference_routes
from alexnet.serve.page import page_routes
from alexnet.serve.predict import prediction_routes
from alexnet.serve.served_classifier import Unanswered
from alexnet.serve.service import Service

OTHER = "other"  # the route of requests that have none, in the metrics


def create_app(service: Service, *, token: str | None = None, local: bool = True, cookie: str = "alexnet") -> FastAPI:
    """The application; `local`: it answers only requests that name this machine. Documentation pages of third parties are left out."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await asyncio.to_thread(service.close)

    app = FastAPI(title="alexnet", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    for routes in (prediction_routes, explanation_routes, inference_routes, health_routes, page_routes):
        app.include_router(routes(service))
    answer_errors_as_json(app)
    _refuse_unanswered(app, service)
    _measure(app, service)
    app.add_middleware(Guard, token=token, local=local, cookie=cookie, closing=lambda: service.state.closing)
    return app


def _refuse_unanswered(app: FastAPI, service: Service) -> None:
    async def unanswered(request: Request, error: Exception) -> Response:
        refusal = service.admission.refusal(str(error))
        return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)

    app.add_exception_handler(Unanswered, unanswered)


def _measure(app: FastAPI, service: Service) -> None:
    @app.middleware("http")
    async def measured(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        started = time.monotonic()
        response = await answer(request)
        route = getattr(request.scope.get("route"), "path", OTHER)
        service.metrics.request(route, response.status_code, time.monotonic() - started)
        return response
