"""Whether the service lives and can answer, and its figures: for whoever watches it."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from alexnet.serve.metrics import CONTENT_TYPE
from alexnet.serve.service import Service


def health_routes(service: Service) -> APIRouter:
    """The routes, for this service."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/healthz", summary="The process answers")
    async def healthz() -> JSONResponse:
        """200 as long as the process lives."""
        return JSONResponse({"status": "alive"})

    @routes.get("/readyz", summary="New requests are welcome", responses={503: {"description": "The service is ending"}})
    async def readyz() -> JSONResponse:
        """200 while new requests are welcome, 503 once the service is ending."""
        return JSONResponse({"status": "ending"}, 503) if service.state.closing else JSONResponse({"status": "ready"})

    @routes.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def metrics() -> Response:
        """All counts and times in Prometheus's text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return routes
