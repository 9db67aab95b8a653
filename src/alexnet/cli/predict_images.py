"""What `alexnet predict` does. Independent of the parser of options, so that a short command starts sooner."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.cli.output import show
from alexnet.errors import AlexNetError

if TYPE_CHECKING:
    from alexnet.cli.options import View, Where
    from alexnet.inference.answers import PredictChunks
    from alexnet.inference.classifier import Classifier
    from alexnet.inference.onnx_classifier import OnnxClassifier
    from alexnet.inference.onnx_runtimes import Runtime
    from alexnet.inference.prediction import Prediction
    from alexnet.inference.sorting import Sorted

MANY = 32  # images from which it pays to prepare an ONNX file's weights


def predict_images(
    run: str | None,
    images: tuple[str, ...],
    *,
    top: int = 3,
    views: "View" = "centre",
    out: str | None = None,
    sort_into: str | None = None,
    least: float | None = None,
    undo_sort: str | None = None,
    device: str = "auto",
    runtime: "Runtime" = "onnxruntime",
    on: "Where" = "local",
    json: bool = False,
) -> None:
    """Classify images and print the answers, or write them; the arguments are those of `alexnet predict`."""
    if undo_sort is not None:
        _undo(undo_sort, json=json)
        return
    if run is None:
        raise AlexNetError("Pass a run folder and pictures: alexnet predict RUN PICTURE...")
    if least is not None and sort_into is None:
        raise AlexNetError("--least is the least probability of --sort-into: add --sort-into FOLDER.")
    if on == "ray" and out is None:
        raise AlexNetError("--on ray is for many pictures, whose answers go to a file: add --out answers.csv.")
    if out is None:
        _show(run, images, device, runtime, top=top, views=views, sort_into=sort_into, least=least or 0.0, json=json)
        return
    if sort_into is not None:
        raise AlexNetError("--out and --sort-into do not go together: sort in a second run.")
    from alexnet.inference.answers import check_out
    from alexnet.inference.open_classifier import open_classifier

    check_out(out)
    chunks = _on_ray(run, device, runtime, top, views) if on == "ray" else None
    _write(open_classifier(run, device, runtime), run, images, out, top=top, views=views, json=json, chunks=chunks)


def _show(
    run: str,
    images: tuple[str, ...],
    device: str,
    runtime: "Runtime",
    *,
    top: int,
    views: "View",
    sort_into: str | None,
    least: float,
    json: bool,
) -> None:
    """Classify the images, copy them into folders of their classes if that was asked for, and print the answers."""
    from dataclasses import replace

    from alexnet.inference.inputs import find_images
    from alexnet.inference.open_classifier import open_classifier

    classifier = open_classifier(run, device, runtime, quick=_are_few(images))
    named = find_images(images, sys.stdin.buffer)
    answers = classifier.predict((image for _, image in named), top=top, views=views)
    answers = [replace(answer, file=name) for answer, (name, _) in zip(answers, named, strict=True)]
    done: dict[str, Any] = {"predictions": [answer.to_json() for answer in answers]}
    copies = None
    if sort_into is not None:
        from alexnet.inference.sorting import sort_images

        files = [(answer, source) for answer, (_, source) in zip(answers, named, strict=True) if isinstance(source, Path)]
        copies = sort_images(files, sort_into, classifier.classes, least=least)
        done["sorted"] = copies.to_json()
    show(json, done, lambda: _tables(answers, copies))
    if all(answer.error is not None for answer in answers):
        raise AlexNetError("None of these pictures can be read." if len(answers) > 1 else "The picture cannot be read.")


def _undo(listed: str, *, json: bool) -> None:
    """Remove the copies of an earlier --sort-into."""
    from dataclasses import asdict

    from alexnet.cli.prediction_lines import undone_lines
    from alexnet.inference.sorting import undo_sort

    undone = undo_sort(listed)
    show(json, asdict(undone), lambda: undone_lines(undone))


def _are_few(images: tuple[str, ...]) -> bool:
    """Whether the arguments are few files, as far as can be told before they are looked up."""
    return len(images) < MANY and not any(image == "-" or "*" in image or Path(image).is_dir() for image in images)


def _on_ray(run: str, device: str, runtime: "Runtime", top: int, views: "View") -> "PredictChunks":
    """Chunks of images over a cluster; raises BadRun, before any other work, if Ray is not installed."""
    from functools import partial

    from alexnet.inference.cluster import predict_on_ray
    from alexnet.runtime.ray_pool import import_ray

    import_ray()
    return partial(predict_on_ray, run, device=device, runtime=runtime, top=top, views=views)


def _write(
    classifier: "Classifier | OnnxClassifier",
    run: str,
    images: tuple[str, ...],
    out: str,
    *,
    top: int,
    views: "View",
    json: bool,
    chunks: "PredictChunks | None",
) -> None:
    """Classify any number of images into a file."""
    from dataclasses import asdict

    from alexnet.cli.progress import Screen
    from alexnet.inference.answers import write_answers
    from alexnet.inference.inputs import find_images

    named = find_images(images, sys.stdin.buffer)
    with Screen() as screen:
        done = write_answers(classifier, run, named, out, top=top, views=views, listen=screen, predict_chunks=chunks)
    resumed = f", of which an earlier start had done {done.resumed:,}" if done.resumed else ""
    unreadable = f" {done.unreadable:,} cannot be read; their reasons are in the column error." if done.unreadable else ""
    show(json, {"predictions": [], **asdict(done)}, lambda: f"{done.out}: {done.n:,} pictures{resumed}.{unreadable}")
    if done.unreadable == done.n:
        raise AlexNetError("None of these pictures can be read.")


def _tables(answers: "list[Prediction]", copies: "Sorted | None") -> list[Any]:
    from alexnet.cli.prediction_lines import prediction_lines, sorted_lines

    return [prediction_lines(answers), *([sorted_lines(copies)] if copies else [])]
