"""`alexnet export`."""

from typing import TYPE_CHECKING

from alexnet.cli.options import Flag, Json
from alexnet.cli.output import show

if TYPE_CHECKING:
    from alexnet.exports.export import Export


def export(
    run: str,
    /,
    *,
    to: str = "onnx",
    int8: Flag = False,
    max_loss: float = 0.5,
    runtime: str | None = None,
    out: str | None = None,
    json: Json = False,
) -> None:
    """Export a trained run for other programs, checked on images before it is kept.

    Parameters
    ----------
    run
        A run folder.
    to
        onnx: one file for ONNX Runtime, OpenVINO and OpenCV, which `alexnet predict` takes too; torch: a state dict (torchvision's
        for alexnet-owt); hf: a folder for a model hub; web: a folder with a page that classifies in the browser; triton: a model
        repository.
    int8
        Whole numbers of 8 bits: a quarter of the size, and faster. Calibrated on training images, measured on validation images.
    max_loss
        Points of validation accuracy that --int8 may cost; a model that loses more is not kept.
    runtime
        Of web: the archive onnxruntime-web-1.22.0.tgz, as `npm pack onnxruntime-web@1.22.0` writes it. Default: fetched once.
    out
        The file or folder to write. Default: beside the run, with its name.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.progress import Screen
    from alexnet.exports.export import export as export_run

    with Screen() as screen:
        done = export_run(run, to=to, int8=int8, max_loss=max_loss, runtime=runtime, out=out, listen=screen)
    show(json, done.to_json(), lambda: export_lines(done))


def export_lines(done: "Export") -> list[str]:
    """What was written, and what the check has found."""
    of = "generated pictures" if done.source == "generated" else f"{done.source} pictures"
    lines = [
        f"{done.file}: {done.bytes:,} bytes.",
        f"Checked on {done.checked:,} {of}: probabilities within {done.largest_difference:.1e} of the run's weights in fp32; "
        f"{done.agreement:.1%} have the classifier's own answer.",
    ]
    if done.accuracy_before is not None and done.accuracy_after is not None:
        lines.append(f"Accuracy on {of}: {done.accuracy_before:.2%} before, {done.accuracy_after:.2%} after.")
    return lines
