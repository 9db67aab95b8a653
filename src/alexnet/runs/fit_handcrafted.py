"""Fitting a hand-crafted system to a run's images: dictionaries from a sample, features on disk, one convex problem."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.errors import BadDataset, Interrupted
from alexnet.i18n.phrases import ENGLISH
from alexnet.models.handcrafted.features import Dictionary, build_features, descriptions_of, detector_of, dictionaries_needed
from alexnet.models.handcrafted.model import HandcraftedModel, images_at_once
from alexnet.models.handcrafted.systems import FeatureConfig
from alexnet.models.weights.efficientnet_lite import read_features
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.familiarity import familiarity_of
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult
from alexnet.runtime.device import one_torch_thread
from alexnet.runtime.events import Extracting, Message
from alexnet.runtime.thread_pool import map_in_order
from alexnet.training.dictionaries import fit_dictionary, sample_indices, sampled, wanted_descriptors
from alexnet.training.feature_cache import LARGEST, FeatureCache, Rows, delete_features, digest_of
from alexnet.training.svm.candidates import Trial
from alexnet.training.svm.config import SolverConfig
from alexnet.training.svm.model_selection import Choice, choose
from alexnet.training.svm.rows import FeatureSet

SAMPLED_IMAGES = 2_000  # at most, for PCA, visual words and Gaussians


@dataclass(frozen=True, slots=True)
class _Extraction:
    """The features to extract, and the images to extract them from, in order."""

    features: nn.Module
    store: ImageStore
    indices: tuple[int, ...]


def fit_handcrafted(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
    """Fit the recipe's system. An interrupted extraction of features is resumed; everything else is repeated."""
    recipe, store, splits = resolved.recipe, prepared.images, prepared.splits
    started = time.monotonic()
    dictionaries = _dictionaries(resolved, context, prepared)
    features = build_features(recipe.features, recipe.preprocess.image_size, dictionaries).to(context.device).eval()
    rows, rate = _extracted(resolved, context, _Extraction(features, store, splits.train + splits.validation), dictionaries)
    train, labels = len(splits.train), store.labels_of(splits.train + splits.validation)
    choice = choose(
        FeatureSet(rows[:train], labels[:train]),
        FeatureSet(rows[train:], labels[train:]),
        classes=len(context.dataset.classes),
        kernel=recipe.solver.kernel,
        config=_solver(resolved, context),
        seed=recipe.seed,
        device=context.device,
        together=FeatureSet(rows, labels),
        report=lambda text: context.listen(Message(text)),
        should_stop=context.should_stop,
    )
    size, classes = recipe.preprocess.image_size, len(context.dataset.classes)
    model = HandcraftedModel(recipe.features, dictionaries, choice.machine, image_size=size, classes=classes).to(context.device)
    familiarity = familiarity_of(rows, train, seed=recipe.seed) if context.splits is None else None
    del rows
    delete_features(context.folder.features)
    return FitResult(
        model=model,
        validation_error=choice.validation_error,
        validation_balanced_error=choice.validation_balanced_error,
        balanced=choice.balanced,
        epochs=1.0,  # each image is read once
        seconds=time.monotonic() - started,
        images_per_second=rate,
        parameters=model.parameters_fitted,
        macs=model.macs,
        machine=choice.machine.spec(),
        solver=solver_summary(choice, train, len(splits.validation)),
        familiarity=familiarity,
    )


def _solver(resolved: ResolvedRun, context: RunContext) -> SolverConfig:
    """The recipe's solver, without the final fit on validation images if other runs share the split or the fraction of images."""
    shared = resolved.recipe.fraction < 1 or context.splits is not None
    return replace(resolved.recipe.solver, refit=False) if shared else resolved.recipe.solver


def solver_summary(choice: Choice, training: int, validation: int) -> dict[str, object]:
    """The solution of the convex problem, for the report and for JSON, with its optimality gap. training, validation: numbers of images."""
    return {
        "kernel": choice.kernel + ("" if choice.exact else " (explicit map)" if choice.kernel != "linear" else ""),
        **({"method": ENGLISH.plain(f"report.method_{choice.method}")} if choice.method else {}),
        "trained on": _trained_on(choice, training, validation),
        "C": choice.strength,
        **({"classes": ENGLISH.plain("report.classes_balanced")} if choice.balanced else {}),
        **({"gamma": choice.gamma} if choice.gamma is not None else {}),
        "primal objective": choice.primal,
        "dual objective": choice.dual,
        "relative duality gap": choice.relative_gap,
        "passes": choice.passes,
        "seconds": choice.seconds,
        "tried": {_name(trial): _trial(trial) for trial in choice.trials},
    }


def _trained_on(choice: Choice, training: int, validation: int) -> str:
    if not choice.refitted:
        return ENGLISH.plain("report.fitted_to", training=f"{training:,}")
    return ENGLISH.plain("report.fitted_to_all", training=f"{training:,}", validation=f"{validation:,}")


def _name(trial: Trial) -> str:
    gamma = {} if trial.gamma is None else {"gamma": f"{trial.gamma:.3g}"}
    name = f"report.trial_name{'_gamma' if gamma else ''}{'_balanced' if trial.balanced else ''}"
    return ENGLISH.plain(name, strength=f"{trial.strength:g}", **gamma)


def _trial(trial: Trial) -> str:
    shares = {"error": trial.validation_error, "training": trial.training_error, "gap": trial.relative_gap}
    return ENGLISH.plain("report.trial", **{name: f"{share:.2%}" for name, share in shares.items()})


