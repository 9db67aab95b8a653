"""`POST /v1/predict` and `GET /v1/models`."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from alexnet.errors import UnreadableImage
from alexnet.serve.answers import Error, Models, Predictions
from alexnet.serve.models import LoadedModel, ServedModel
from alexnet.serve.served_classifier import Row
from alexnet.serve.service import Service, top_classes
from alexnet.serve.uploads import Upload, uploads_of

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "The request is damaged"},
    401: {"model": Error, "description": "The token is missing or wrong"},
    403: {"model": Error, "description": "A page of another site asks"},
    404: {"model": Error, "description": "There is no such model"},
    408: {"model": Error, "description": "The body did not arrive in time"},
    413: {"model": Error, "description": "The body or its images exceed a limit"},
    415: {"model": Error, "description": "The body is of another media type"},
    421: {"model": Error, "description": "The request names another host"},
    422: {"model": Error, "description": "A value is wrong, or no image can be read"},
    503: {"model": Error, "description": "The service is busy; Retry-After says for how long"},
}
ENCODED = {"type": "string", "format": "binary"}
IMAGES_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "minItems": 1, "items": ENCODED}},
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["images"],
                    "properties": {"images": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "byte"}}},
                }
            },
            "image/*": {"schema": ENCODED},
        },
    }
}
ModelName = Annotated[str | None, Query(description="The model's name; the first one if it is left out", max_length=300)]


def prediction_routes(service: Service) -> APIRouter:
    """The routes, for this service."""
    routes = APIRouter(prefix="/v1", tags=["Prediction"])
    limits = service.limits

    @routes.post("/predict", responses={200: {"model": Predictions}, **REFUSALS}, openapi_extra=IMAGES_BODY, summary="Classify images")
    async def predict(
        request: Request, model: ModelName = None, top: Annotated[int, Query(ge=1, le=limits.most_top)] = limits.top
    ) -> JSONResponse:
        """The most likely classes of each image. An image that cannot be read has an error instead; if none can be read, 422."""
        loaded = service.models.find(model)
        with service.admission.request() as admitted:
            uploads = await uploads_of(request, limits, admitted)
            async with service.time_limit(limits.answer_seconds):
                rows = await service.rows(loaded, await service.fitted(loaded, uploads))
        predictions = [_prediction(loaded, upload, row, top) for upload, row in zip(uploads, rows, strict=True)]
        answer = {"model": loaded.name, "predictions": predictions}
        if all(one["error"] is not None for one in predictions):
            return JSONResponse(answer | {"error": f"No image can be read: the first {predictions[0]['error']}."}, 422)
        return JSONResponse(answer)

    @routes.get("/models", responses={200: {"model": Models}}, summary="The models of this service")
    async def models() -> JSONResponse:
        """All models; the first is the one that requests without a name mean."""
        return JSONResponse({"models": [described(served) for served in service.models.by_name.values()]})

    @routes.get("/models/{name}", responses={404: {"model": Error}}, summary="One model, with its scores")
    async def one_model(name: str) -> JSONResponse:
        """The description of one model."""
        if name not in service.models.by_name:
            raise HTTPException(404, f"There is no model '{name}'.")
        return JSONResponse(described(service.models.by_name[name]))

    return routes


def _prediction(loaded: LoadedModel, upload: Upload, row: Row | UnreadableImage, top: int) -> dict[str, Any]:
    if isinstance(row, UnreadableImage):
        return {"file": upload.name, "top": [], "error": row.reason, "unlike": None}
    return {"file": upload.name, "top": top_classes(loaded, row, top), "error": None, "unlike": row.unlike}


def described(served: ServedModel) -> dict[str, Any]:
    """A model as `GET /v1/models` shows it."""
    loaded = served.current
    return {"name": served.name, "version": loaded.version, "reload_error": served.reload_error, **loaded.classifier.described()}
