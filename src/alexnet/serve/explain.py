"""`POST /v1/explain`: which parts of an image the answer depends on, as numbers and as colour over the image."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from torch import Tensor
from torch.nn import functional

from alexnet.data.images.encode import png_bytes
from alexnet.errors import UnreadableImage, did_you_mean
from alexnet.inference.occlusion import occlusion_map
from alexnet.pages.overlay import overlay
from alexnet.serve.answers import Explanation
from alexnet.serve.models import LoadedModel
from alexnet.serve.predict import IMAGES_BODY, REFUSALS, ModelName
from alexnet.serve.service import Service, unreadable
from alexnet.serve.uploads import uploads_of

MAP_SIDE = 28  # numbers per side of the map: two for each patch, which covers a seventh of the image


def explanation_routes(service: Service) -> APIRouter:
    """The route, for this service."""
    routes = APIRouter(prefix="/v1", tags=["Prediction"])
    limits = service.limits

    @routes.post("/explain", responses={200: {"model": Explanation}, **REFUSALS}, openapi_extra=IMAGES_BODY, summary="Explain one answer")
    async def explain(
        request: Request,
        model: ModelName = None,
        class_name: Annotated[str | None, Query(alias="class", description="The class; the most likely one if it is left out")] = None,
    ) -> JSONResponse:
        """The probability that the class loses when a place of the image is covered. It takes hundreds of passes through the model."""
        loaded = service.models.find(model)
        index = None if class_name is None else _index(loaded, class_name)
        with _explanation(service), service.admission.request() as admitted:
            uploads = await uploads_of(request, limits, admitted)
            if len(uploads) > 1:
                raise HTTPException(422, "Send one image: each is explained in a request of its own.")
            async with service.time_limit(limits.explanation_seconds):
                (square,) = await service.fitted(loaded, uploads)
                if isinstance(square, UnreadableImage):
                    raise unreadable(square)
                answer = await asyncio.get_running_loop().run_in_executor(service.explaining, _explained, loaded, square, index)
        return JSONResponse({"model": loaded.name, **answer})

    return routes


@contextmanager
def _explanation(service: Service) -> Iterator[None]:
    """One explanation, until it is answered; raises HTTPException 503 if too many wait already."""
    if service.state.explanations >= service.limits.explanations_in_flight:
        raise service.admission.refusal("The service is explaining other images. Try again after the seconds in Retry-After.")
    service.state.explanations += 1
    try:
        yield
    finally:
        service.state.explanations -= 1


def _index(loaded: LoadedModel, name: str) -> int:
    if name not in loaded.classifier.classes:
        raise HTTPException(422, f"There is no class '{name}'. {did_you_mean(name, loaded.classifier.classes)}")
    return loaded.classifier.classes.index(name)


def _explained(loaded: LoadedModel, square: Tensor, index: int | None) -> dict[str, Any]:
    row = loaded.classifier.probabilities(square[None])[0]
    chosen = int(row.argmax()) if index is None else index
    losses = occlusion_map(loaded.classifier, square, chosen)
    coarse = functional.adaptive_avg_pool2d(losses[None], min(MAP_SIDE, losses.shape[0]))[0]
    return {
        "class": loaded.classifier.classes[chosen],
        "probability": float(row[chosen]),
        "height": coarse.shape[0],
        "width": coarse.shape[1],
        "map": [[round(value, 5) for value in line] for line in coarse.tolist()],
        "overlay": base64.b64encode(png_bytes(overlay(square, losses))).decode(),
    }
