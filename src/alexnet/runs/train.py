"""One run from images to report: the job of `alexnet train`, and of every cell of a comparison or a study."""

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet.data.open import open_dataset
from alexnet.data.pipeline.colour_statistics import measured
from alexnet.data.preprocess import Preprocess
from alexnet.errors import Interrupted
from alexnet.i18n.units import seconds_of
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.recipes.resolve import Plan, plan, recipe_to_resume
from alexnet.runs.baseline import fit_baseline
from alexnet.runs.finish import finish
from alexnet.runs.fit_handcrafted import fit_handcrafted
from alexnet.runs.fit_network import fit_network
from alexnet.runs.folder import Run, RunFolder
from alexnet.runs.image_size_budget import planned_size
from alexnet.runs.prepare import colour_statistics, read_images, split_images
from alexnet.runs.result import Result
from alexnet.runs.workers import (
    adapt_to_workers,
    check_same_splits,
    device_of,
    launch_command,
    own_processors,
    require_out,
    should_resume,
    start_together,
)
from alexnet.runtime.distributed import join_workers
from alexnet.runtime.events import Event, Listener, Message, silent
from alexnet.runtime.machine import forget_peak_memory
from alexnet.storage.files import free_folder
from alexnet.training.parallel.registry import chosen as chosen_layout


def train(
    data: str | Path,
    *,
    model: str | None = None,
    recipe: str | None = None,
    out: str | Path | None = None,
    epochs: float | None = None,
    budget: str | None = None,
    seed: int | None = None,
    image_size: int | None = None,
    workers: int | None = None,
    weights: str | None = None,
    resume: bool = False,
    device: str = "auto",
    baseline: bool = True,
    splits: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    layout: str | None = None,
    listen: Listener = silent,
    notice: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train a classifier on a folder, an archive or a named data set, and write its run folder.

    The words mean what they mean on the command line; `overrides` are recipe fields by dotted name, `splits` another run's splits.json that
    takes the place of a split of our own. `listen` gets every event, of several workers on the first alone, `notice` on each of them;
    `should_stop` is asked after each step. A process that torchrun has started is one worker of several: `layout` says how they share the
    network (data, towers, hybrid), and the first one speaks and writes.
    Raises AlexNetError for every mistake, before the long work where it can be known.
    """
    started = time.monotonic()
    forget_peak_memory()
    fields = dict(overrides or {})
    fields |= {"training.epochs": epochs} if epochs is not None else {}
    fields |= {"training.budget_seconds": seconds_of(budget)} if budget is not None else {}
    with join_workers(device) as world:
        listen = _both(notice, listen) if world.first else notice
        spread_as = chosen_layout(layout, world)
        require_out(out, world)
        resume = should_resume(out, world, asked=resume)
        chosen_device = device_of(device, world)
        dataset = open_dataset(data)
        named = recipe_to_resume(recipe, out, resume=resume)
        planned = plan(str(data), dataset, model=model, recipe=named, weights=weights, seed=seed, image_size=image_size, overrides=fields)
        asked = fields if not named.endswith(".toml") else {"training.conv_learning_rate": None}  # a file has its rates already
        ready = adapt_to_workers(planned.recipe, spread_as, len(dataset.classes), world, asked)
        planned = replace(planned, recipe=ready)
        path = Path(out) if out is not None else free_folder(Path("runs"), f"{dataset.name}-{ready.model}")
        run = Run(
            RunFolder(path, writes=world.first),
            ready,
            planned.model_reason,
            dataset,
            chosen_device,
            listen,
            should_stop,
            Path(splits) if splits else None,
            started,
            world,
            spread_as,
        )
        return _started(run, planned, own_processors(world) if workers is None else workers, baseline=baseline, resume=resume)


def _both(one: Listener, other: Listener) -> Listener:
    def told(event: Event) -> None:
        one(event)
        other(event)

    return told


def _started(run: Run, planned: Plan, workers: int, *, baseline: bool, resume: bool) -> Result:
    """The run from its folder to its result; a stop in between says how to go on."""
    try:
        start_together(run.folder, run.recipe, run.dataset, run.world, resume=resume)
        done = run.folder.finished()
        if done is not None:
            run.listen(Message(f"{run.folder.path} has already finished; nothing to do."))
            return done
        run.listen(Message(f"Model {run.recipe.model}: {run.reason}."))
        return _run(run, planned, workers, baseline)
    except (KeyboardInterrupt, Interrupted) as stop:
        stop.add_note(f"Go on with: {shlex.join([*launch_command(run.world), 'train', '--out', str(run.folder.path), '--resume'])}")
        raise


def _run(run: Run, planned: Plan, workers: int, baseline: bool) -> Result:
    if run.recipe.model in SYSTEMS:
        store = read_images(run, workers)
        splits = split_images(run, store)
        return finish(run, fit_handcrafted(run, store, splits), _as_they_are(run), store, splits, None)
    run.recipe = planned_size(planned, run)
    store = read_images(run, workers)
    splits = split_images(run, store)
    check_same_splits(splits, run.world)
    beside = fit_baseline(run, store, splits) if baseline and run.world.size == 1 else None
    pca = colour_statistics(store, splits, run.recipe.seed)
    preprocess = measured(run.recipe.preprocess, pca)
    return finish(run, fit_network(run, store, splits, pca, preprocess), preprocess, store, splits, beside)


def _as_they_are(run: Run) -> Preprocess:
    """A hand-crafted system normalises inside."""
    sizes = run.recipe.preprocess
    return Preprocess(image_size=sizes.image_size, stored_size=sizes.stored_size, fit=sizes.fit, mean=(0.0,) * 3, std=(1.0,) * 3)
