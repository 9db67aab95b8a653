"""The lecture's middle arm, between hand-crafted features and joint training: an SVM on a network's last hidden layer, frozen.

With the weights of a network that was trained on other images, it is DeCAF (Donahue et al., ICML 2014): features learned once.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.open import open_dataset
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.errors import Interrupted
from alexnet.inference.classifier import load
from alexnet.models.handcrafted.svm import operations
from alexnet.models.kinds import FROZEN
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.model import NetworkModel
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.resolve import ResolvedRun
from alexnet.recipes.toml import from_toml
from alexnet.runs.context import RunContext
from alexnet.runs.familiarity import familiarity_of
from alexnet.runs.finish import finish
from alexnet.runs.fit_handcrafted import solver_summary
from alexnet.runs.fit_network import new_model
from alexnet.runs.folder import RunFolder
from alexnet.runs.prepare import read_images, some_images
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult, Result, read_result
from alexnet.runtime.device import autocast, choose_precision
from alexnet.runtime.events import Listener, Message, silent
from alexnet.runtime.machine import available_cpus
from alexnet.storage.files import write_atomically
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.model_selection import choose
from alexnet.training.svm.rows import FeatureSet


def fit_linear_probe(
    network_run: Path,
    out: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    listen: Listener = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Fit a linear SVM to the last hidden layer of a finished run, on the run's own split, and write the run folder `out`.

    Its seconds include the network's training. If `out` is finished, returns its result at once. Raises BadRun if `network_run` is not.
    """
    source, folder = RunFolder(Path(network_run)), RunFolder(Path(out))
    classifier = load(network_run, device=device)
    resolved = _resolved(source, classifier.model_card.model)
    folder.start(resolved.recipe, resume=folder.recipe.exists())
    done = folder.finished()
    if done is not None:
        return done
    context = RunContext(
        folder=folder,
        dataset=open_dataset(resolved.recipe.data, layout_of_folders=resolved.recipe.layout_of_folders),
        device=classifier.device,
        listen=listen,
        should_stop=should_stop,
        decoders=available_cpus() if workers is None else workers,
        started=time.monotonic() - read_result(source.result).seconds,
    )
    write_atomically(folder.splits, source.splits.read_text(encoding="utf-8"))
    images = read_images(resolved, context)
    prepared = Prepared(images=images, splits=folder.read_splits(context.dataset), preprocess=classifier.model_card.preprocess)
    assert isinstance(classifier.model, NetworkModel)
    return finish(resolved, context, prepared, _fitted(resolved, context, prepared, classifier.model))


def fit_frozen(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
    """Fit NETWORK+svm to a run's images: the network keeps the weights that the recipe names."""
    network = new_model(resolved, context, prepared.preprocess, some_images(prepared.images, prepared.splits))
    return _fitted(resolved, context, prepared, network.eval())


def _resolved(source: RunFolder, network: str) -> ResolvedRun:
    """The network's own recipe, with the model's name changed to that of its frozen features."""
    recipe = with_overrides(source.started() or from_toml(source.recipe), {"model": network + FROZEN})
    return ResolvedRun(recipe=recipe, model_reason=f"it uses the features of {source.path}")


def _fitted(resolved: ResolvedRun, context: RunContext, prepared: Prepared, network: NetworkModel) -> FitResult:
    splits, store, started = prepared.splits, prepared.images, time.monotonic()
    context.listen(Message(f"Computing the last hidden layer of {len(splits.train) + len(splits.validation):,} pictures ..."))
    parts = (splits.train, splits.validation)
    hidden = [_hidden(resolved, context, network, store, part) for part in parts]
    sets = [FeatureSet(rows, store.labels_of(part)) for rows, part in zip(hidden, parts, strict=True)]
    rate = (len(splits.train) + len(splits.validation)) / (time.monotonic() - started)
    choice = choose(
        *sets,
        classes=len(context.dataset.classes),
        kernel="linear",
        config=SolverConfig(kernel="linear", refit=False, balance=resolved.recipe.training.machine_balance),
        seed=resolved.recipe.seed,
        device=context.device,
        should_stop=context.should_stop,
    )
    model = LinearProbe(network, choice.machine).to(context.device)
    layers = network.network.layers
    return FitResult(
        model=model,
        validation_error=choice.validation_error,
        validation_balanced_error=choice.validation_balanced_error,
        balanced=choice.balanced,
        epochs=1.0,
        seconds=time.monotonic() - started,
        images_per_second=rate,
        parameters=sum(layer.parameters for layer in layers[:-1]) + sum(v.numel() for v in choice.machine.state_dict().values()),
        macs=sum(layer.macs for layer in layers[:-1]) + operations(choice.machine),
        machine=choice.machine.spec(),
        solver=solver_summary(choice, len(splits.train), len(splits.validation)),
        familiarity=familiarity_of(np.concatenate(hidden), len(splits.train), seed=resolved.recipe.seed),
    )


def _hidden(
    resolved: ResolvedRun, context: RunContext, network: NetworkModel, store: ImageStore, indices: Sequence[int]
) -> NDArray[np.float16]:
    """The last hidden layer (n, units), computed in the precision that the classifier will use."""
    blocks = []
    parts = [indices[start : start + 64] for start in range(0, len(indices), 64)]
    precision = choose_precision(resolved.recipe.training.precision, context.device)
    with torch.inference_mode(), autocast(precision, context.device):
        for images in store.stream(parts):
            if context.should_stop():
                raise Interrupted("Stopped while features were being extracted.")
            blocks.append(network.hidden(centre_crop(images.to(context.device), network.image_size)).float().cpu().numpy())
    return np.concatenate(blocks).astype(np.float16)
