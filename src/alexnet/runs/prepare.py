"""The first half of every run: images read, split, thinned to the share asked for, their mean and colours measured."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alexnet.data.curation.duplicates import groups
from alexnet.data.curation.splits import Splits, make_splits, read_split_names, take_fraction
from alexnet.data.dataset import Dataset
from alexnet.data.pipeline.colour_statistics import ColourPCA, colour_pca
from alexnet.data.pipeline.image_store import ImageStore, check_readable, open_images
from alexnet.errors import BadDataset
from alexnet.runs.folder import Run
from alexnet.runtime.events import Listener, Message, Reading, silent
from alexnet.storage.files import write_atomically

STATISTICS_IMAGES = 5_000  # enough for a mean and a 3x3 covariance
SHARED_SIZE = 64  # px, where several runs share a split


def read_images(run: Run, workers: int) -> ImageStore:
    """All images at the recipe's size; what cannot be read is listed and told. Raises BadDataset if too much of a class is lost."""
    sizes = run.recipe.preprocess
    run.listen(Message(f"Reading {len(run.dataset.items):,} pictures of {len(run.dataset.classes)} classes ..."))
    reading = partial(_tell_reading, run.listen)
    store = open_images(run.dataset, sizes.stored_size, sizes.fit, workers=workers, check=False, on_progress=reading, world=run.world)
    run.folder.write_skipped((skip.name, skip.class_name, skip.reason) for skip in store.skipped)
    if store.skipped:
        run.listen(Message(f"{len(store.skipped):,} files cannot be read and are left out: see {run.folder.skipped}"))
    check_readable(run.dataset, store.skipped)
    return store


def _tell_reading(listen: Listener, done: int, total: int) -> None:
    listen(Reading(done, total))


def split_images(run: Run, store: ImageStore) -> Splits:
    """The run's split, made once and read again on resumption; raises BadDataset where nothing is left to choose the weights by."""

    def near_copies() -> list[int]:
        near: list[int] = groups(store.fingerprints).tolist()
        return near

    if run.folder.splits.exists():
        return run.folder.read_splits(run.dataset)
    if run.splits is not None:
        splits = Splits.from_json(run.dataset, read_split_names(run.splits))
    else:
        splits = make_splits(run.dataset, store.readable, near_copies, seed=run.recipe.seed)
    if not splits.validation:
        raise BadDataset(
            f"{run.dataset.name} has too few pictures: none can be spared to choose the weights by. Two of a class are the least."
        )
    splits = take_fraction(run.dataset, splits, run.recipe.fraction, seed=run.recipe.seed)
    run.folder.write(run.folder.splits, json.dumps(splits.to_json(run.dataset), ensure_ascii=False))
    sizes = f"{len(splits.train):,} training, {len(splits.validation):,} validation, {len(splits.test):,} test"
    run.listen(Message(f"Pictures: {sizes}."))
    return splits


def share_splits(dataset: Dataset, paths: Mapping[int, Path], *, workers: int, listen: Listener = silent) -> None:
    """Write the split of each seed to its path for several runs to use; near copies are told at one size, whatever size each run sees."""
    reading = partial(_tell_reading, listen)
    store = open_images(dataset, SHARED_SIZE, "squash", workers=workers, memory_limit_bytes=0, on_progress=reading)
    near = groups(store.fingerprints).tolist()
    for seed, path in paths.items():
        splits = make_splits(dataset, store.readable, near, seed=seed)
        write_atomically(path, json.dumps(splits.to_json(dataset), ensure_ascii=False))


def some_images(store: ImageStore, splits: Splits) -> Tensor:
    """Some training images, spread evenly: uint8 (at most 512, 3, stored, stored)."""
    return next(store.stream([splits.train[:: -(-len(splits.train) // 512)]]))


def colour_statistics(store: ImageStore, splits: Splits, seed: int) -> ColourPCA:
    """Mean and colour covariance of the training images alone: a pack's own, if all of its train folder trains; else a sample's."""
    known = store.dataset.known_colours()
    if known is not None and len(splits.train) == sum(item.split == "train" for item in store.dataset.items):
        return known
    order = torch.randperm(len(splits.train), generator=torch.Generator().manual_seed(seed))[:STATISTICS_IMAGES]
    sample = [splits.train[i] for i in sorted(order.tolist())]
    parts = [sample[start : start + 256] for start in range(0, len(sample), 256)]
    return colour_pca(store.stream(parts))


def labels_of(store: ImageStore, indices: tuple[int, ...]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """int64 (n,), the class numbers of images."""
    return np.asarray(store.labels[torch.tensor(indices, dtype=torch.int64)].numpy(), dtype=np.int64)
