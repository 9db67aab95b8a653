"""`alexnet compare`."""

from collections.abc import Callable
from typing import Any

from alexnet.cli.options import FolderLayout, Json, Workers
from alexnet.cli.output import show, tell


def compare(
    data: str,
    /,
    *,
    models: str | None = None,
    fractions: str | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    out: str | None = None,
    layout_of_folders: FolderLayout | None = None,
    labels: str | None = None,
    max_unreadable: float | None = None,
    workers: Workers = None,
    device: str = "auto",
    json: Json = False,
) -> None:
    """Compare systems of all three generations on the same images, and recommend one.

    If the folder in --out holds the same comparison, it is resumed: finished parts are not run again.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    models
        Names separated by commas, such as fisher-svm,lenet,alexnet; NETWORK+svm is an SVM on a network's frozen features. Default: a
        selection suited to the images.
    fractions
        Shares of the training images, separated by commas. Default: 0.1,0.3,1.
    seeds
        How many seeds. Default: 1.
    budget
        A time limit for the whole comparison, such as 20m; without it, networks train for the epochs of their recipe.
    out
        The folder of the comparison. Default: a new one under runs/.
    layout_of_folders
        What the top folders are, splits or classes, where their names allow both readings.
    labels
        A CSV file with the classes instead of folders: columns file (relative to the data), class and, if there is one, split.
    max_unreadable
        Share of the files of a class that may be unreadable, 0 to 1; they are left out. Default: 0.05.
    workers
        Threads and processes that decode images.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.progress import Screen
    from alexnet.cli.tables import comparison_tables
    from alexnet.comparison.compare import compare as run_comparison
    from alexnet.runtime.interrupts import stop_on_signals

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice]
        result = run_comparison(
            data,
            models=models,
            fractions=fractions,
            seeds=seeds,
            budget=budget,
            out=out,
            layout_of_folders=layout_of_folders,
            labels=labels,
            max_unreadable=max_unreadable,
            workers=workers,
            device=device,
            listen=lambda event: tell(listeners, event),
            should_stop=stop.asked,
        )
    show(json, result.to_json(), lambda: comparison_tables(result))
