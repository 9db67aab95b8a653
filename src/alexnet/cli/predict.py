"""`alexnet predict`."""

import sys

from alexnet.cli.options import ImageArgument, Json, View
from alexnet.cli.output import show
from alexnet.errors import AlexNetError


def predict(run: str, /, *images: ImageArgument, top: int = 3, views: View = "centre", device: str = "auto", json: Json = False) -> None:
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
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from dataclasses import replace

    from alexnet.cli.tables import prediction_table
    from alexnet.inference.classifier import load
    from alexnet.inference.inputs import find_images

    classifier = load(run, device=device)
    named = find_images(images, sys.stdin.buffer)
    answers = classifier.predict((image for _, image in named), top=top, views=views)
    answers = [replace(answer, file=name) for answer, (name, _) in zip(answers, named, strict=True)]
    show(json, {"predictions": [answer.to_json() for answer in answers]}, lambda: prediction_table(answers))
    if all(answer.error is not None for answer in answers):
        raise AlexNetError("None of these pictures can be read." if len(answers) > 1 else "The picture cannot be read.")
