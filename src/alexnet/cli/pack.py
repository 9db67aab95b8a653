"""`alexnet pack`."""

from collections.abc import Callable
from typing import Any

from alexnet.cli.options import FolderLayout, Json, Workers
from alexnet.cli.output import show, tell


def pack(
    data: str,
    out: str,
    /,
    *,
    size: int = 256,
    quality: int = 90,
    layout_of_folders: FolderLayout | None = None,
    labels: str | None = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Pack a data set into one zip that opens quickly: images of one size, read by position. Rerun the same command to resume.

    Parameters
    ----------
    data
        A folder, an archive, a named data set, or imagenet:DIR.
    out
        The zip to write; it is a data set like any other.
    size
        Short side of the images in pixels; smaller ones are not enlarged.
    quality
        JPEG quality, 1 to 100; a JPEG that is small enough already is copied byte for byte.
    layout_of_folders
        What the top folders are, splits or classes, where their names allow both readings.
    labels
        A CSV file with the classes instead of folders: columns file (relative to the data), class and, if there is one, split.
    workers
        Threads that decode images. Default: one per CPU. The file is the same for any number.
    json
        Print one JSON object and nothing else.
    """
    from pathlib import Path

    from alexnet.cli.progress import Screen
    from alexnet.data.verbs import pack as pack_data
    from alexnet.runtime.events import Reading
    from alexnet.runtime.interrupts import stop_on_signals

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice]
        summary = pack_data(
            data,
            Path(out).expanduser(),
            size=size,
            quality=quality,
            layout_of_folders=layout_of_folders,
            labels=labels,
            workers=workers,
            on_progress=lambda done, total: tell(listeners, Reading(done, total)),
            should_stop=stop.asked,
        )
    show(json, summary.to_json(), summary.lines)
