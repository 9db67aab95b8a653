"""`alexnet evaluate`."""

from alexnet.cli.options import Json, View, Workers
from alexnet.cli.output import show


def evaluate(
    run: str,
    data: str | None = None,
    /,
    *,
    split: str = "test",
    views: View = "centre",
    device: str = "auto",
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Measure a trained run: errors with intervals, per class, confusion, calibration.

    Parameters
    ----------
    run
        A run folder.
    data
        Other images than the run's own.
    split
        train, validation or test.
    views
        centre; ten: corners, centre and mirrors, probabilities averaged; any: whole images, nothing cropped.
    workers
        Processes that decode images.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.tables import evaluation_table
    from alexnet.evaluation.evaluate import summary_sentence
    from alexnet.runs.evaluate import evaluate_run

    result = evaluate_run(run, data, split=split, views=views, device=device, workers=workers)
    show(json, result.to_json(), lambda: (summary_sentence(result), evaluation_table(result)))
