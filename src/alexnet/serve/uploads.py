"""The images in the body of a request: multipart files, base64 in JSON, or one encoded image as it is.

The body is read into memory up to its limit, so that nothing a client sends is written to the disk; names of files are labels for the
answer, and never become paths.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from alexnet.i18n.units import readable
from alexnet.serve.admission import Admitted
from alexnet.serve.limits import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

LONGEST_NAME = 200  # characters of a file's name that come back
MOST_PARTS = 1_000  # of a multipart body, images or not
HEADER_BYTES = 8_192  # of one part
LINGER_BYTES, LINGER_SECONDS = 1 << 20, 2.0  # of a body that is refused already


@dataclass(frozen=True, slots=True)
class Upload:
    """One encoded image, under the name that its answer bears."""

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonImages:
    """The body of a JSON request: encoded images in base64."""

    images: list[bytes]


async def body_of(request: Request, limits: Limits, admitted: Admitted) -> bytes:
    """The whole body; raises HTTPException 408, 413, 415 or 503."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise HTTPException(415, f"The body is compressed ({encoding[:30]}). Send it uncompressed: images are compressed already.")
    announced, parts = request.headers.get("content-length", "0"), request.stream()
    if announced.isdecimal() and int(announced[:20]) > limits.body_bytes:
        if request.headers.get("expect", "").lower() != "100-continue":  # who waits for leave sends nothing
            await _read_on(parts)
        raise _too_long(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in parts:
                if len(body) + len(part) > limits.body_bytes:
                    await _read_on(parts)
                    raise _too_long(limits)
                admitted.add(size=len(part))
                body += part
    except TimeoutError:
        raise HTTPException(408, f"The body did not arrive within {limits.body_seconds:g} seconds.", {"Connection": "close"}) from None
    return bytes(body)


async def _read_on(parts: AsyncIterator[bytes]) -> None:
    """Drop a little more of a refused body: a connection that is closed on bytes nobody read is reset, and the answer lost with it."""
    left = LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            async for part in parts:
                left -= len(part)
                if left < 0:
                    return


def _too_long(limits: Limits) -> HTTPException:
    reason = f"The body has more than {limits.body_bytes:,} bytes, the limit of this service. Send fewer or smaller images."
    return HTTPException(413, reason, {"Connection": "close"})


async def uploads_of(request: Request, limits: Limits, admitted: Admitted) -> list[Upload]:
    """The images of a request, at least one; room for them is reserved. Raises HTTPException for a body that is something else."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    read = _reader(kind.decode("latin-1").lower(), options)
    uploads = read(await body_of(request, limits, admitted))
    if not uploads:
        raise HTTPException(422, "The request holds no image.")
    if len(uploads) > limits.images:
        raise HTTPException(413, f"The request holds {len(uploads):,} images; the limit of this service is {limits.images}.")
    admitted.add(images=len(uploads) - 1)
    return uploads


def _reader(kind: str, options: dict[bytes, bytes]) -> Callable[[bytes], list[Upload]]:
    """How a body of this media type is read; raises HTTPException 415 for another type, before the body is read."""
    if kind == "multipart/form-data":
        return lambda body: multipart_files(body, options.get(b"boundary", b""))
    if kind == "application/json":
        return json_images
    if kind == "application/octet-stream" or kind.startswith("image/"):
        return lambda body: [Upload("image", body)] if body else []
    raise HTTPException(415, "Send images as multipart/form-data, as application/json with base64, or one as image/*.")


def json_images(body: bytes) -> list[Upload]:
    """The images of a JSON body; raises HTTPException 422."""
    try:
        parsed = msgspec.json.decode(body, type=JsonImages)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(422, f'The body is not {{"images": [base64, ...]}}: {error}.') from None
    return [Upload(f"image {number}", content) for number, content in enumerate(parsed.images, start=1)]


def multipart_files(body: bytes, boundary: bytes) -> list[Upload]:
    """The parts of a multipart body that are files; raises HTTPException 422 for a damaged body."""
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks(), max_header_size=HEADER_BYTES)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise HTTPException(422, f"The multipart body is damaged: {error}.") from None
    return parts.files


class _Parts:
    """Collects the files of a multipart body from the parser's calls."""

    def __init__(self) -> None:
        self.files: list[Upload] = []
        self.seen = 0
        self._field, self._value, self._disposition, self._content = b"", b"", b"", bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self.seen += 1
        if self.seen > MOST_PARTS:
            raise ValueError(f"it has more than {MOST_PARTS:,} parts")
        self._field, self._value, self._disposition, self._content = b"", b"", b"", bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field, self._value = b"", b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if (name := options.get(b"filename")) is not None:
            self.files.append(Upload(shown_name(name.decode("utf-8", "replace"), len(self.files) + 1), bytes(self._content)))


def shown_name(name: str, number: int) -> str:
    """A client's name for a file, as a label: without its folders, control characters and excess length."""
    last = readable(name.replace("\\", "/").rsplit("/", 1)[-1])[:LONGEST_NAME]
    return last or f"image {number}"
