"""The command line: one function per verb. Names, options and JSON keys are a contract; see docs/commands.md.

Heavy imports wait inside the verbs, so that `alexnet --help` answers at once.
"""

import io
import json as json_module
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from alexnet import __version__
from alexnet.errors import AlexNetError
from alexnet.fields import changes, named_fields

USER_MISTAKE, DEFECT, CTRL_C = 2, 1, 130

Flag = Annotated[bool, Parameter(negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
Fields = Annotated[tuple[str, ...], Parameter(name="--set", show=False, negative="", consume_multiple=False)]
Workers = Annotated[int | None, Parameter(validator=Number(gte=0))]
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]  # "-" is one
View = Literal["centre", "ten", "any"]
Lang = Literal["en", "zh"]

app = App(
    name="alexnet",
    version=__version__,
    help="Train AlexNet, LeNet and the systems before them on your own pictures, and measure what the 2012 paper claims.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # `main` tells how to go on
)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0 done, 2 the user's mistake, 130 stopped, 1 a defect of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    try:
        app(named_fields(sys.argv[1:] if words is None else words), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _fail(error, USER_MISTAKE)
    except AlexNetError as error:
        return _fail(error, CTRL_C if type(error).__name__ == "Interrupted" else USER_MISTAKE)
    except KeyboardInterrupt as error:
        return _fail(error, CTRL_C)
    except BrokenPipeError:  # the reader of a pipe has left, as `head` does
        _leave_the_pipe()
    return 0


@app.command
def train(
    data: str | None = None,
    /,
    *,
    model: str | None = None,
    recipe: str | None = None,
    out: str | None = None,
    epochs: float | None = None,
    budget: str | None = None,
    seed: int | None = None,
    image_size: int | None = None,
    workers: Workers = None,
    weights: str | None = None,
    device: str = "auto",
    layout: Literal["data", "towers", "hybrid"] | None = None,
    resume: Flag = False,
    tensorboard: Flag = False,
    no_baseline: Flag = False,
    json: Json = False,
    fields: Fields = (),
) -> None:
    """Train a classifier on your pictures and write a run folder with its report.

    Any field of the recipe can be set by its dotted name, as --training.learning-rate 0.02 or --network.activation tanh.

    Parameters
    ----------
    data
        A folder, zip or tar of class folders, or fashion-mnist, cifar10, mnist, digits, imagenet:DIR. Not needed with --recipe FILE.toml.
    model
        A name from `alexnet summary`; without it, alexnet, or alexnet-cifar for pictures under 64 px.
    recipe
        quick (if none is named), paper, lecture, or the recipe.toml of a run.
    out
        The run folder; without it, a new one under runs/.
    epochs
        Passes over the training pictures; the recipe has its own number.
    budget
        A time instead of epochs, as 90s, 10m or 2h: reading, testing and report included.
    seed
        Of the weights, the order, the augmentation and our own splits; 0 if none is given.
    image_size
        Side in pixels that the model sees.
    workers
        Threads of the first reading, and processes that decode pictures which memory cannot hold; the result is the same for any number.
    weights
        Trained weights to start from: a file, a run folder, or imagenet.
    device
        auto, cpu, cuda or cuda:1.
    layout
        How the workers that torchrun has started share the network: data (each its pictures), towers (each a tower of 2012's two), hybrid
        (convolutions by pictures, fully connected layers by units).
    resume
        Go on with the run in --out from its last checkpoint; nothing else need be said again.
    tensorboard
        Write TensorBoard files into the run folder as well.
    no_baseline
        Leave out the fast hand-crafted system that is fitted beside a network.
    json
        Print one JSON object and nothing else.
    fields
        NAME=VALUE of a recipe's field.
    """
    from dataclasses import asdict

    from alexnet.experiments.plan import data_of_recipe
    from alexnet.experiments.tensorboard import tensorboard_listener
    from alexnet.experiments.train import train as run_training
    from alexnet.screen import Screen
    from alexnet.signals import stop_on_signals
    from alexnet.tables import result_lines

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice, *([tensorboard_listener(out)] if tensorboard else [])]
        result = run_training(
            data if data is not None else data_of_recipe(recipe, out, resume=resume),
            model=model,
            recipe=recipe,
            out=out,
            epochs=epochs,
            budget=budget,
            seed=seed,
            image_size=image_size,
            workers=workers,
            weights=weights,
            device=device,
            resume=resume,
            baseline=not no_baseline,
            changes=changes(fields),
            layout=layout,
            listen=lambda event: _tell(listeners, event),
            should_stop=stop.asked,
        )
    _show(json, asdict(result), lambda: result_lines(result))


def _tell(listeners: list[Callable[[Any], None]], event: object) -> None:
    for listener in listeners:
        listener(event)


@app.command
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
        Other pictures than the run's own.
    split
        train, validation or test.
    views
        centre; ten: corners, centre and mirrors, probabilities averaged; any: whole pictures, nothing cropped.
    workers
        Processes that decode pictures.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.evaluation.evaluate import summary_sentence
    from alexnet.experiments.measure import evaluate_run
    from alexnet.tables import evaluation_table

    result = evaluate_run(run, data, split=split, views=views, device=device, workers=workers)
    _show(json, result.to_json(), lambda: (summary_sentence(result), evaluation_table(result)))


@app.command
def predict(run: str, /, *pictures: Words, top: int = 3, views: View = "centre", device: str = "auto", json: Json = False) -> None:
    """Classify pictures with a trained run.

    A picture that cannot be read gets its reason instead of classes; the exit status is 2 only if that is so for all of them.

    Parameters
    ----------
    run
        A run folder.
    pictures
        Files, folders, patterns such as 'photos/*.jpg', or - for standard input.
    top
        How many classes to show of each picture.
    views
        centre, ten or any.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from dataclasses import replace

    from alexnet.classifier import load
    from alexnet.experiments.given import given_pictures
    from alexnet.tables import prediction_table

    classifier = load(run, device=device)
    named = given_pictures(pictures, sys.stdin.buffer)
    answers = classifier.predict((picture for _, picture in named), top=top, views=views)
    answers = [replace(answer, file=name) for answer, (name, _) in zip(answers, named, strict=True)]
    _show(json, {"predictions": [answer.to_json() for answer in answers]}, lambda: prediction_table(answers))
    if all(answer.error is not None for answer in answers):
        raise AlexNetError("None of these pictures can be read." if len(answers) > 1 else "The picture cannot be read.")


@app.command
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
    """Put systems of all three generations side by side on the same pictures, and say which to take.

    A folder in --out that holds the same comparison is gone on with: what is finished is not run again.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    models
        Names with commas, as fisher-svm,lenet,alexnet; NETWORK+svm is a network's frozen features under an SVM. Without it, a choice for
        these pictures.
    fractions
        Shares of the training pictures with commas; 0.1,0.3,1 if none are given.
    seeds
        How many seeds; 1 if none is given.
    budget
        A time for the whole comparison, as 20m; without it, networks train their recipe's epochs.
    out
        The comparison's folder; without it, a new one under runs/.
    workers
        Threads and processes that decode pictures.
    device
        auto, cpu, cuda or cuda:1.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.experiments.compare import compare as run_comparison
    from alexnet.screen import Screen
    from alexnet.signals import stop_on_signals
    from alexnet.tables import comparison_tables

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
            listen=lambda event: _tell(listeners, event),
            should_stop=stop.asked,
        )
    _show(json, result.to_json(), lambda: comparison_tables(result))


