"""`alexnet evaluate`: a finished run measured on its own test set, another split, or other pictures."""

import json
from pathlib import Path

from alexnet.classifier import Classifier, load
from alexnet.data.datasets import Dataset, open_dataset
from alexnet.data.pictures import open_pictures
from alexnet.data.splits import Splits
from alexnet.device import autocast, choose_precision
from alexnet.errors import BadDataset, BadRun
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.evaluation.views import View
from alexnet.experiments.recipe import from_toml
from alexnet.experiments.runs import RunFolder

SPLITS = ("train", "validation", "test")


def evaluate_run(
    run: str | Path, data: str | Path | None = None, *, split: str = "test", view: View = "centre", device: str = "auto", workers: int = 0
) -> Evaluation:
    """Measure the classifier of `run` on a split of the pictures it was trained on, or on `data`.

    Of `data` the split is used if it has one, else all of it. Raises BadRun, BadDataset with what to do.
    """
    if split not in SPLITS:
        raise BadDataset(f"There is no split '{split}'; use {', '.join(SPLITS)}.")
    classifier, folder = load(run, device=device), RunFolder(Path(run))
    dataset = open_dataset(data if data is not None else _own_data(folder))
    indices = _own_split(folder, dataset, split) if data is None else _split_of(dataset, split)
    return _measured(classifier, dataset, indices, view, workers)


def _measured(classifier: Classifier, dataset: Dataset, indices: list[int], view: View, workers: int) -> Evaluation:
    preprocess = classifier.card.preprocess
    pictures = open_pictures(dataset, preprocess.stored_size, preprocess.fit, workers=workers, check=False)
    readable = set(pictures.readable)
    kept = [index for index in indices if index in readable]
    with autocast(choose_precision("auto", classifier.device), classifier.device):
        return evaluate(classifier.model, dataset, pictures, kept, classifier.classes, view=view, flip=classifier.card.flip)


def _own_data(folder: RunFolder) -> str:
    if not folder.recipe.exists():
        raise BadRun(
            f"{folder.path} does not say what it was trained on (no recipe.toml); name the pictures: alexnet evaluate {folder.path} DATA"
        )
    return from_toml(folder.recipe).data


def _own_split(folder: RunFolder, dataset: Dataset, split: str) -> list[int]:
    if not folder.splits.exists():
        raise BadRun(f"{folder.path} has no splits.json; name the pictures: alexnet evaluate {folder.path} DATA")
    splits = Splits.from_json(dataset, json.loads(folder.splits.read_text(encoding="utf-8")))
    indices = list(getattr(splits, split))
    if not indices:
        raise BadDataset(f"This run has no {split} pictures. It has {len(splits.validation):,} validation pictures: --split validation.")
    return indices


def _split_of(dataset: Dataset, split: str) -> list[int]:
    named = [index for index, item in enumerate(dataset.items) if item.split == split]
    return named or list(range(len(dataset.items)))
