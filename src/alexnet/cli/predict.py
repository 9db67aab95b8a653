"""`alexnet predict`: its options. What it does is in `predict_images`, which loads without the parser of options."""

from typing import Literal

from alexnet.cli.options import ImageArgument, Json, View, Where
from alexnet.cli.predict_images import predict_images


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
    on: Where = "local",
    json: Json = False,
) -> None:
    """Classify images with a trained run, or with a file that `alexnet export` wrote.

    For an image that cannot be read, the reason is printed instead of classes; the exit status is 2 only if no image can be read.

    Parameters
    ----------
    run
        A run folder, a compressed model, or an ONNX file, for which PyTorch is not needed.
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
    on
        local, or ray: with --out, the images are divided over a Ray cluster, or one started on this machine (pip install '.[ray]').
    json
        Print one JSON object and nothing else.
    """
    predict_images(
        run,
        images,
        top=top,
        views=views,
        out=out,
        sort_into=sort_into,
        least=least,
        undo_sort=undo_sort,
        device=device,
        runtime=runtime,
        on=on,
        json=json,
    )
