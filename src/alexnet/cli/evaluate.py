"""`alexnet evaluate`."""

from alexnet.cli.options import FolderLayout, Json, View, Workers
from alexnet.cli.output import show


def evaluate(
    run: str,
    data: str | None = None,
    /,
    *,
    split: str = "test",
    views: View = "centre",
    layout_of_folders: FolderLayout | None = None,
    labels: str | None = None,
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
        A data set to measure on instead of the run's own.
    split
        train, validation or test.
    views
        centre; ten: corners, centre and their mirror images, probabilities averaged; any: whole images, uncropped.
    workers
        Processes that decode images.
    layout_of_folders
        What the top folders are, splits or classes, where their names allow both readings.
    labels
        A CSV file with the classes instead of folders: columns file (relative to the data), class and, if there is one, split.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.tables import evaluation_table
    from alexnet.evaluation.evaluate import summary_sentence
    from alexnet.runs.evaluate import evaluate_run

    result = evaluate_run(
        run, data, split=split, views=views, layout_of_folders=layout_of_folders, labels=labels, device=device, workers=workers
    )
    show(json, result.to_json(), lambda: (summary_sentence(result), evaluation_table(result)))
