"""The lecture's middle arm, between features by hand and joint training: a network's last hidden layer, frozen, under an SVM."""

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
from alexnet.inference.model_card import FROZEN
from alexnet.models.handcrafted.svm import operations
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.model import NetworkModel
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.toml import from_toml
from alexnet.runs.finish import finish
from alexnet.runs.fit_handcrafted import solver_story
from alexnet.runs.folder import Run, RunFolder
from alexnet.runs.prepare import labels_of, read_images
from alexnet.runs.result import FitResult, Result, result_from_json
from alexnet.runtime.events import Listener, Message, silent
from alexnet.runtime.machine import available_cpus
from alexnet.storage.files import read_object, write_atomically
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
    """Fit a linear SVM on the last hidden layer of a finished run, on the run's own split, into the run folder `out`.

    Its seconds count the network's training too. A finished `out` gives its result at once. Raises BadRun for a run that is not finished.
    """
    started, source, folder = time.monotonic(), RunFolder(Path(network_run)), RunFolder(Path(out))
    classifier = load(network_run, device=device)
    recipe = from_toml(source.recipe)
    folder.start(with_overrides(recipe, {"model": classifier.card.model + FROZEN}), resume=folder.recipe.exists())
    done = folder.finished()
    if done is not None:
        return result_from_json(done)
    run = Run(
        folder,
        recipe,
        f"its features are those of {network_run}",
        open_dataset(recipe.data),
        classifier.device,
        listen,
        should_stop,
        None,
        started,
    )
    write_atomically(folder.splits, source.splits.read_text(encoding="utf-8"))
    store = read_images(run, available_cpus() if workers is None else workers)
    assert isinstance(classifier.model, NetworkModel)
    fitted = _fitted(run, classifier.model, store)
    run.recipe = with_overrides(recipe, {"model": classifier.card.model + FROZEN})
    run.started -= float(read_object(source.result, ("seconds",))["seconds"])
    return finish(run, fitted, classifier.card.preprocess, store, folder.read_splits(run.dataset), None)


def _fitted(run: Run, network: NetworkModel, store: ImageStore) -> FitResult:
    splits, started = run.folder.read_splits(run.dataset), time.monotonic()
    run.listen(Message(f"The last hidden layer of {len(splits.train) + len(splits.validation):,} pictures ..."))
    sets = [FeatureSet(_hidden(run, network, store, part), labels_of(store, part)) for part in (splits.train, splits.validation)]
    rate = (len(splits.train) + len(splits.validation)) / (time.monotonic() - started)
    choice = choose(
        *sets,
        classes=len(run.dataset.classes),
        kernel="linear",
        config=SolverConfig(kernel="linear", refit=False),
        seed=run.recipe.seed,
        device=run.device,
        should_stop=run.should_stop,
    )
    model = LinearProbe(network, choice.machine).to(run.device)
    layers = network.network.layers
    return FitResult(
        model=model,
        validation_error=choice.validation_error,
        epochs=1.0,
        seconds=time.monotonic() - started,
        images_per_second=rate,
        parameters=sum(layer.parameters for layer in layers[:-1]) + sum(v.numel() for v in choice.machine.state_dict().values()),
        macs=sum(layer.macs for layer in layers[:-1]) + operations(choice.machine),
        machine=choice.machine.spec(),
        solver=solver_story(choice, len(splits.train), len(splits.validation)),
    )


def _hidden(run: Run, network: NetworkModel, store: ImageStore, indices: Sequence[int]) -> NDArray[np.float16]:
    blocks = []
    parts = [indices[start : start + 64] for start in range(0, len(indices), 64)]
    with torch.inference_mode():
        for images in store.stream(parts):
            if run.should_stop():
                raise Interrupted("Stopped while features are extracted.")
            blocks.append(network.hidden(centre_crop(images.to(run.device), network.image_size)).float().cpu().numpy())
    return np.concatenate(blocks).astype(np.float16)
