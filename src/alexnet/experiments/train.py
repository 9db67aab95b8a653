"""One run from pictures to report: the job of `alexnet train`, and of every cell of a comparison or a study."""

import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alexnet.data.datasets import open_dataset
from alexnet.data.preprocess import Preprocess, measured
from alexnet.device import choose_device, forget_peak_memory
from alexnet.experiments.baseline import fit_baseline
from alexnet.experiments.budget import planned_size
from alexnet.experiments.conclude import Result, conclude, kept_result
from alexnet.experiments.fit_network import fit_network
from alexnet.experiments.fit_system import fit_system
from alexnet.experiments.gather import colour_statistics, processors, read_pictures, split_pictures
from alexnet.experiments.plan import Plan, plan, recipe_to_go_on_with, seconds_of
from alexnet.experiments.runs import Run, RunFolder, free_folder
from alexnet.models.handcrafted.system import SYSTEMS
from alexnet.training.events import Listener, Message, silent
from alexnet.training.loop import Interrupted


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
    changes: Mapping[str, Any] | None = None,
    listen: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train a classifier on a folder, an archive or a named data set, and write its run folder.

    The words mean what they mean on the command line; `changes` are recipe fields by dotted name, `splits` another run's splits.json that
    takes the place of a split of our own. `listen` gets every
    event; `should_stop` is asked after each step. Raises AlexNetError for every mistake, before the long work where it can be known.
    """
    started = time.monotonic()
    forget_peak_memory()
    chosen_device = choose_device(device)
    dataset = open_dataset(data)
    fields = dict(changes or {})
    fields |= {"training.epochs": epochs} if epochs is not None else {}
    fields |= {"training.budget_seconds": seconds_of(budget)} if budget is not None else {}
    recipe = recipe_to_go_on_with(recipe, out, resume=resume)
    planned = plan(str(data), dataset, model=model, recipe=recipe, weights=weights, seed=seed, image_size=image_size, changes=fields)
    folder = RunFolder(Path(out) if out is not None else free_folder(Path("runs"), f"{dataset.name}-{planned.recipe.model}"))
    try:
        folder.start(planned.recipe, resume=resume)
        done = folder.finished()
        if done is not None:
            listen(Message(f"{folder.path} has already finished; nothing to do."))
            return kept_result(done)
        listen(Message(f"Model {planned.recipe.model}: {planned.model_reason}."))
        run = Run(
            folder,
            planned.recipe,
            planned.model_reason,
            dataset,
            chosen_device,
            listen,
            should_stop,
            Path(splits) if splits else None,
            started,
        )
        return _run(run, planned, processors() if workers is None else workers, baseline)
    except (KeyboardInterrupt, Interrupted) as stop:
        stop.add_note(f"Go on with: {shlex.join(['alexnet', 'train', '--out', str(folder.path), '--resume'])}")
        raise


def _run(run: Run, planned: Plan, workers: int, baseline: bool) -> Result:
    if run.recipe.model in SYSTEMS:
        pictures = read_pictures(run, workers)
        splits = split_pictures(run, pictures)
        return conclude(run, fit_system(run, pictures, splits), _as_they_are(run), pictures, splits, None)
    run.recipe = planned_size(planned, run)
    pictures = read_pictures(run, workers)
    splits = split_pictures(run, pictures)
    beside = fit_baseline(run, pictures, splits) if baseline else None
    pca = colour_statistics(pictures, splits, run.recipe.seed)
    preprocess = measured(run.recipe.preprocess, pca)
    return conclude(run, fit_network(run, pictures, splits, pca, preprocess), preprocess, pictures, splits, beside)


def _as_they_are(run: Run) -> Preprocess:
    """A hand-crafted system normalises inside."""
    sizes = run.recipe.preprocess
    return Preprocess(image_size=sizes.image_size, stored_size=sizes.stored_size, fit=sizes.fit, mean=(0.0,) * 3, std=(1.0,) * 3)