@app.command
def summary(
    *models: str,
    classes: int | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    lecture: Flag = False,
    variants: Flag = False,
    lang: Lang = "en",
    json: Json = False,
) -> None:
    """The layers of networks: shapes, parameters, multiply-accumulates, memory; several side by side.

    Parameters
    ----------
    models
        Names; without any, all of the catalogue in one line each.
    classes
        How many classes the last layer scores; without it, what the network was made for.
    image_size
        Side of the pictures in pixels; without it, what the network was made for.
    channels
        1 (gray) or 3; without it, what the network was made for.
    lecture
        The lecture's comparison of LeNet and AlexNet, counted from the networks, and where its figures are wrong.
    variants
        Where the paper, the 2012 program, Caffe, torchvision and D2L differ.
    lang
        en or zh: the language of --lecture and --variants.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.experiments.lecture.slides import check_slides
    from alexnet.experiments.lecture.variants import compare_variants
    from alexnet.models.summary import comparison, summarise
    from alexnet.tables import lecture_tables, summary_tables, variant_tables

    summaries = summarise(models, classes=classes, image_size=image_size, channels=channels)
    check = check_slides(lang) if lecture else None
    compared = compare_variants(lang) if variants else ()
    value: dict[str, Any] = {"models": [one.to_json() for one in summaries]}
    value |= {"lecture": check.to_json()} if check else {}
    value |= {"variants": [one.to_json() for one in compared]} if compared else {}

    def readable() -> Sequence[object]:
        own = summary_tables(summaries, comparison(summaries), bool(models)) if models or not (check or compared) else []
        parts = [own, lecture_tables(check) if check else [], variant_tables(compared, lang) if compared else []]
        return [line for part in parts if part for line in (*part, "")][:-1]

    _show(json, value, readable)


@app.command
def inspect(data: str, /, *, json: Json = False) -> None:
    """What a data set holds: classes, sizes, unreadable files, duplicates, imbalance, and what it means.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.data.datasets import open_dataset
    from alexnet.data.inspection import inspect as inspect_data
    from alexnet.tables import inspection_tables

    found = inspect_data(open_dataset(data), workers=os.cpu_count() or 1)
    _show(json, found.to_json(), lambda: inspection_tables(found))


