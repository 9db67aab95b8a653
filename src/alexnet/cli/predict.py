"""`alexnet predict`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alexnet.cli.options import ImageArgument, Json, View
from alexnet.cli.output import show
from alexnet.errors import AlexNetError

if TYPE_CHECKING:
    from alexnet.inference.classifier import Classifier
    from alexnet.inference.onnx_classifier import OnnxClassifier
    from alexnet.inference.onnx_runtimes import Runtime
    from alexnet.inference.prediction import Prediction
    from alexnet.inference.sorting import Sorted

MANY = 32  # images from which it pays to prepare an ONNX file's weights


def predict(
    run: str | None = None,
    /,
    *images: ImageArgument,
    top: int = 3,
    views: View = "centre",
    out: str | None = None,
    sort_into: str | None = None,
    least: float | None = None,
    undo_sort: str | None = None,
    device: str = "auto",
    runtime: Literal["onnxruntime", "openvino"] = "onnxruntime",
    json: Json = False,
) -> None:
    """Classify images with a trained run, or with an ONNX file that `alexnet export` wrote.

    For an image that cannot be read, the reason is printed instead of classes; the exit status is 2 only if no image can be read.

    Parameters
    ----------
    run
        A run folder, or an ONNX file, for which PyTorch is not needed.
    images
        Files, folders, patterns such as 'photos/*.jpg', or - for standard input.
    top
        How many classes to print per image.
    views
        centre, ten or any.
    out
        A file for the answers of any number of images: .csv, .jsonl or .parquet. Rerun the same command to resume after an interruption.
    sort_into
        A folder: the images are copied into folders of their classes in it, and listed in its sorted.csv. Nothing is moved or overwritten.
    least
        Images whose best class has a smaller probability are copied into a folder of their own, unsure. Needs --sort-into.
    undo_sort
        A list that --sort-into has written: its copies are removed, unless they were changed since. No run and no images are needed.
    device
        auto, cpu, cuda or cuda:1.
    runtime
        onnxruntime or openvino: what computes an ONNX file.
    json
        Print one JSON object and nothing else.
    """
    from dataclasses import replace

    from alexnet.inference.inputs import find_images

    if undo_sort is not None:
        _undo(undo_sort, json=json)
        return
    if run is None:
        raise AlexNetError("Pass a run folder and pictures: alexnet predict RUN PICTURE...")
    if least is not None and sort_into is None:
        raise AlexNetError("--least is the least probability of --sort-into: add --sort-into FOLDER.")
    if out is not None:
        from alexnet.inference.answers import check_out

        if sort_into is not None:
            raise AlexNetError("--out and --sort-into do not go together: sort in a second run.")
        check_out(out)
        _write(_classifier(run, device, runtime, quick=False), run, images, out, top=top, views=views, json=json)
        return
    classifier = _classifier(run, device, runtime, quick=_are_few(images))
    named = find_images(images, sys.stdin.buffer)
    answers = classifier.predict((image for _, image in named), top=top, views=views)
    answers = [replace(answer, file=name) for answer, (name, _) in zip(answers, named, strict=True)]
    done: dict[str, Any] = {"predictions": [answer.to_json() for answer in answers]}
    copies = None
    if sort_into is not None:
        from alexnet.inference.sorting import sort_images

        files = [(answer, source) for answer, (_, source) in zip(answers, named, strict=True) if isinstance(source, Path)]
        copies = sort_images(files, sort_into, classifier.classes, least=least or 0.0)
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


def _write(
    classifier: "Classifier | OnnxClassifier", run: str, images: tuple[str, ...], out: str, *, top: int, views: View, json: bool
) -> None:
    """Classify any number of images into a file."""
    from dataclasses import asdict

    from alexnet.cli.progress import Screen
    from alexnet.inference.answers import write_answers
    from alexnet.inference.inputs import find_images

    named = find_images(images, sys.stdin.buffer)
    with Screen() as screen:
        done = write_answers(classifier, run, named, out, top=top, views=views, listen=screen)
    resumed = f", of which an earlier start had done {done.resumed:,}" if done.resumed else ""
    unreadable = f" {done.unreadable:,} cannot be read; their reasons are in the column error." if done.unreadable else ""
    show(json, {"predictions": [], **asdict(done)}, lambda: f"{done.out}: {done.n:,} pictures{resumed}.{unreadable}")
    if done.unreadable == done.n:
        raise AlexNetError("None of these pictures can be read.")


def _tables(answers: "list[Prediction]", copies: "Sorted | None") -> list[Any]:
    from alexnet.cli.prediction_lines import prediction_lines, sorted_lines

    return [prediction_lines(answers), *([sorted_lines(copies)] if copies else [])]


def _classifier(run: str, device: str, runtime: "Runtime", *, quick: bool) -> "Classifier | OnnxClassifier":
    """The trained model in a run folder, or in a file."""
    if run.lower().endswith(".onnx") or Path(run).is_file():
        from alexnet.inference.onnx_classifier import OnnxClassifier

        if device not in ("auto", "cpu"):
            raise AlexNetError(f"An ONNX file is computed on the CPU; --device {device} is for run folders.")
        return OnnxClassifier(run, runtime=runtime, quick=quick)
    from alexnet.inference.classifier import load

    return load(run, device=device)
