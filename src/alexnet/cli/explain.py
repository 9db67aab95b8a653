"""`alexnet explain`."""

import sys

from alexnet.cli.options import ImageArgument, Json, Lang
from alexnet.cli.output import show


def explain(
    run: str,
    /,
    *images: ImageArgument,
    data: str | None = None,
    out: str | None = None,
    lang: Lang = "en",
    device: str = "auto",
    json: Json = False,
) -> None:
    """Explain what a trained run has learned: its reasons, mistakes, neighbours, filters and layers, on one page.

    Parameters
    ----------
    run
        A run folder.
    images
        Files, folders, patterns such as 'photos/*.jpg', or - for standard input. Without any, two test images are explained.
    data
        Where the run's data set is now, if it has moved.
    out
        The folder to write. Default: explanation, in the run folder.
    lang
        en or zh: the language of the page.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.progress import Screen
    from alexnet.explanations.explain import explain as explain_run
    from alexnet.inference.inputs import find_images

    found = [image for _, image in find_images(images, sys.stdin.buffer)] if images else []
    with Screen() as screen:
        made = explain_run(run, *found, data=data, out=out, lang=lang, device=device, listen=screen)
    left_out = [f"Left out: {part.name}. {part.error}" for part in made.parts if part.error is not None]
    show(json, made.to_json(), lambda: [*left_out, f"Explanation: {made.page}"])
