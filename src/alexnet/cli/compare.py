"""`alexnet compare`."""

from collections.abc import Callable
from typing import Any

from alexnet.cli.options import Json, Workers
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
    workers: Workers = None,
    device: str = "auto",
    json: Json = False,
) -> None:
    """Put systems of all three generations side by side on the same images, and say which to take.

    A folder in --out that holds the same comparison is gone on with: what is finished is not run again.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    models
        Names with commas, as fisher-svm,lenet,alexnet; NETWORK+svm is a network's frozen features under an SVM. Without it, a choice for
        these images.
    fractions
        Shares of the training images with commas; 0.1,0.3,1 if none are given.
    seeds
        How many seeds; 1 if none is given.
    budget
        A time for the whole comparison, as 20m; without it, networks train their recipe's epochs.
    out
        The comparison's folder; without it, a new one under runs/.
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
            workers=workers,
            device=device,
            listen=lambda event: tell(listeners, event),
            should_stop=stop.asked,
        )
    show(json, result.to_json(), lambda: comparison_tables(result))
