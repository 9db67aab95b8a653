"""`POST /v1/explain`: which parts of an image the answer depends on, as numbers and as colour over the image."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from alexnet.data.images.encode import png_of
from alexnet.errors import UnreadableImage, did_you_mean
from alexnet.inference.occluded import occluded
from alexnet.pages.overlay import overlaid
from alexnet.serve.answers import Explanation
from alexnet.serve.models import LoadedModel
from alexnet.serve.predict import IMAGES_BODY, REFUSALS, ModelName
from alexnet.serve.served_classifier import Square
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


def _explained(loaded: LoadedModel, square: Square, index: int | None) -> dict[str, Any]:
    classifier = loaded.classifier
    row = classifier.probabilities(square[None])[0]
    chosen = int(row.argmax()) if index is None else index
    losses = occluded(classifier.probabilities, square, classifier.image_size, chosen)
    coarse = averaged(losses, min(MAP_SIDE, len(losses)))
    return {
        "class": classifier.classes[chosen],
        "probability": float(row[chosen]),
        "height": coarse.shape[0],
        "width": coarse.shape[1],
        "map": [[round(value, 5) for value in line] for line in coarse.tolist()],
        "overlay": base64.b64encode(png_of(overlaid(square, losses))).decode(),
    }


def averaged(map_: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """A square map as `side` x `side` means; where its side is no multiple, neighbouring means share a row."""
    size = len(map_)
    first = np.arange(side) * size // side
    last = -(-(np.arange(side) + 1) * size // side)
    sums = np.pad(map_.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[last] - sums[first]
    areas = np.outer(last - first, last - first)
    means: NDArray[np.float64] = (rows[:, last] - rows[:, first]) / areas
    return means
