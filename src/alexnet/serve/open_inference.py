"""The Open Inference Protocol, version 2 (KServe, Triton): `/v2`.

Each model takes one input, `image` (UINT8, [n, 3, H, W]) or `encoded` (BYTES, [n], image files), and returns `probabilities` (FP32,
[n, classes]). With the parameter `classification: k` an output is BYTES instead, "probability:index:class" of the best k, as Triton does.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray

from alexnet._version import __version__
from alexnet.errors import UnreadableImage
from alexnet.serve.models import LoadedModel
from alexnet.serve.predict import REFUSALS
from alexnet.serve.served_classifier import Row, Square
from alexnet.serve.service import Service, unreadable
from alexnet.serve.tensors import InferRequest, Named, elements_of, framed, pixels_of, raw_data, split_body
from alexnet.serve.uploads import Upload, body_of

LENGTH_HEADER = "Inference-Header-Content-Length"
OUTPUT = "probabilities"
INFER_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object", "required": ["inputs"]}}}}}


def inference_routes(service: Service) -> APIRouter:
    """The routes, for this service."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @routes.get("", summary="The server")
    async def server() -> JSONResponse:
        """Name, version and extensions."""
        return JSONResponse({"name": "alexnet", "version": __version__, "extensions": ["binary_tensor_data", "classification"]})

    @routes.get("/health/live", summary="The process answers")
    async def live() -> JSONResponse:
        """200 as long as the process lives."""
        return JSONResponse({"live": True})

    @routes.get("/health/ready", summary="New requests are welcome", responses={503: {"description": "The service is ending"}})
    async def ready() -> JSONResponse:
        """200 while new requests are welcome."""
        return JSONResponse({"ready": not service.state.closing}, 503 if service.state.closing else 200)

    @routes.get("/models/{name}", responses=REFUSALS, summary="Inputs and outputs of a model")
    @routes.get("/models/{name}/versions/{version}", responses=REFUSALS, include_in_schema=False)
    async def metadata(name: str, version: str = "") -> JSONResponse:
        """The tensors that the model takes and returns."""
        return JSONResponse(model_metadata(_found(service, name, version)))

    @routes.get("/models/{name}/ready", responses=REFUSALS, summary="Whether a model can answer")
    @routes.get("/models/{name}/versions/{version}/ready", responses=REFUSALS, include_in_schema=False)
    async def model_ready(name: str, version: str = "") -> JSONResponse:
        """200 for a model of this service."""
        return JSONResponse({"name": _found(service, name, version).name, "ready": True})

    @routes.post("/models/{name}/infer", responses=REFUSALS, openapi_extra=INFER_BODY, summary="Classify images")
    @routes.post("/models/{name}/versions/{version}/infer", responses=REFUSALS, include_in_schema=False)
    async def infer(request: Request, name: str, version: str = "") -> Response:
        """The probabilities of each image. An image that cannot be read refuses the request: a tensor has no place for a reason."""
        loaded = _found(service, name, version)
        with service.admission.request() as admitted:
            body = await body_of(request, service.limits, admitted)
            asked, binary = split_body(body, request.headers.get(LENGTH_HEADER))
            outputs = _outputs(asked)
            images = _images(asked, binary, service.limits.images)
            admitted.add(images=len(images) - 1)
            async with service.time_limit(service.limits.answer_seconds):
                rows = _readable(await service.rows(loaded, await service.fitted(loaded, images)))
        return _answer(loaded, asked, outputs, rows)

    return routes


def _found(service: Service, name: str, version: str) -> LoadedModel:
    loaded = service.models.find(name)
    if version not in ("", str(loaded.version)):
        raise HTTPException(404, f"'{name}' has version {loaded.version} and no version '{version}'.")
    return loaded


def model_metadata(loaded: LoadedModel) -> dict[str, Any]:
    """The description of a model in the protocol."""
    size = loaded.classifier.stored_size
    return {
        "name": loaded.name,
        "versions": [str(loaded.version)],
        "platform": "alexnet",
        "inputs": [
            {"name": "image", "datatype": "UINT8", "shape": [-1, 3, size, size]},
            {"name": "encoded", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, len(loaded.classifier.classes)]}],
    }


