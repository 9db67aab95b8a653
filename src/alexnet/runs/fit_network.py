"""A network fitted to a run's images by gradient descent: built, started, trained, its best weights taken."""

from dataclasses import asdict

import torch
from torch import Tensor, nn

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.batches import AugmentedBatches, plain_batches
from alexnet.data.pipeline.colour_statistics import ColourPCA
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model, last_layer
from alexnet.models.networks.data_dependent_init import calibrate
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import count_parameters
from alexnet.models.weights.load import load_weights, read_weights
from alexnet.runs.folder import Run
from alexnet.runs.prepare import some_images
from alexnet.runs.result import REPORT_SECONDS, FitResult, views_looked_at
from alexnet.runtime.events import EpochDone, Event, Listener, Message
from alexnet.runtime.machine import keep_freed_memory
from alexnet.storage.tensors import read_tensors
from alexnet.training.budget import Budget
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.loop import Training, fit
from alexnet.training.parallel.base import Layout
from alexnet.training.parallel.registry import parallelize
from alexnet.training.state import TrainingState


def fit_network(run: Run, store: ImageStore, splits: Splits, pca: ColourPCA, preprocess: Preprocess) -> FitResult:
    """Train the recipe's network, from the last checkpoint where there is one; it comes back with the weights that validation chose."""
    keep_freed_memory()
    sample = some_images(store, splits)
    model = new_model(run, preprocess, sample)
    layout = parallelize(model, run.layout, run.world, run.recipe.training)
    state = _fit(run, layout, store, splits, pca)
    if layout.dims:
        model = new_model(run, preprocess, sample)  # whole again, on every worker
    best, _ = read_tensors(run.folder.checkpoints / "best.safetensors")
    model.load_state_dict(best)
    run.folder.write_history(state.history)
    last, layers = state.history[-1], model.network.layers
    return FitResult(
        model=model,
        validation_error=state.best_error,
        epochs=last["epoch"],
        seconds=state.seconds,
        images_per_second=last["images_per_second"],
        parameters=count_parameters(model.network),
        macs=sum(layer.macs for layer in layers),
        history=tuple(state.history),
        layers=tuple(asdict(layer) for layer in layers),
        filters=_first_filters(model),
    )


def new_model(run: Run, preprocess: Preprocess, sample: Tensor) -> NetworkModel:
    """The recipe's network before training: drawn from its seed, loaded, or calibrated on a sample of images."""
    recipe = run.recipe
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.model, recipe.network, len(run.dataset.classes), recipe.preprocess.channels, preprocess)
    if recipe.weights:
        for line in load_weights(model.network, read_weights(recipe.weights), last_layer(model)):
            run.listen(Message(line))
    elif model.network.architecture.initialisation == "images":
        calibrate(model, centre_crop(sample, recipe.preprocess.image_size))
    return model.to(run.device, torch.float64 if recipe.training.precision == "fp64" else None)


def _fit(run: Run, layout: Layout, store: ImageStore, splits: Splits, pca: ColourPCA) -> TrainingState:
    recipe, training, size = run.recipe, run.recipe.training, run.recipe.preprocess.image_size
    batches = AugmentedBatches(
        store,
        splits.train,
        size=size,
        batch_size=training.batch_size,
        config=recipe.augment,
        pca=pca,
        seed=recipe.seed,
        device=run.device,
        rows=layout.rows,
    )
    return fit(
        Training(
            model=layout.model,
            batches=batches,
            validation=lambda: plain_batches(
                store, splits.validation, size=size, batch_size=256 * run.world.size, device=run.device, rows=layout.rows
            ),
            config=training,
            checkpoints=Checkpoints(run.folder.checkpoints, training.checkpoint_seconds, layout),
            seed=recipe.seed,
            device=run.device,
            budget=_budget(run, splits),
            listen=_recording(run),
            should_stop=run.should_stop,
            layout=layout,
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

    def record(event: Event) -> None:
        if isinstance(event, EpochDone):
            run.folder.append_history(event.row)
        run.listen(event)

    return record


def _first_filters(model: NetworkModel) -> Tensor:
    """What the first layer looks for, (maps, channels, k, k); of a fully connected one, whole images."""
    network = model.network
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    weight = first.weight.detach().float().cpu()
    return weight if weight.dim() == 4 else weight.unflatten(1, (network.channels, network.image_size, -1))
