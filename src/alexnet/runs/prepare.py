"""The second step of a training: read the images, split them, take the recipe's fraction, and measure mean and colours."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from alexnet.data.class_names import quoted
from alexnet.data.curation.duplicates import groups
from alexnet.data.curation.overlaps import inseparable_classes, overlap_remarks
from alexnet.data.curation.scan import UNREADABLE_SHARE
from alexnet.data.curation.splits import VALIDATION_FRACTION, Splits, make_splits, read_split_names, take_fraction
from alexnet.data.dataset import Dataset
from alexnet.data.pipeline.colour_statistics import ColourPCA, colour_pca, measured
from alexnet.data.pipeline.image_store import ImageStore, check_readable, heic_remark, open_images
from alexnet.data.pipeline.random_labels import with_random_labels
from alexnet.data.preprocess import Preprocess, PreprocessConfig
from alexnet.errors import BadDataset
from alexnet.inference.model_card import read_card
from alexnet.inference.model_folder import model_folder
from alexnet.models.kinds import FROZEN_NETWORK, kind_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.baseline import fit_baseline
from alexnet.runs.context import RunContext
from alexnet.runs.prepared import Prepared
from alexnet.runs.workers import check_same_splits
from alexnet.runtime.events import Listener, Message, Reading, silent
from alexnet.storage.files import write_atomically

STATISTICS_IMAGES = 5_000  # enough for a mean and a 3x3 covariance
_ALIKE = "All pictures of {} are near-duplicates of each other, as in a burst or a video, and near-duplicates stay in one split."
SHARED_SIZE = 64  # px, to find near-duplicates for a split that several runs share


def prepare(resolved: ResolvedRun, context: RunContext) -> Prepared:
    """Everything that a fit needs; raises BadDataset if too many images cannot be read, or none are left for validation."""
    images = read_images(resolved, context)
    return prepare_split(resolved, context, images, split_images(resolved, context, images))


def prepare_split(resolved: ResolvedRun, context: RunContext, images: ImageStore, splits: Splits) -> Prepared:
    """The same for images that have been read and split."""
    recipe = resolved.recipe
    if kind_of(recipe.model).fixed_features:
        return Prepared(images=images, splits=splits, preprocess=plain_preprocess(recipe.preprocess))
    check_same_splits(splits, context.world)
    images = with_random_labels(images, splits.train, recipe.training.random_labels, recipe.seed)
    baseline = fit_baseline(resolved, context, images, splits)
    colours = colour_statistics(images, splits, recipe.seed)
    return Prepared(images=images, splits=splits, preprocess=_preprocess(recipe, colours), colours=colours, baseline=baseline)


def _preprocess(recipe: Recipe, colours: ColourPCA) -> Preprocess:
    """Mean and spread of the training images; of frozen features, those that the network of a run was trained with."""
    if kind_of(recipe.model) is FROZEN_NETWORK and Path(recipe.weights).is_dir():
        return read_card(model_folder(Path(recipe.weights)) / "model.json").preprocess
    return measured(recipe.preprocess, colours)


def plain_preprocess(sizes: PreprocessConfig) -> Preprocess:
    """Preprocessing without normalisation: a hand-crafted system normalises its features itself."""
    return Preprocess(image_size=sizes.image_size, stored_size=sizes.stored_size, fit=sizes.fit, mean=(0.0,) * 3, std=(1.0,) * 3)


def read_images(resolved: ResolvedRun, context: RunContext) -> ImageStore:
    """All images at the recipe's size; unreadable files are listed and reported. Raises BadDataset if too much of a class is unreadable."""
    sizes = resolved.recipe.preprocess
    context.listen(Message(f"Reading {len(context.dataset.items):,} pictures of {len(context.dataset.classes)} classes ..."))
    reading = partial(_report_reading, context.listen)
    store = open_images(
        context.dataset, sizes.stored_size, sizes.fit, workers=context.decoders, check=False, on_progress=reading, world=context.world
    )
    context.folder.write_skipped((skip.name, skip.class_name, skip.reason) for skip in store.skipped)
    if store.skipped:
        files = "1 unreadable file" if len(store.skipped) == 1 else f"{len(store.skipped):,} unreadable files"
        context.listen(Message(f"Left out {files}, listed in {context.folder.skipped}."))
    if any(skip.is_heic for skip in store.skipped):
        context.listen(Message(heic_remark(store.skipped)))
    share = resolved.recipe.max_unreadable
    check_readable(context.dataset, store.skipped, UNREADABLE_SHARE if share is None else share)
    return store


def tell_remarks(dataset: Dataset, listen: Listener) -> None:
    """Report what opening the data set has found, a message each."""
    for remark in dataset.remarks:
        listen(Message(remark))


def _report_reading(listen: Listener, done: int, total: int) -> None:
    listen(Reading(done, total))