@app.command
def pack(data: str, out: str, /, *, size: int = 256, quality: int = 90, workers: Workers = None, json: Json = False) -> None:
    """Make of a data set one zip that opens at once: pictures of one size, read by position. Broken off, the same command goes on.

    Parameters
    ----------
    data
        A folder, an archive, a named data set, or imagenet:DIR.
    out
        The zip to write; it is a data set like any other.
    size
        Short side of the pictures in pixels; smaller ones are not enlarged.
    quality
        Of the JPEGs, 1 to 100; a JPEG that is small enough is copied byte for byte.
    workers
        Threads that decode; as many as there are processors if none are said. The file is the same for any number.
    json
        Print one JSON object and nothing else.
    """
    from pathlib import Path

    from alexnet.data.datasets import open_dataset
    from alexnet.data.pack import pack as pack_dataset
    from alexnet.screen import Screen
    from alexnet.signals import stop_on_signals
    from alexnet.training.events import Reading

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice]
        summary = pack_dataset(
            open_dataset(data),
            Path(out).expanduser(),
            size=size,
            quality=quality,
            workers=os.cpu_count() or 1 if workers is None else workers,
            on_progress=lambda done, total: _tell(listeners, Reading(done, total)),
            should_stop=stop.asked,
        )
    _show(json, summary.to_json(), summary.lines)


