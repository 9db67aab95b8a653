"""Fitting a network to a run's images by gradient descent: build, initialise, train, load the best weights."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from alexnet.data.balance import class_weights
from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.batches import AugmentedBatches, plain_batches
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadRun
from alexnet.evaluation.batches import images_at_once
from alexnet.inference.build import build_model, last_layer
from alexnet.models.kinds import FROZEN
from alexnet.models.networks.data_dependent_init import calibrate
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import count_parameters
from alexnet.models.weights.load import load_weights
from alexnet.models.weights.published import read_for
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.familiarity import images_measured
from alexnet.runs.live import ValidationWatch
from alexnet.runs.prepare import some_images
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import REPORT_SECONDS, FitResult, crops_per_image
from alexnet.runs.temperature import best_temperature, images_judged
from alexnet.runtime.events import EpochDone, Event, Listener, Message
from alexnet.runtime.machine import keep_freed_memory
from alexnet.storage.tensors import read_tensors
from alexnet.training.budget import Budget
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import BALANCED_ERROR, TrainingConfig
from alexnet.training.loop import fit
from alexnet.training.parallel.layout import Layout
from alexnet.training.parallel.registry import parallelize
from alexnet.training.state import TrainingState
from alexnet.training.training import Training


def fit_network(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
    """Train the recipe's network, resuming from the last checkpoint if there is one; returns it with the weights that validation chose."""
    keep_freed_memory()
    sample = some_images(prepared.images, prepared.splits)
    model = new_model(resolved, context, prepared.preprocess, sample)
    layout = parallelize(model, resolved.layout, context.world, resolved.recipe.training)
    state = _fit(resolved, context, prepared, layout)
    if layout.dims:
        model = new_model(resolved, context, prepared.preprocess, sample)  # whole again, on every worker
    _load_best(model, context.folder.checkpoints / "best.safetensors")
    model.temperature = best_temperature(model, context, prepared, resolved.recipe.training.precision)
    context.folder.write_history(state.history)
    last, layers = _last_row(state, context.folder.checkpoints), model.network.layers
    best = _best_row(state, resolved.recipe.training)
    return FitResult(
        model=model,
        validation_error=best["validation_error"],
        validation_balanced_error=best.get(BALANCED_ERROR),
        epochs=last["epoch"],
        seconds=state.seconds,
        images_per_second=last["images_per_second"],
        parameters=count_parameters(model.network),
        macs=sum(layer.macs for layer in layers),
        history=tuple(state.history),
        layers=tuple(asdict(layer) for layer in layers),
        filters=_first_filters(model),
    )


def _last_row(state: TrainingState, checkpoints: Path) -> dict[str, float]:
    """The last row of the history, which a state that was read from a file may lack."""
    row = state.history[-1] if state.history else {}
    if not {"epoch", "images_per_second"} <= row.keys():
        raise BadRun(f"The checkpoint in {checkpoints} is of a finished training without its history. Delete it to train again.")
    return row


def _best_row(state: TrainingState, config: TrainingConfig) -> dict[str, float]:
    """The row of the history whose weights validation chose; of a history that lacks it, what the state alone knows."""
    key = config.judged_by
    rows = (row for row in reversed(state.history) if row.get(key) == state.best_error and row.get("validation_loss") == state.best_loss)
    row = next(rows, {key: state.best_error})
    return {"validation_error": state.best_error, **row}


def _load_best(model: NetworkModel, path: Path) -> None:
    best, _ = read_tensors(path)
    try:
        model.load_state_dict(best)
    except RuntimeError:  # names or shapes
        raise BadRun(f"{path} does not hold the weights of this network. Copy the run again, or start a new one.") from None


def new_model(resolved: ResolvedRun, context: RunContext, preprocess: Preprocess, sample: Tensor) -> NetworkModel:
    """The recipe's network before training: initialised from its seed, loaded, or calibrated on a sample of images."""
    recipe = resolved.recipe
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.model, recipe.network, len(context.dataset.classes), recipe.preprocess.channels, preprocess)
    if recipe.weights:
        stored = read_for(recipe.model.removesuffix(FROZEN), recipe.weights)
        for line in [*filter(None, [stored.chosen]), *load_weights(model.network, stored.state, last_layer(model))]:
            context.listen(Message(line))
    else:
        calibrate(model, centre_crop(sample, recipe.preprocess.image_size))
    model.network.fix(recipe.training.fixed_layers)
    model.keeps_statistics = recipe.training.norm_statistics == "kept"
    return model.to(context.device, torch.float64 if recipe.training.precision == "fp64" else None)


