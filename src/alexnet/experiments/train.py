"""One run from pictures to report: the job of `alexnet train`, and of every cell of a study later."""

import json
import os
import shlex
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet.classifier import build_model, last_layer
from alexnet.data.augment import ColourPCA, centre_crop, colour_pca
from alexnet.data.batches import AugmentedBatches, plain_batches
from alexnet.data.datasets import open_dataset
from alexnet.data.duplicates import groups
from alexnet.data.pictures import Pictures, check_readable, open_pictures
from alexnet.data.preprocess import Preprocess, measured
from alexnet.data.splits import Splits, make_splits
from alexnet.device import choose_device, keep_freed_memory
from alexnet.errors import BadDataset
from alexnet.experiments.budget import planned_size
from alexnet.experiments.conclude import REPORT_SECONDS, Result, conclude, views_looked_at
from alexnet.experiments.plan import Plan, plan, recipe_to_go_on_with, seconds_of
from alexnet.experiments.runs import Run, RunFolder, free_folder, write_whole
from alexnet.models.calibrate import calibrate
from alexnet.models.pixels import NetworkModel
from alexnet.models.weights import load_weights, read_weights
from alexnet.training.budget import Budget
from alexnet.training.checkpoint import Checkpoints, read_tensors
from alexnet.training.events import EpochDone, Event, Listener, Message, Reading, silent
from alexnet.training.loop import Interrupted, Training, fit
from alexnet.training.state import TrainingState

STATISTICS_PICTURES = 5_000  # enough for a mean and a 3x3 covariance


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
    changes: Mapping[str, Any] | None = None,
    listen: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train a classifier on a folder, an archive or a named data set, and write its run folder.

    The words mean what they mean on the command line; `changes` are recipe fields by dotted name. `listen` gets every
    event; `should_stop` is asked after each step. Raises AlexNetError for every mistake, before the long work where it can be known.
    """
    started = time.monotonic()
    keep_freed_memory()
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
            return Result(**done)
        listen(Message(f"Model {planned.recipe.model}: {planned.model_reason}."))
        run = Run(folder, planned.recipe, planned.model_reason, dataset, chosen_device, listen, should_stop, started)
        return _run(run, planned, _processors() if workers is None else workers)
    except (KeyboardInterrupt, Interrupted) as stop:
        stop.add_note(f"Go on with: {shlex.join(['alexnet', 'train', '--out', str(folder.path), '--resume'])}")
        raise


def _run(run: Run, planned: Plan, workers: int) -> Result:
    run.recipe = planned_size(planned, run)
    pictures = _open_pictures(run, workers)
    splits = _splits(run, pictures)
    pca = _statistics(pictures, splits, run.recipe.seed)
    preprocess = measured(run.recipe.preprocess, pca)
    model = _new_model(run, preprocess, _some(pictures, splits))
    state = _fit(run, model, pictures, splits, pca)
    best, _ = read_tensors(run.folder.checkpoints / "best.safetensors")
    model.load_state_dict(best)
    run.folder.write_history(state.history)
    return conclude(run, model, preprocess, pictures, splits, state)


def _open_pictures(run: Run, workers: int) -> Pictures:
    sizes = run.recipe.preprocess
    run.listen(Message(f"Reading {len(run.dataset.items):,} pictures of {len(run.dataset.classes)} classes ..."))
    reading = partial(_tell_reading, run.listen)
    pictures = open_pictures(run.dataset, sizes.stored_size, sizes.fit, workers=workers, check=False, on_progress=reading)
    run.folder.write_skipped((skip.name, skip.class_name, skip.reason) for skip in pictures.skipped)
    if pictures.skipped:
        run.listen(Message(f"{len(pictures.skipped):,} files cannot be read and are left out: see {run.folder.skipped}"))
    check_readable(run.dataset, pictures.skipped)
    return pictures


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tell_reading(listen: Listener, done: int, total: int) -> None:
    listen(Reading(done, total))


def _splits(run: Run, pictures: Pictures) -> Splits:
    if run.folder.splits.exists():
        return run.folder.read_splits(run.dataset)
    splits = make_splits(run.dataset, pictures.readable, groups(pictures.fingerprints).tolist(), seed=run.recipe.seed)
    if not splits.validation:
        raise BadDataset(
            f"{run.dataset.name} has too few pictures: none can be spared to choose the weights by. Two of a class are the least."
        )
    write_whole(run.folder.splits, json.dumps(splits.to_json(run.dataset), ensure_ascii=False))
    sizes = f"{len(splits.train):,} training, {len(splits.validation):,} validation, {len(splits.test):,} test"
    run.listen(Message(f"Pictures: {sizes}."))
    return splits


def _some(pictures: Pictures, splits: Splits) -> Tensor:
    """Some training pictures, spread evenly: uint8 (at most 512, 3, stored, stored)."""
    return next(pictures.stream([splits.train[:: -(-len(splits.train) // 512)]]))


def _statistics(pictures: Pictures, splits: Splits, seed: int) -> ColourPCA:
    """Mean and colour covariance of the training pictures alone (a seeded sample of them)."""
    order = torch.randperm(len(splits.train), generator=torch.Generator().manual_seed(seed))[:STATISTICS_PICTURES]
    sample = [splits.train[i] for i in sorted(order.tolist())]
    parts = [sample[start : start + 256] for start in range(0, len(sample), 256)]
    return colour_pca(pictures.stream(parts))


def _new_model(run: Run, preprocess: Preprocess, sample: Tensor) -> NetworkModel:
    recipe = run.recipe
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.model, recipe.network, len(run.dataset.classes), recipe.preprocess.channels, preprocess)
    if recipe.weights:
        for line in load_weights(model.network, read_weights(recipe.weights), last_layer(model)):
            run.listen(Message(line))
    elif model.network.architecture.initialisation == "pictures":
        calibrate(model, centre_crop(sample, recipe.preprocess.image_size))
    return model.to(run.device, torch.float64 if recipe.training.precision == "fp64" else None)


def _fit(run: Run, model: NetworkModel, pictures: Pictures, splits: Splits, pca: ColourPCA) -> TrainingState:
    recipe, training, size = run.recipe, run.recipe.training, run.recipe.preprocess.image_size
    batches = AugmentedBatches(
        pictures,
        splits.train,
        size=size,
        batch_size=training.batch_size,
        config=recipe.augment,
        pca=pca,
        seed=recipe.seed,
        device=run.device,
    )
    return fit(
        Training(
            model=model,
            batches=batches,
            validation=lambda: plain_batches(pictures, splits.validation, size=size, batch_size=256, device=run.device),
            config=training,
            checkpoints=Checkpoints(run.folder.checkpoints, training.checkpoint_seconds),
            seed=recipe.seed,
            device=run.device,
            budget=_budget(run, splits),
            listen=_recording(run),
            should_stop=run.should_stop,
        )
    )


def _budget(run: Run, splits: Splits) -> Budget | None:
    training = run.recipe.training
    if not training.budget_seconds:
        return None
    return Budget(
        deadline=run.started + training.budget_seconds,
        reserve_seconds=REPORT_SECONDS,
        batch_size=training.batch_size,
        validation_images=len(splits.validation),
        final_images=len(splits.test) * views_looked_at(run.recipe),
    )


def _recording(run: Run) -> Listener:
    """Write history.jsonl as epochs end, then tell the run's listener."""
    rows: list[dict[str, float]] = []

    def record(event: Event) -> None:
        if isinstance(event, EpochDone):
            rows.append(event.row)
            run.folder.append_history(event.row)
        run.listen(event)

    return record