@app.command
def study(
    data: str,
    /,
    *,
    claims: str | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    out: str | None = None,
    on: Literal["local", "ray"] = "local",
    processes: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    device: str = "auto",
    lang: Lang = "en",
    json: Json = False,
    fields: Fields = (),
) -> None:
    """Measure the lecture's claims on your pictures: for each, arms that differ in one thing, paired seeds, and a verdict.

    Any field of the recipe that all arms share can be set by its dotted name, as --training.epochs 8 or --set fraction=0.2. A folder in
    --out that holds a study is gone on with: finished runs are not made again, and more claims or seeds are added.

    Parameters
    ----------
    data
        A folder, an archive, or a named data set.
    claims
        Names with commas, as activation,dropout; all if none are given.
    seeds
        Pairs of runs for each arm; 3 if none is given.
    budget
        A time for all of it, as 30m (the default): picture size, width, share of the pictures and epochs are planned to fit.
    out
        The study's folder; without it, a new one under runs/.
    on
        local: processes of this machine. ray: a Ray cluster, or one of this machine (pip install 'alexnet[ray]').
    processes
        Runs made at once; as many as there are processors, one on a card.
    device
        auto, cpu, cuda or cuda:1.
    lang
        en or zh: the language of the verdicts and of the report.
    json
        Print one JSON object and nothing else.
    fields
        NAME=VALUE of a recipe's field.
    """
    from alexnet.experiments.studies.study import study as run_study
    from alexnet.experiments.studies.view import study_lines
    from alexnet.screen import Screen
    from alexnet.signals import stop_on_signals

    with Screen() as screen, stop_on_signals() as stop:
        listeners: list[Callable[[Any], None]] = [screen, stop.notice]
        report = run_study(
            data,
            claims=claims,
            seeds=seeds,
            budget=budget,
            out=out,
            on=on,
            processes=processes,
            device=device,
            fields=changes(fields),
            lang=lang,
            listen=lambda event: _tell(listeners, event),
            should_stop=stop.asked,
        )
    _show(json, report.to_json(), lambda: [*study_lines(report, lang), f"Report: {report.report}"])


@app.command
def report(*runs: str, out: str | None = None, lang: Lang = "en") -> None:
    """Make the page of a run, a comparison or a study anew from what its folder holds, or put several runs on one page.

    Parameters
    ----------
    runs
        Run folders, or the folder of one comparison or study.
    out
        The page's file; without it, the folder's own report.html, or of several runs report.html in the current folder.
    lang
        en or zh: the language of the page.
    """
    from pathlib import Path

    from alexnet.experiments.rebuild import report_runs

    page = report_runs([Path(run) for run in runs], out=None if out is None else Path(out), lang=lang)
    print(f"Report: {page}")


@app.command
def convert(
    file: str,
    /,
    *,
    from_form: Annotated[str, Parameter(name="--from")],
    to_form: Annotated[str, Parameter(name="--to")],
    out: str,
) -> None:
    """Write trained weights in another form of the same function.

    Forms of alexnet: alexnet, two-towers, dense, caffe, program-2012. Forms of alexnet-owt: alexnet-owt, torchvision.

    Parameters
    ----------
    file
        A file of weights, or the run folder of such a network.
    from_form
        The form that it has.
    to_form
        The form to write.
    out
        The file to write; its suffix says what kind: .safetensors or .pth, and .npz for caffe and program-2012.
    """
    from pathlib import Path

    from alexnet.models.forms.convert import convert_file

    done = convert_file(Path(file), from_form=from_form, to_form=to_form, out=Path(out))
    print(*done.lines, sep="\n")


def _show(as_json: bool, value: dict[str, Any], readable: Callable[[], object]) -> None:
    if os.environ.get("RANK", "0") != "0":  # the first of several workers speaks for all
        return
    if as_json:
        print(json_module.dumps(value, allow_nan=False), flush=True)
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    shown = readable()
    with console.capture() as text:  # rich itself would end the program when the reader of a pipe leaves
        for part in shown if isinstance(shown, (list, tuple)) else [shown]:
            console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    print(text.get(), end="", flush=True)


def _fail(error: BaseException, status: int) -> int:
    """Print the whole message, with what was added to it on its way, unless another worker has; gives the exit status."""
    if getattr(error, "said", False):
        return status
    said = str(error) or ("Stopped." if isinstance(error, KeyboardInterrupt) else type(error).__name__)
    print(said, *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
    return status


def _leave_the_pipe() -> None:
    """Python flushes standard output at its end, and would complain there a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
