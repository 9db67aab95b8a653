"""One run from images to report: `alexnet train`, and every cell of a comparison.

A training is four calls: resolve, prepare, fit, finish.
"""

import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset, CannotWrite, Interrupted
from alexnet.i18n.units import seconds_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import ResolvedRun, TrainingRequest, layout_of_recipe, recipe_to_resume, resolve
from alexnet.runs.arguments import check_kinds
from alexnet.runs.context import RunContext
from alexnet.runs.environment import start_measuring_memory
from alexnet.runs.finish import finish
from alexnet.runs.fit import fit
from alexnet.runs.folder import RunFolder
from alexnet.runs.live import LiveRun
from alexnet.runs.prepare import prepare, tell_remarks
from alexnet.runs.result import Result
from alexnet.runs.workers import (
    device_of,
    launch_command,
    own_cpus,
    require_out,
    should_resume,
    start_together,
)
from alexnet.runtime.distributed import Workers, join_workers
from alexnet.runtime.events import Event, Listener, Message, silent
from alexnet.runtime.main_guard import refuse_in_import
from alexnet.runtime.notebook import show_progress
from alexnet.storage.files import free_folder


def train(
    data: str | Path,
    *,
    model: str | None = None,
    recipe: str | Path | None = None,
    out: str | Path | None = None,
    epochs: float | None = None,
    budget: str | float | None = None,
    seed: int | None = None,
    image_size: int | None = None,
    workers: int | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    baseline: bool = True,
    keep_checkpoints: bool = False,
    max_unreadable: float | None = None,
    balance: str | None = None,
    splits: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    layout: str | None = None,
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    listen: Listener = show_progress,
    notice: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train a classifier on a folder, an archive or a named data set, and write its run folder.

    The arguments mean the same as on the command line; a number as `budget` is in seconds. `overrides` are recipe fields by dotted name,
    `splits` another run's splits.json, used instead of the run's own split. `listen` receives every event, with several workers only on the
    first; `notice` receives them on every worker; `should_stop` is called after each step. A process that torchrun has started is one of
    several workers: `layout` is how they share the network (data, towers, hybrid), and the first one reports and writes.
    Raises AlexNetError for every mistake of the user, before the long work wherever possible.
    """
    refuse_in_import()
    check_kinds(
        model=model,
        recipe=recipe,
        out=out,
        epochs=epochs,
        budget=budget,
        seed=seed,
        image_size=image_size,
        workers=workers,
        weights=weights,
        splits=splits,
        overrides=overrides,
        layout=layout,
        max_unreadable=max_unreadable,
        balance=balance,
    )
    started, data = time.monotonic(), with_labels(data, labels)
    with join_workers(device) as world:
        listen = _both(notice, listen) if world.first else notice
        require_out(out, world)
        resume = should_resume(out, world, requested=resume)
        recipe = recipe_to_resume(recipe, out, resume=resume)
        folders = _first(layout_of_folders, _field(overrides, "layout_of_folders"), layout_of_recipe(recipe))
        dataset, chosen_device = _opened(data, folders, resume=resume), device_of(device, world)
        alone = splits is None  # of runs that share a split, the verb that made it tells what is known of the images
        if alone:
            tell_remarks(dataset, listen)
        start_measuring_memory(chosen_device)
        request = TrainingRequest(
            data=str(data),
            model=model,
            recipe=recipe,
            weights=str(weights) if weights is not None else None,
            seed=seed,
            image_size=image_size,
            overrides=dict(overrides or {}) | _lengths(epochs, budget) | _allowed(max_unreadable),
            layout=layout,
            layout_of_folders=layout_of_folders,
            balance=balance,
            shares_a_split=not alone,
        )
        begun = _begun(out, world, resume=resume)
        resolved = resolve(request, dataset, device=chosen_device, world=world, started=begun, listen=listen)
        folder = RunFolder(_folder(out, dataset.name, resolved), writes=world.first)
        live = LiveRun(folder.path) if folder.writes and alone else None
        context = RunContext(
            folder=folder,
            dataset=dataset,
            device=chosen_device,
            listen=listen if live is None else _both(live, listen),
            live=live,
            should_stop=should_stop,
            splits=Path(splits) if splits is not None else None,
            decoders=own_cpus(world) if workers is None else workers,
            world=world,
            with_baseline=baseline,
            keep_checkpoints=keep_checkpoints,
            started=started,
        )
        return run(resolved, context, resume=resume)


def run(resolved: ResolvedRun, context: RunContext, *, resume: bool) -> Result:
    """Carry out a resolved run. A finished run returns its result at once; an interrupted one notes how to resume on the exception.

    The folder is this process's own until the end; raises BadRun if another process owns it.
    """
    try:
        with start_together(resolved, context, resume=resume):
            if context.keep_checkpoints and context.world.first:
                context.folder.keep_checkpoints()
            done = context.folder.finished()
            if done is not None:
                context.folder.remove_checkpoints()  # left by a process that was killed before it could
                context.listen(Message(f"{context.folder.path} has already finished: nothing to do."))
                return done
            return _carried_out(resolved, context)
    except (KeyboardInterrupt, Interrupted, CannotWrite) as stop:
        stop.add_note(
            f"Resume with: {shlex.join([*launch_command(context.world), 'train', '--out', str(context.folder.path), '--resume'])}"
        )
        raise


def _carried_out(resolved: ResolvedRun, context: RunContext) -> Result:
    if context.live is not None:
        context.live.begin(resolved.recipe.model, context.folder.path)
    context.listen(Message(f"Model {resolved.recipe.model}: {resolved.model_reason}."))
    prepared = prepare(resolved, context)
    fitted = fit(resolved, context, prepared)
    context.folder.release_checkpoints()
    result = finish(resolved, context, prepared, fitted)
    if context.live is not None:
        context.live.remove()
    context.folder.remove_checkpoints()  # after the result: whatever happens between, the run has finished
    return result


def _begun(out: str | Path | None, world: Workers, *, resume: bool) -> Recipe | None:
    """The recipe that the run to resume was started with; None for a new one. Raises BadRun if its folder is not free."""
    if out is None:
        return None
    folder = RunFolder(Path(out))
    if world.size == 1:  # before a probe; several workers check it together, in `start_together`
        folder.check_free(resume=resume)
    return folder.started() if resume else None


def _opened(data: str | Path, layout: str | None, *, resume: bool) -> Dataset:
    try:
        return open_dataset(data, layout_of_folders=layout)
    except BadDataset as problem:
        if resume and not Path(data).is_absolute():
            problem.add_note(f"The run to resume has its data at '{data}', as seen from the folder where it was started: resume it there.")
        raise


def _lengths(epochs: float | None, budget: str | float | None) -> dict[str, Any]:
    """The recipe fields that --epochs and --budget set."""
    fields: dict[str, Any] = {"training.epochs": epochs} if epochs is not None else {}
    if budget is not None:
        fields["training.budget_seconds"] = seconds_of(budget)
    return fields


def _allowed(max_unreadable: float | None) -> dict[str, Any]:
    return {} if max_unreadable is None else {"max_unreadable": max_unreadable}


def _field(overrides: Mapping[str, Any] | None, name: str) -> Any:
    """The value of a recipe field that the user sets by its name, with hyphens or underscores; None if it is not set."""
    return {given.replace("-", "_"): value for given, value in (overrides or {}).items()}.get(name)


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)


def _folder(out: str | Path | None, dataset: str, resolved: ResolvedRun) -> Path:
    return Path(out) if out is not None else free_folder(Path("runs"), dataset, resolved.recipe.model)


def _both(one: Listener, other: Listener) -> Listener:
    def both(event: Event) -> None:
        one(event)
        other(event)

    return both
