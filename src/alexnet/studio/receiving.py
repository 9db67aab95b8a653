"""A request's body, streamed to a temporary file with its limits. Whatever ends early leaves nothing."""

import asyncio
import errno
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from starlette.requests import ClientDisconnect

from alexnet.i18n.units import data_size
from alexnet.storage.files import PARTIAL
from alexnet.studio.bodies import lift_limit
from alexnet.studio.limits import Limits
from alexnet.studio.refusal import Refusal

BUFFER = 1 << 20


def temporary(uploads: Path) -> Path:
    """A path for a file that is still on its way; it is removed at the next start if nobody else does."""
    return uploads / f"{uuid.uuid4().hex}{PARTIAL}"


def check_room(folder: Path, needed: int, limits: Limits) -> None:
    """Raise Refusal (507) if the disk would have too little left."""
    free = shutil.disk_usage(folder).free
    if free - needed < limits.spare_bytes:
        raise Refusal("disk_full", 507, free=data_size(free), needed=data_size(needed))


@asynccontextmanager
async def received(request: Request, uploads: Path, most: int, limits: Limits) -> AsyncIterator[Path]:
    """The body as a file, which the block may move; what it leaves is removed. Raises Refusal 408, 413 or 507."""
    lift_limit(request.scope)
    announced = request.headers.get("content-length", "")
    size = int(announced[:20]) if announced.isdecimal() else 0
    if size > most:
        raise Refusal("too_large", 413, most=data_size(most))
    check_room(uploads, size, limits)
    place = temporary(uploads)
    try:
        await _write(request, place, most, limits)
        yield place
    finally:
        place.unlink(missing_ok=True)


async def _write(request: Request, place: Path, most: int, limits: Limits) -> None:
    received_bytes, buffer, stream = 0, bytearray(), request.stream()
    try:
        with place.open("wb") as file:
            while True:
                async with asyncio.timeout(limits.silence_seconds):
                    part = await anext(stream, None)
                buffer += part or b""
                received_bytes += len(part or b"")
                if received_bytes > most:
                    raise Refusal("too_large", 413, most=data_size(most))
                if len(buffer) >= BUFFER or part is None:
                    await asyncio.to_thread(file.write, bytes(buffer))
                    buffer.clear()
                if part is None:
                    return
    except (TimeoutError, ClientDisconnect):
        raise Refusal("cut_short", 408) from None
    except OSError as error:
        raise disk_refusal(error) from None


def disk_refusal(error: OSError) -> Refusal:
    """What a full or broken disk means for whoever asked."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal("disk_now_full", 507)
    return Refusal("disk", 507, reason=error.strerror or str(error))