def _fit(resolved: ResolvedRun, context: RunContext, prepared: Prepared, layout: Layout) -> TrainingState:
    store, splits = prepared.images, prepared.splits
    recipe, training, size = resolved.recipe, resolved.recipe.training, resolved.recipe.preprocess.image_size
    batches = AugmentedBatches(
        store,
        splits.train,
        size=size,
        batch_size=training.batch_size,
        config=recipe.augment,
        pca=prepared.colours,
        seed=recipe.seed,
        device=context.device,
        rows=layout.rows,
        balance=training.balance,
    )
    watch, at_once = _watch(context, prepared, layout.model), images_at_once(size, context.device)
    return fit(
        Training(
            model=layout.model,
            batches=batches,
            validation=lambda: plain_batches(
                store, splits.validation, size=size, batch_size=at_once * context.world.size, device=context.device, rows=layout.rows
            ),
            config=training,
            checkpoints=Checkpoints(context.folder.checkpoints, training.checkpoint_seconds, layout),
            seed=recipe.seed,
            device=context.device,
            budget=_budget(resolved, context, prepared.splits),
            listen=_recording(context, watch, layout.model),
            on_scores=watch.hear if watch is not None else None,
            should_stop=context.should_stop,
            layout=layout,
            class_weights=_weights(store, splits.train, context) if training.balance == "loss" else None,
            judged_weights=_judged_weights(store, splits, context, training),
        )
    )


def _weights(store: ImageStore, indices: Sequence[int], context: RunContext) -> Tensor:
    """What an image of each class counts so that all classes of these images count the same, float32 (classes,) on the device."""
    weights = class_weights(store.labels_of(indices), len(context.dataset.classes))
    return torch.from_numpy(weights).float().to(context.device)


def _judged_weights(store: ImageStore, splits: Splits, context: RunContext, training: TrainingConfig) -> Tensor | None:
    """What a mistake with a validation image of each class counts, where classes are balanced or differ by much in size; else None."""
    wanted = training.balance != "none" or context.dataset.is_uneven
    return _weights(store, splits.validation, context) if wanted else None


def _budget(resolved: ResolvedRun, context: RunContext, splits: Splits) -> Budget | None:
    training = resolved.recipe.training
    if not training.budget_seconds:
        return None
    return Budget(
        deadline=context.started + training.budget_seconds,
        reserve_seconds=REPORT_SECONDS,
        batch_size=training.batch_size,
        validation_images=len(splits.validation),
        final_images=len(splits.test) * crops_per_image(resolved.recipe) + images_measured(splits) + images_judged(splits),
    )


def _watch(context: RunContext, prepared: Prepared, model: nn.Module) -> ValidationWatch | None:
    if context.live is None or context.world.size > 1 or not isinstance(model, NetworkModel):
        return None
    return ValidationWatch(context.live, context.dataset, prepared.splits.validation, lambda: _first_filters(model))


def _recording(context: RunContext, watch: ValidationWatch | None, model: nn.Module) -> Listener:
    """A listener that writes history.jsonl as epochs end, shows the network to who wants it, and passes every event on."""

    def record(event: Event) -> None:
        if isinstance(event, EpochDone):
            context.folder.append_history(event.row)
            if watch is not None:
                watch.end(event.row["epoch"])
            if context.after_epoch is not None and isinstance(model, NetworkModel):
                context.after_epoch(model)
        context.listen(event)

    return record


def _first_filters(model: NetworkModel) -> Tensor:
    """The filters of the first layer, (maps, channels, k, k); those of a fully connected layer have the size of the images."""
    network = model.network
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    weight = first.weight.detach().float().cpu()
    return weight if weight.dim() == 4 else weight.unflatten(1, (network.channels, network.image_size, -1))
