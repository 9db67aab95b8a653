"""Tensors of the Open Inference Protocol, version 2: JSON, or JSON with binary data behind it. Independent of models.

A BYTES tensor holds encoded images: in binary data each is preceded by its length (4 bytes, little endian), in JSON it is base64, since
JSON cannot hold bytes. Source: the protocol's "Inference Request JSON Object", and its binary tensor data extension.
"""

import base64
import binascii
import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from fastapi import HTTPException
from numpy.typing import NDArray

LENGTH = 4  # bytes in front of each element of a BYTES tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A tensor of a request: an input with its data, or an output that is asked for."""

    name: str
    datatype: str = ""
    shape: list[int] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    data: list[Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InferRequest:
    """The JSON of `POST /v2/models/M/infer`."""

    inputs: list[Named]
    outputs: list[Named] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


def split_body(body: bytes, header_length: str | None) -> tuple[InferRequest, memoryview]:
    """The JSON of a request and the binary data behind it; raises HTTPException 400 for damage."""
    length = len(body) if header_length is None else int(header_length) if header_length.isdecimal() and len(header_length) < 12 else -1
    if not 0 <= length <= len(body):
        raise HTTPException(400, "Inference-Header-Content-Length is not the length of the JSON in the body.")
    try:
        return msgspec.json.decode(body[:length], type=InferRequest), memoryview(body)[length:]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, f"The body is not an inference request: {error}.") from None


def raw_data(tensor: Named, rest: memoryview) -> tuple[memoryview | None, memoryview]:
    """The tensor's binary data, if it has any, and what is left for the next one; raises HTTPException 400."""
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        return None, rest
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(rest):
        raise HTTPException(400, f"binary_data_size of '{tensor.name}' is not the length of data in the body.")
    return rest[:size], rest[size:]


def pixels_of(tensor: Named, raw: memoryview | None) -> NDArray[np.uint8]:
    """A UINT8 tensor in its shape; raises HTTPException 400 if data and shape disagree."""
    values = np.frombuffer(raw, np.uint8) if raw is not None else _json_pixels(tensor)
    if any(side < 1 for side in tensor.shape) or math.prod(tensor.shape) != values.size:
        raise HTTPException(400, f"'{tensor.name}' has {values.size:,} values, which do not fill its shape {tensor.shape[:8]}.")
    return values.reshape(tensor.shape)


def _json_pixels(tensor: Named) -> NDArray[np.uint8]:
    try:
        values = np.asarray(tensor.data or [])
    except ValueError:
        values = np.asarray([None])
    if values.dtype.kind != "i" or values.size == 0 or values.min() < 0 or values.max() > 255:
        raise HTTPException(400, f"'{tensor.name}' is UINT8: its data are whole numbers from 0 to 255, nested evenly or not at all.")
    return values.astype(np.uint8).ravel()


def elements_of(tensor: Named, raw: memoryview | None, most: int) -> list[bytes]:
    """The elements of a BYTES tensor, at most `most`; raises HTTPException 400 or 413."""
    elements = _json_elements(tensor) if raw is None else _framed_elements(tensor, raw, most)
    if len(elements) > most:
        raise HTTPException(413, f"'{tensor.name}' holds {len(elements):,} images; the limit of this service is {most}.")
    if any(side < 1 for side in tensor.shape) or math.prod(tensor.shape) != len(elements):
        raise HTTPException(400, f"'{tensor.name}' has {len(elements):,} elements, which do not fill its shape {tensor.shape[:8]}.")
    return elements


def _json_elements(tensor: Named) -> list[bytes]:
    try:
        return [base64.b64decode(one, validate=True) for one in tensor.data or []]
    except (TypeError, ValueError, binascii.Error):
        raise HTTPException(400, f"'{tensor.name}' is BYTES: in JSON each element is an encoded image in base64.") from None


def _framed_elements(tensor: Named, raw: memoryview, most: int) -> list[bytes]:
    elements: list[bytes] = []
    at = 0
    while at < len(raw) and len(elements) <= most:
        size = int.from_bytes(raw[at : at + LENGTH], "little")
        at += LENGTH
        if at + size > len(raw):
            raise HTTPException(400, f"'{tensor.name}' is BYTES: the length in front of an element exceeds the data.")
        elements.append(bytes(raw[at : at + size]))
        at += size
    return elements


def framed(elements: list[bytes]) -> bytes:
    """Elements of a BYTES tensor as binary data."""
    return b"".join(len(one).to_bytes(LENGTH, "little") + one for one in elements)
