"""`alexnet train`."""

from collections.abc import Callable
from typing import Any

from alexnet.cli.dotted_options import overrides_of
from alexnet.cli.options import Fields, Flag, Json, Workers
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
    resume: Flag = False,
    tensorboard: Flag = False,
    no_baseline: Flag = False,
    json: Json = False,
    overrides: Fields = (),
) -> None:
    """Train a classifier on your images and write a run folder with its report.

    Any field of the recipe can be set by its dotted name, as --training.learning-rate 0.02 or --network.activation tanh.

    Parameters
    ----------
    data
        A folder, zip or tar of class folders, or fashion-mnist, cifar10, mnist, digits, imagenet:DIR. Not needed with --recipe FILE.toml.
    model
        A name from `alexnet summary`; without it, alexnet, or alexnet-cifar for images under 64 px.
    recipe
        quick (if none is named), paper, lecture, or the recipe.toml of a run.
    out
        The run folder; without it, a new one under runs/.
    epochs
        Passes over the training images; the recipe has its own number.
    budget
        A time instead of epochs, as 90s, 10m or 2h: reading, testing and report included.
    seed
        Of the weights, the order, the augmentation and our own splits; 0 if none is given.
    image_size
        Side in pixels that the model sees.
    workers
        Threads of the first reading, and processes that decode images which memory cannot hold; the result is the same for any number.
    weights
        Trained weights to start from: a file, a run folder, or imagenet.
    device
        auto, cpu, cuda or cuda:1.
    layout
        How the workers that torchrun has started share the network: data (each its images), towers (each a tower of 2012's two), hybrid
        (convolutions by images, fully connected layers by units).
    resume
        Go on with the run in --out from its last checkpoint; nothing else need be said again.
    tensorboard
        Write TensorBoard files into the run folder as well.
    no_baseline
        Leave out the fast hand-crafted system that is fitted beside a network.
    json
        Print one JSON object and nothing else.
    overrides
        NAME=VALUE of a recipe's field.
    """
    from contextlib import ExitStack
    from dataclasses import asdict

    from alexnet.cli.progress import Screen
    from alexnet.cli.tables import result_lines
    from alexnet.recipes.resolve import data_of_recipe
    from alexnet.runs.tensorboard import tensorboard_listener
    from alexnet.runs.train import train as run_training
    from alexnet.runtime.interrupts import stop_on_signals

    with Screen() as screen, stop_on_signals() as stop, ExitStack() as files:
        listeners: list[Callable[[Any], None]] = [screen, *([files.enter_context(tensorboard_listener(out))] if tensorboard else [])]
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
            overrides=overrides_of(overrides),
            layout=layout,
            listen=lambda event: tell(listeners, event),
            notice=stop.notice,
            should_stop=stop.asked,
        )
    show(json, asdict(result), lambda: result_lines(result))
