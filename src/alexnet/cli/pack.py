"""`alexnet pack`."""

import os
from collections.abc import Callable
from typing import Any

from alexnet.cli.options import Json, Workers
from alexnet.cli.output import show, tell


def pack(data: str, out: str, /, *, size: int = 256, quality: int = 90, workers: Workers = None, json: Json = False) -> None:
    """Make of a data set one zip that opens at once: images of one size, read by position. Broken off, the same command goes on.

    Parameters
    ----------
    data
        A folder, an archive, a named data set, or imagenet:DIR.
    out
        The zip to write; it is a data set like any other.
    size
        Short side of the images in pixels; smaller ones are not enlarged.
    quality
        Of the JPEGs, 1 to 100; a JPEG that is small enough is copied byte for byte.
    workers
        Threads that decode; as many as there are processors if none are said. The file is the same for any number.
    json
        Print one JSON object and nothing else.
    """
    from pathlib import Path

    from alexnet.cli.progress import Screen
    from alexnet.data.open import open_dataset
    from alexnet.data.packs.writer import pack as pack_dataset
    from alexnet.runtime.events import Reading
    from alexnet.runtime.interrupts import stop_on_signals

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice]
        summary = pack_dataset(
            open_dataset(data),
            Path(out).expanduser(),
            size=size,
            quality=quality,
            workers=os.cpu_count() or 1 if workers is None else workers,
            on_progress=lambda done, total: tell(listeners, Reading(done, total)),
            should_stop=stop.asked,
        )
    show(json, summary.to_json(), summary.lines)
