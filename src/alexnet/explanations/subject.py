"""The finished run that is explained: its model, its images, and what the model computes of them, each when a part first asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.curation.splits import Splits
from alexnet.data.dataset import Dataset, Part, SplitName
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.filed_images import open_filed
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.errors import BadDataset, BadModel, BadRun
from alexnet.evaluation.views import softmax
from alexnet.explanations.network import network_of
from alexnet.inference.classifier import BATCH, Classifier, load
from alexnet.inference.familiarity import Familiarity
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.familiarity import measure_familiarity
from alexnet.runs.folder import RunFolder
from alexnet.runs.own_data import layout_of, open_own_data
from alexnet.runtime.device import autocast
from alexnet.runtime.machine import available_cpus
from alexnet.storage.cache import cache_folder

SEED = 0  # of every sample that an explanation draws


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedImage:
    """An image that is explained: uint8 (3, S, S) of the stored size; `truth` is its class where that is known."""

    name: str
    pixels: Tensor
    truth: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What the model computes of the images `indices`.

    hidden: float16 (n, D); probabilities: float32 (n, classes); labels: int64 (n,).
    """

    indices: tuple[int, ...]
    hidden: NDArray[np.float16]
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """int64 (n,), the most likely classes."""
        return np.asarray(self.probabilities.argmax(1), dtype=np.int64)

    @property
    def unit(self) -> NDArray[np.float32]:
        """The hidden layers, float32 (n, D) of unit length; zeros stay."""
        rows = self.hidden.astype(np.float32)
        lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return np.asarray(rows / lengths, dtype=np.float32)


class Subject:
    """A finished run under explanation. The images are opened only when a part needs them, so that other parts can do without."""

    def __init__(self, run: Path, images: Sequence[NamedImage] = (), *, data: str | Path | None = None, device: str = "auto") -> None:
        self.run, self.data = run, data
        self.folder = RunFolder(run)
        self.classifier: Classifier = load(run, device=device)
        self.images = tuple(images)
        self._described: dict[SplitName, Described] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the model's classes."""
        return self.classifier.classes

    @property
    def size(self) -> int:
        """Pixels per side of what the model sees."""
        return self.classifier.model.image_size

    @cached_property
    def network(self) -> NetworkModel:
        """The network of a network or of a linear probe; raises BadModel for a model that is none."""
        network = network_of(self.classifier.model)
        if network is None:
            raise BadModel(f"{self.classifier.model_card.model} is not a network: it has no layers of learned filters.")
        return network

    @cached_property
    def dataset(self) -> Dataset:
        """The run's own data set; raises BadRun or BadDataset, with the next step, if it cannot be opened or is another one."""
        if not self.folder.splits.exists():
            raise BadRun(f"{self.run} lacks splits.json, which names its pictures: copy the whole run folder.")
        if self.data is None:
            dataset = open_own_data(self.folder, f"alexnet explain {self.run} --data DATA")
        else:
            dataset = open_dataset(self.data, layout_of_folders=layout_of(self.folder))
        if dataset.classes != self.classes:
            raise BadDataset(f"{dataset.name} has other classes than the run. Pass the pictures that the run was trained on as --data.")
        return dataset

    @cached_property
    def splits(self) -> Splits:
        """The run's split."""
        return self.folder.read_splits(self.dataset)

    @cached_property
    def store(self) -> ImageStore:
        """The images of all splits at the stored size, one split after the other; in a file if they would take much memory."""
        preprocess = self.classifier.model_card.preprocess
        part = Part(self.dataset, [*self.splits.train, *self.splits.validation, *self.splits.test])
        return open_filed(part, preprocess.stored_size, preprocess.fit, workers=available_cpus(), folder=cache_folder())

    def split(self, name: SplitName) -> tuple[int, ...]:
        """Indices into the store of a split's readable images."""
        splits, readable = self.splits, set(self.store.readable)
        starts = {"train": 0, "validation": len(splits.train), "test": len(splits.train) + len(splits.validation)}
        first = starts[name]
        return tuple(index for index in range(first, first + len(getattr(splits, name))) if index in readable)

    @cached_property
    def judged_split(self) -> SplitName:
        """The split that the model is judged on: the test images or, without any, those of validation."""
        return "test" if self.split("test") else "validation"

    def sample(self, name: SplitName, most: int) -> tuple[int, ...]:
        """At most `most` images of a split, drawn without replacement, in ascending order."""
        indices = self.split(name)
        if len(indices) <= most:
            return indices
        order = torch.randperm(len(indices), generator=torch.Generator().manual_seed(SEED))[:most]
        return tuple(indices[place] for place in sorted(order.tolist()))

    def described(self, name: SplitName) -> Described:
        """What the model computes of all images of a split, computed once."""
        if name not in self._described:
            self._described[name] = self._describe(self.split(name))
        return self._described[name]

    def _describe(self, indices: tuple[int, ...]) -> Described:
        hidden, probabilities = [], []
        for images in self.store.stream(batches(indices), self.classifier.device):
            units = self.classifier.hidden(images)
            with torch.inference_mode(), autocast(self.classifier.precision, self.classifier.device):
                probabilities.append(softmax(self.classifier.model.scores_of(units)).float().cpu().numpy())
            hidden.append(units.float().cpu().clamp(-60_000, 60_000).half().numpy())
        if not hidden:
            raise BadDataset(f"{self.dataset.name} has no pictures in this split.")
        return Described(
            indices=indices,
            hidden=np.concatenate(hidden),
            probabilities=np.concatenate(probabilities),
            labels=self.store.labels_of(indices),
        )

    @cached_property
    def familiarity(self) -> Familiarity:
        """The run's distance to its training set, measured now for a run of an earlier version; BadRun with too few validation images."""
        if self.classifier.familiarity is not None:
            return self.classifier.familiarity
        own = Splits(self.split("train"), self.split("validation"), self.split("test"))
        found = measure_familiarity(self.classifier, self.store, own, seed=SEED)
        if found is None:
            raise BadRun("There are too few validation pictures for a threshold with 5% false alarms: at least 19 are needed.")
        return found

    def name_of(self, index: int) -> str:
        """The name of the image at `index` of the store."""
        return self.store.dataset.items[index].name

    def image(self, index: int) -> Tensor:
        """The image at `index` of the store: uint8 (3, S, S) of the stored size."""
        return self.store.square(index)


def batches(indices: Sequence[int], size: int = BATCH) -> list[Sequence[int]]:
    """The indices in batches."""
    return [indices[first : first + size] for first in range(0, len(indices), size)]
