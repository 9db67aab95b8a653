"""`alexnet predict`."""

import sys
from typing import Any

from alexnet.cli.options import ImageArgument, Json, View
from alexnet.cli.output import show
from alexnet.errors import AlexNetError


def predict(
    run: str | None = None,
    /,
    *images: ImageArgument,
    top: int = 3,
    views: View = "centre",
    sort_into: str | None = None,
    least: float | None = None,
    undo_sort: str | None = None,
    device: str = "auto",
    json: Json = False,
) -> None:
    """Classify images with a trained run.

    For an image that cannot be read, the reason is printed instead of classes; the exit status is 2 only if no image can be read.

    Parameters
    ----------
    run
        A run folder.
    images
        Files, folders, patterns such as 'photos/*.jpg', or - for standard input.
    top
        How many classes to print per image.
    views
        centre, ten or any.
    sort_into
        A folder: the images are copied into folders of their classes in it, and listed in its sorted.csv. Nothing is moved or overwritten.
    least
        Images whose best class has a smaller probability are copied into a folder of their own, unsure. Needs --sort-into.
    undo_sort
        A list that --sort-into has written: its copies are removed, unless they were changed since. No run and no images are needed.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from dataclasses import asdict, replace
    from pathlib import Path

    from alexnet.cli.tables import prediction_table, sorted_lines, undone_lines
    from alexnet.inference.classifier import load
    from alexnet.inference.inputs import find_images
    from alexnet.inference.sorting import sort_images
    from alexnet.inference.sorting import undo_sort as undo

    if undo_sort is not None:
        undone = undo(undo_sort)
        show(json, asdict(undone), lambda: undone_lines(undone))
        return
    if run is None:
        raise AlexNetError("Pass a run folder and pictures: alexnet predict RUN PICTURE...")
    if least is not None and sort_into is None:
        raise AlexNetError("--least is the least probability of --sort-into: add --sort-into FOLDER.")
    classifier = load(run, device=device)
    named = find_images(images, sys.stdin.buffer)
    answers = classifier.predict((image for _, image in named), top=top, views=views)
    answers = [replace(answer, file=name) for answer, (name, _) in zip(answers, named, strict=True)]
    done: dict[str, Any] = {"predictions": [answer.to_json() for answer in answers]}
    tables: list[Any] = [prediction_table(answers)]
    if sort_into is not None:
        files = [(answer, source) for answer, (_, source) in zip(answers, named, strict=True) if isinstance(source, Path)]
        copies = sort_images(files, sort_into, classifier.classes, least=least or 0.0)
        done["sorted"] = copies.to_json()
        tables.append(sorted_lines(copies))
    show(json, done, lambda: tables)
    if all(answer.error is not None for answer in answers):
        raise AlexNetError("None of these pictures can be read." if len(answers) > 1 else "The picture cannot be read.")
