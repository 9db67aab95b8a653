"""`alexnet study`."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from alexnet.cli.dotted_options import overrides_of
from alexnet.cli.options import Fields, FolderLayout, Json, Lang
from alexnet.cli.output import show, tell


def study(
    data: str,
    /,
    *,
    claims: str | None = None,
    seeds: int | Literal["auto"] | None = None,
    margin: float | None = None,
    budget: str | None = None,
    out: str | None = None,
    layout_of_folders: FolderLayout | None = None,
    labels: str | None = None,
    max_unreadable: float | None = None,
    on: Literal["local", "ray"] = "local",
    processes: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    device: str = "auto",
    lang: Lang = "en",
    json: Json = False,
    overrides: Fields = (),
) -> None:
    """Measure the lecture's claims on your images: for each claim, arms that differ in one thing, paired seeds and a verdict.

    Any field of the recipe that all arms share can be set by its dotted name, such as --training.epochs 8 or --set fraction=0.2. If the
    folder in --out holds a study, it is resumed: finished runs are not repeated, and new claims and seeds are added.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    claims
        Names separated by commas, such as activation,dropout. Default: all.
    seeds
        Pairs of runs per arm. Default: auto, which runs three, then one at a time for claims that are not clear yet while the budget lasts.
    margin
        Points of error below which a difference does not matter. Default: 1.
    budget
        A time limit for the whole study, such as 30m (the default): image size, width, share of the images and epochs are planned to fit.
    out
        The folder of the study. Default: a new one under runs/.
    layout_of_folders
        What the top folders are, splits or classes, where their names allow both readings.
    labels
        A CSV file with the classes instead of folders: columns file (relative to the data), class and, if there is one, split.
    max_unreadable
        Share of the files of a class that may be unreadable, 0 to 1; they are left out. Default: 0.05.
    on
        local: processes on this machine. ray: a Ray cluster, or one started on this machine (pip install '.[ray]').
    processes
        Runs at the same time. Default: one per CPU, or one on a GPU.
    device
        auto, cpu, cuda or cuda:1.
    lang
        en or zh: the language of the verdicts and of the report.
    json
        Print one JSON object and nothing else.
    overrides
        NAME=VALUE of a recipe field.
    """
    from alexnet.cli.progress import Screen
    from alexnet.runtime.interrupts import stop_on_signals
    from alexnet.studies.report.view import study_lines
    from alexnet.studies.study import study as run_study

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice]
        report = run_study(
            data,
            claims=claims,
            seeds=seeds,
            margin=margin,
            budget=budget,
            out=out,
            layout_of_folders=layout_of_folders,
            labels=labels,
            max_unreadable=max_unreadable,
            on=on,
            processes=processes,
            device=device,
            overrides=overrides_of(overrides),
            lang=lang,
            listen=lambda event: tell(listeners, event),
            should_stop=stop.asked,
        )
    show(json, report.to_json(), lambda: [*study_lines(report, lang), f"Report: {report.report}"])