def _images(asked: InferRequest, binary: memoryview, most: int) -> list[Square | Upload]:
    """The images of the only input; raises HTTPException for another input, and for data that do not fit its shape."""
    if len(asked.inputs) != 1:
        raise HTTPException(400, f"The request has {len(asked.inputs)} inputs; send one, 'image' or 'encoded'.")
    tensor = asked.inputs[0]
    raw, rest = raw_data(tensor, binary)
    if len(rest):
        raise HTTPException(400, f"The body has {len(rest):,} bytes that belong to no input.")
    if (tensor.name, tensor.datatype) == ("encoded", "BYTES"):
        return [Upload(f"image {number}", one) for number, one in enumerate(elements_of(tensor, raw, most), start=1)]
    if (tensor.name, tensor.datatype) != ("image", "UINT8"):
        raise HTTPException(400, f"There is no input '{tensor.name[:80]}' of {tensor.datatype[:20]}: 'image' is UINT8, 'encoded' BYTES.")
    if len(tensor.shape) != 4 or tensor.shape[1] != 3:
        raise HTTPException(400, f"'image' has shape {tensor.shape[:8]}; it must be [n, 3, height, width].")
    pixels = pixels_of(tensor, raw)
    if len(pixels) > most:
        raise HTTPException(413, f"'image' holds {len(pixels):,} images; the limit of this service is {most}.")
    return list(pixels.copy())


def _readable(rows: Sequence[Row | UnreadableImage]) -> list[Row]:
    readable: list[Row] = []
    for row in rows:
        if isinstance(row, UnreadableImage):
            raise unreadable(row)
        readable.append(row)
    return readable


def _outputs(asked: InferRequest) -> list[Named]:
    """The outputs that are asked for: `probabilities`, unless the request says otherwise."""
    outputs = asked.outputs or [Named(name=OUTPUT, parameters={"binary_data": asked.parameters.get("binary_data_output") is True})]
    for output in outputs:
        if output.name != OUTPUT:
            raise HTTPException(400, f"There is no output '{output.name[:80]}'; there is '{OUTPUT}'.")
    return outputs[:1]


def _answer(loaded: LoadedModel, asked: InferRequest, outputs: Sequence[Named], rows: Sequence[Row]) -> Response:
    """The response, with the tensor in the JSON or behind it, as asked."""
    parameters = outputs[0].parameters
    probabilities = np.stack([row.probabilities for row in rows])
    tensor, elements = _output(loaded, parameters.get("classification"), probabilities, rows)
    answer = {"model_name": loaded.name, "model_version": str(loaded.version), **({"id": asked.id} if asked.id else {})}
    if parameters.get("binary_data") is not True:
        data: list[Any] = probabilities.ravel().tolist() if elements is None else [one.decode() for one in elements]
        return JSONResponse(answer | {"outputs": [tensor | {"data": data}]})
    raw = probabilities.astype("<f4").tobytes() if elements is None else framed(elements)
    head = json.dumps(answer | {"outputs": [tensor | {"parameters": {"binary_data_size": len(raw)}}]}).encode()
    return Response(head + raw, media_type="application/octet-stream", headers={LENGTH_HEADER: str(len(head))})


def _output(
    loaded: LoadedModel, count: object, probabilities: NDArray[np.float32], rows: Sequence[Row]
) -> tuple[dict[str, Any], list[bytes] | None]:
    """Name, datatype and shape of the output, and its elements if it is BYTES."""
    if not count:
        return {"name": OUTPUT, "datatype": "FP32", "shape": list(probabilities.shape)}, None
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise HTTPException(400, "classification must be a whole number of classes, at least 1.")
    best = [row.best(count) for row in rows]
    elements = [f"{value:f}:{number}:{loaded.classifier.classes[number]}".encode() for one in best for number, value in one]
    return {"name": OUTPUT, "datatype": "BYTES", "shape": [len(best), len(best[0])]}, elements