def split_images(resolved: ResolvedRun, context: RunContext, store: ImageStore) -> Splits:
    """The run's split, made once and read when the run is resumed; raises BadDataset if no images are left for validation."""
    if context.folder.splits.exists():
        return context.folder.read_splits(context.dataset)
    if context.splits is not None:
        splits = Splits.from_json(context.dataset, read_split_names(context.splits))
    else:
        recipe = resolved.recipe
        splits = make_splits(
            context.dataset, store.readable, lambda: _groups(store), seed=recipe.seed, validation_fraction=recipe.validation
        )
    for remark in split_remarks(context.dataset, store, splits) if context.splits is None else ():
        context.listen(Message(remark))
    if not splits.validation:
        raise _nothing_to_validate(context.dataset, store)
    splits = take_fraction(context.dataset, splits, resolved.recipe.fraction, seed=resolved.recipe.seed)
    context.folder.write(context.folder.splits, json.dumps(splits.to_json(context.dataset), ensure_ascii=False))
    sizes = f"{len(splits.train):,} training, {len(splits.validation):,} validation, {len(splits.test):,} test"
    context.listen(Message(f"Pictures: {sizes}."))
    return splits


def split_remarks(dataset: Dataset, store: ImageStore, splits: Splits) -> Sequence[str]:
    """What the user should know about a new split: images that are on both sides, and classes that cannot be split."""
    overlaps = overlap_remarks(dataset, splits, store.fingerprints)
    if overlaps or not _is_automatic(dataset):
        return overlaps
    alike = inseparable_classes(dataset, store.readable, _groups(store))
    return [f"{_ALIKE.format(quoted(alike))} They are all in train, and the error of such a class will not be known."] if alike else []


def _is_automatic(dataset: Dataset) -> bool:
    return all(item.split is None for item in dataset.items)


def _nothing_to_validate(dataset: Dataset, store: ImageStore) -> BadDataset:
    """The error for a data set of which nothing is left for validation, with the reason."""
    alike = inseparable_classes(dataset, store.readable, _groups(store))
    if alike:
        return BadDataset(
            f"{dataset.name} cannot be split, and nothing is left for validation. {_ALIKE.format(quoted(alike))} Add pictures that were "
            "taken on other occasions, or make the split yourself, with train/ and validation/ above the class folders."
        )
    return BadDataset(f"{dataset.name} has too few pictures: none are left for validation. Add pictures: a class needs at least two.")


def _groups(store: ImageStore) -> list[int]:
    """The group number of each image: equal for near-duplicates, which a split must not separate."""
    near: list[int] = groups(store.fingerprints).tolist()
    return near


def share_splits(
    dataset: Dataset,
    paths: Mapping[int, Path],
    *,
    workers: int,
    listen: Listener = silent,
    max_unreadable: float | None = None,
    validation: float = VALIDATION_FRACTION,
) -> None:
    """Write the split of each seed to its path, for several runs to share; near-duplicates are found at one size for all of them.

    validation: share of the images that is kept for it, where the data has no such split.
    Raises BadDataset if more than the share `max_unreadable` of the files of a class (None: 0.05) cannot be read.
    """
    reading = partial(_report_reading, listen)
    store = open_images(dataset, SHARED_SIZE, "squash", workers=workers, memory_limit_bytes=0, check=False, on_progress=reading)
    check_readable(dataset, store.skipped, UNREADABLE_SHARE if max_unreadable is None else max_unreadable)
    near = groups(store.fingerprints).tolist()
    for seed, path in paths.items():
        splits = make_splits(dataset, store.readable, near, seed=seed, validation_fraction=validation)
        for remark in split_remarks(dataset, store, splits) if seed == min(paths) else ():
            listen(Message(remark))
        write_atomically(path, json.dumps(splits.to_json(dataset), ensure_ascii=False))


def some_images(store: ImageStore, splits: Splits) -> Tensor:
    """Evenly spaced training images, at most 512: uint8 (n, 3, stored_size, stored_size)."""
    return next(store.stream([splits.train[:: -(-len(splits.train) // 512)]]))


def colour_statistics(store: ImageStore, splits: Splits, seed: int) -> ColourPCA:
    """Mean and colour covariance of the training images: those stored in a pack, if its whole train folder is used, else of a sample."""
    known = store.dataset.known_colours()
    if known is not None and len(splits.train) == sum(item.split == "train" for item in store.dataset.items):
        return known
    order = torch.randperm(len(splits.train), generator=torch.Generator().manual_seed(seed))[:STATISTICS_IMAGES]
    sample = [splits.train[i] for i in sorted(order.tolist())]
    parts = [sample[start : start + 256] for start in range(0, len(sample), 256)]
    return colour_pca(store.stream(parts))
