"""Training images with the classes of other images, to see what a network can learn by heart (Zhang et al. 2017, arXiv 1611.03530)."""

import copy
from collections.abc import Sequence

import torch

from alexnet.data.pipeline.image_store import ImageStore


def with_random_labels(store: ImageStore, indices: Sequence[int], share: float, seed: int) -> ImageStore:
    """The same images, where a `share` of those at `indices`, 0 to 1, exchange their classes at random; each class keeps its size.

    The data set itself, and with it the labels of all other images, stay as they are.
    """
    if not share:
        return store
    rng = torch.Generator().manual_seed(seed)
    of_all = torch.tensor(indices, dtype=torch.int64)
    chosen = of_all[torch.randperm(len(of_all), generator=rng)[: round(share * len(of_all))]]
    relabelled = copy.copy(store)
    relabelled.labels = store.labels.clone()
    relabelled.labels[chosen] = store.labels[chosen[torch.randperm(len(chosen), generator=rng)]]
    return relabelled