def _dictionaries(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> list[Dictionary]:
    """One dictionary for each kind of descriptor, fitted to training images alone; or the weights of the pretrained network."""
    config, size, seed = resolved.recipe.features, resolved.recipe.preprocess.image_size, resolved.recipe.seed
    if not dictionaries_needed(config):
        return []
    if config.is_pretrained:
        return [read_features()]
    splits, store = prepared.splits, prepared.images
    chosen = sample_indices(splits.train, SAMPLED_IMAGES, seed)
    wanted = wanted_descriptors(config)
    found: list[Dictionary] = []
    for describe, positions in _describers(config, size, context.device):
        share = min(1.0, wanted / (positions * len(chosen)))
        blocks = (block.numpy() for _, block in _in_threads(describe, _batches(resolved, context, store, chosen), _threads(context)))
        sample = sampled(blocks, wanted, share, seed)
        if not len(sample):
            raise BadDataset(
                f"{resolved.recipe.model} finds no interest points in the training pictures. Use fisher-svm, which samples a dense grid."
            )
        context.listen(Message(f"Fitting {_what(config)} to {len(sample):,} of the training pictures' descriptors ..."))
        found.append(fit_dictionary(sample, config, seed))
        _raise_if_stopped(context)
    return found


def _what(config: FeatureConfig) -> str:
    return f"{config.words:,} visual words" if config.encoding == "words" else f"{config.gaussians} Gaussians"


Describe = Callable[[Tensor], Tensor]  # uint8 images -> descriptors (n, d)


def _describers(config: FeatureConfig, image_size: int, device: torch.device) -> list[tuple[Describe, int]]:
    """For each kind of descriptor: the function, and the number of descriptors per image (approximate for interest points)."""
    if config.descriptor != "sift":
        detector = detector_of(config)
        return [(lambda images: detector(images)[0], 100)]

    def flat(description: nn.Module) -> Describe:
        return lambda images: description(images).flatten(0, 1)

    return [(flat(one.to(device)), len(one.centres)) for one in descriptions_of(config, image_size)]


def _in_threads(work: Callable[[Tensor], Tensor], batches: Iterator[tuple[int, Tensor]], threads: int) -> Iterator[tuple[int, Tensor]]:
    """The results of `work` on each batch, in order, computed a few ahead. Each batch uses one torch thread: faster than several on one."""

    def done(batch: tuple[int, Tensor]) -> tuple[int, Tensor]:
        number, images = batch
        with torch.inference_mode():
            return number, work(images).cpu()

    with one_torch_thread(), closing(map_in_order(done, batches, threads=threads, ahead=2)) as results:
        yield from results


def _batches(resolved: ResolvedRun, context: RunContext, store: ImageStore, indices: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
    """For each batch: the number of its first image, and its images, uint8 (n, 3, S, S), on the run's device."""
    size = resolved.recipe.preprocess.image_size
    count = min(64, images_at_once(resolved.recipe.features, size))
    parts = [indices[start : start + count] for start in range(0, len(indices), count)]
    for number, images in enumerate(store.stream(parts)):
        _raise_if_stopped(context)
        yield number * count, centre_crop(images.to(context.device), size)


def _extracted(
    resolved: ResolvedRun, context: RunContext, extraction: _Extraction, dictionaries: Sequence[Dictionary]
) -> tuple[Rows, float]:
    """The features of all images in half precision, and images per second (0 if all were cached)."""
    recipe, indices = resolved.recipe, extraction.indices
    settings = {"features": asdict(recipe.features), "preprocess": asdict(recipe.preprocess)}
    tensors = {f"{i}.{name}": value for i, one in enumerate(dictionaries) for name, value in one.items()}
    content = np.ascontiguousarray(extraction.store.fingerprints.digests[list(indices)]).tobytes()
    key = digest_of(settings, tensors, content)
    cache = FeatureCache(context.folder.features, key, rows=len(indices), dimensions=int(extraction.features.dimensions))  # type: ignore[arg-type]
    started, before = time.monotonic(), cache.done
    if before:
        context.listen(Message(f"Resuming the extraction of features at picture {before + 1:,} of {len(indices):,}."))
    rows = cache.fill(lambda first: _vectors(resolved, context, extraction, first))
    return rows, (len(indices) - before) / max(1e-9, time.monotonic() - started)


def _vectors(resolved: ResolvedRun, context: RunContext, extraction: _Extraction, first: int) -> Iterator[NDArray[np.floating[Any]]]:
    total, started = len(extraction.indices), time.monotonic()
    batches = _batches(resolved, context, extraction.store, extraction.indices[first:])

    def halves(images: Tensor) -> Tensor:
        vectors: Tensor = extraction.features(images)
        return vectors.clamp_(-LARGEST, LARGEST).half()  # here, where several threads do it

    for number, vectors in _in_threads(halves, batches, _threads(context)):
        yield vectors.numpy()
        done = first + number + len(vectors)
        left = (time.monotonic() - started) / (done - first) * (total - done)
        context.listen(Extracting(done, total, left))


def _threads(context: RunContext) -> int:
    """The number of threads that torch may use; a process of a study has one."""
    return torch.get_num_threads() if context.device.type == "cpu" else 1


def _raise_if_stopped(context: RunContext) -> None:
    if context.should_stop():
        raise Interrupted("Stopped while features were being extracted; those computed so far are saved.")
