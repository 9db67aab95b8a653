"""`alexnet export`."""

from typing import TYPE_CHECKING, Any

from alexnet.cli.options import Flag, Json
from alexnet.cli.output import show

if TYPE_CHECKING:
    from alexnet.exports.export import Export


def export(
    run: str,
    /,
    *,
    to: str | None = None,
    int8: Flag = False,
    compress: Flag = False,
    budget: str | None = None,
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
        repository. Default: onnx.
    int8
        Whole numbers of 8 bits: a quarter of the size, and faster. Calibrated on training images, measured on validation images.
    compress
        Instead of --to, a small file for downloads, which predict, evaluate and serve take: weights are removed, and share few values.
    budget
        Of --compress: a duration, such as 10m, in which the network is trained on with fewer weights. Default: 10m.
    max_loss
        Points of validation accuracy that --int8 or --compress may cost; a model that loses more is not kept.
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
        done = export_run(
            run, to=to, int8=int8, compress=compress, budget=budget, max_loss=max_loss, runtime=runtime, out=out, listen=screen
        )
    show(json, done.to_json(), lambda: compression_tables(done) if done.compression else export_lines(done))


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


def compression_tables(done: "Export") -> list[Any]:
    """The steps of a compression with their sizes and accuracies, what is left of each layer, and the test."""
    from alexnet.cli.tables import new_table

    assert done.compression is not None
    found = done.compression
    steps = new_table("step", "bytes", "times smaller", "validation accuracy", numbers=("bytes", "times smaller", "validation accuracy"))
    layers = new_table("layer", "weights", "left", "values", "bits a weight", numbers=("weights", "left", "values", "bits a weight"))
    for one in found.steps:
        steps.add_row(one.step, f"{one.bytes:,}", f"{one.times:.1f}", f"{one.accuracy:.2%}")
    for layer in found.layers:
        layers.add_row(layer.layer, f"{layer.weights:,}", f"{layer.kept:.1%}", f"{layer.values}", f"{layer.bits:.1f}")
    lines = [f"{done.file}: {done.bytes:,} bytes, {found.steps[-1].times:.1f} times smaller. The steps are in {done.file}.csv too."]
    if found.test is not None:
        low, high = found.test.interval
        lost = found.test.accuracy_before - found.test.accuracy_after
        lines.append(
            f"Test accuracy {found.test.accuracy_before:.2%} before, {found.test.accuracy_after:.2%} after: {100 * lost:.2f} points lost "
            f"(95%: {100 * low:.2f} to {100 * high:.2f}) on {found.test.images:,} pictures."
        )
    return [steps, layers, *lines]
