"""`alexnet train`."""

from collections.abc import Callable
from typing import Any

from alexnet.cli.dotted_options import overrides_of
from alexnet.cli.options import Balance, Fields, Flag, FolderLayout, Json, Workers
from alexnet.cli.output import show, tell


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
    layout: str | None = None,
    layout_of_folders: FolderLayout | None = None,
    labels: str | None = None,
    resume: Flag = False,
    tensorboard: Flag = False,
    no_baseline: Flag = False,
    keep_checkpoints: Flag = False,
    max_unreadable: float | None = None,
    balance: Balance | None = None,
    json: Json = False,
    overrides: Fields = (),
) -> None:
    """Train a classifier on your images and write a run folder with its report.

    Any field of the recipe can be set by its dotted name, such as --training.learning-rate 0.02 or --network.activation tanh.

    Parameters
    ----------
    data
        A folder, zip or tar of class folders, or fashion-mnist, cifar10, mnist, digits, imagenet:DIR. Not needed with --recipe FILE.toml.
    model
        A name from `alexnet summary`, or best: the best system that --budget allows (10m if not set). Default: best, unless another option
        chooses; then alexnet, or alexnet-cifar for images under 64 px.
    recipe
        quick (the default), paper, lecture, or the recipe.toml of a run.
    out
        The run folder. Default: a new one under runs/.
    epochs
        Passes over the training images. Default: set by the recipe.
    budget
        A time limit instead of epochs, such as 90s, 10m or 2h; it includes reading, testing and the report.
    seed
        Seed of the initial weights, the order of the images, the augmentation and the splits. Default: 0.
    image_size
        Side of the model's input in pixels.
    workers
        Threads that read the images first, and processes that decode images too large for memory; the result is the same for any number.
    weights
        Trained weights to start from: a file, a run folder, or imagenet.
    device
        auto, cpu, cuda or cuda:1.
    layout
        How the workers that torchrun started divide the work: data (each its own images), towers (each one of the two towers of 2012),
        hybrid (convolutions by images, fully connected layers by units).
    layout_of_folders
        What the top folders are, splits or classes, where their names allow both readings.
    labels
        A CSV file with the classes instead of folders: columns file (relative to the data), class and, if there is one, split.
    resume
        Resume the run in --out from its last checkpoint; no other argument is needed.
    tensorboard
        Write TensorBoard files into the run folder as well.
    no_baseline
        Skip the fast hand-crafted baseline that is otherwise trained along with a network.
    keep_checkpoints
        Keep the checkpoints, several times as large as the model, after the training too; otherwise a finished run keeps its model alone.
    max_unreadable
        Share of the files of a class that may be unreadable, 0 to 1; they are left out. Default: 0.05. HEIC photos are not counted.
    balance
        Whether classes of different size count the same: none (the default), loss (images of small classes weigh more) or sampling (they
        are drawn more often; networks only). Without a model, validation chooses where classes differ by more than 5 times.
    json
        Print one JSON object and nothing else.
    overrides
        NAME=VALUE of a recipe field.
    """
    from contextlib import ExitStack
    from dataclasses import asdict
    from pathlib import Path

    from alexnet.cli.progress import Screen
    from alexnet.cli.tables import result_lines
    from alexnet.recipes.resolve import data_of_recipe
    from alexnet.runs.tensorboard import tensorboard_listener
    from alexnet.runtime.interrupts import stop_on_signals
    from alexnet.search.train import data_of_search
    from alexnet.search.train import train as run_training

    tensorboard = tensorboard or (resume and out is not None and (Path(out) / "tensorboard").exists())  # as the run was started
    with Screen() as screen, stop_on_signals() as stop, ExitStack() as files:
        listeners: list[Callable[[Any], None]] = [screen, *([files.enter_context(tensorboard_listener(out))] if tensorboard else [])]
        result = run_training(
            data if data is not None else data_of_search(out) or data_of_recipe(recipe, out, resume=resume),
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
            keep_checkpoints=keep_checkpoints,
            max_unreadable=max_unreadable,
            balance=balance,
            overrides=overrides_of(overrides),
            layout=layout,
            layout_of_folders=layout_of_folders,
            labels=labels,
            listen=lambda event: tell(listeners, event),
            notice=stop.notice,
            should_stop=stop.asked,
        )
    show(json, asdict(result), lambda: result_lines(result))
