"""`alexnet evaluate`: evaluating a finished run on its own test set, another split, or other images."""

from pathlib import Path

from alexnet.data.curation.splits import read_split_names
from alexnet.data.dataset import SPLIT_NAMES, Dataset, Part
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.image_store import open_images
from alexnet.errors import BadDataset, BadRun
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.evaluation.views import VIEWS, View
from alexnet.inference.classifier import Classifier, load
from alexnet.runs.folder import RunFolder
from alexnet.runs.own_data import layout_of, open_own_data, recorded, recorded_data
from alexnet.runs.workers import device_of, own_cpus
from alexnet.runtime.arguments import one_of, path_from, whole_number
from alexnet.runtime.device import autocast
from alexnet.runtime.distributed import Workers, join_workers


def evaluate_run(
    run: str | Path,
    data: str | Path | Dataset | None = None,
    *,
    split: str = "test",
    views: View = "centre",
    layout_of_folders: str | None = None,
    labels: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
) -> Evaluation:
    """Evaluate the classifier of `run` on a split of the data set that it was trained on, or on `data`.

    If `data` holds all images of the run, by name, it is taken to be the run's own data set, moved, and the run's split is used. Of another
    data set, its `split` is used if it has one, else all images. Batches are computed in the precision of the training. Workers that
    torchrun has started share the images.
    layout_of_folders: as for `open_dataset`, by default as the run was trained. labels: a table of the classes of `data`.
    Raises BadRun or BadDataset with the next step.
    """
    split, views = one_of(split, "split", SPLIT_NAMES, BadDataset), one_of(views, "view", VIEWS)
    threads = None if workers is None else whole_number(workers, "workers", least=0)
    path = path_from(run, "The run folder", BadRun)
    with join_workers(device) as world:
        classifier, folder = load(path, device=str(device_of(device, world))), RunFolder(path)
        if data is None and labels is not None:
            raise BadDataset("A table of labels needs the pictures that it is of: alexnet evaluate RUN DATA --labels TABLE.csv")
        data = None if data is None else with_labels(data, labels)
        dataset = _opened(folder, data, layout_of_folders)
        indices = (
            _own_split(folder, dataset, split, is_recorded=data is None)
            if data is None or _is_own(folder, dataset)
            else _split_of(dataset, split)
        )
        return _measured(classifier, dataset, indices, views, own_cpus(world) if threads is None else threads, world)


def _measured(classifier: Classifier, dataset: Dataset, indices: list[int], view: View, workers: int, world: Workers) -> Evaluation:
    preprocess = classifier.model_card.preprocess
    part = Part(dataset, indices)
    store = open_images(part, preprocess.stored_size, preprocess.fit, workers=workers, check=False, world=world)
    with autocast(classifier.precision, classifier.device):
        return evaluate(
            classifier.model, part, store, store.readable, classifier.classes, view=view, flip=classifier.model_card.flip, world=world
        )


def _opened(folder: RunFolder, data: str | Path | Dataset | None, layout: str | None) -> Dataset:
    """The data set to measure on, its folders read as those of the run unless `layout` says otherwise."""
    if data is None:
        return open_own_data(folder, _elsewhere(folder), layout=layout)
    return open_dataset(data, layout_of_folders=layout_of(folder) if layout is None else layout)


def _elsewhere(folder: RunFolder) -> str:
    return f"alexnet evaluate {folder.path} DATA"


def _own_split(folder: RunFolder, dataset: Dataset, split: str, *, is_recorded: bool) -> list[int]:
    if not folder.splits.exists():
        raise BadRun(f"{folder.path} has no splits.json. Pass the pictures: {_elsewhere(folder)}")
    try:
        splits = folder.read_splits(dataset)
    except BadDataset as problem:
        where = f"{recorded(recorded_data(folder, _elsewhere(folder)), _elsewhere(folder))} " if is_recorded else ""
        raise BadDataset(f"{where}{problem}") from None
    indices = list(getattr(splits, split))
    if not indices:
        raise BadDataset(
            f"This run has no {split} pictures. To evaluate its {len(splits.validation):,} validation pictures, add --split validation."
        )
    return indices


def _is_own(folder: RunFolder, dataset: Dataset) -> bool:
    """Whether the data set holds every image of the run, by name; it then contains the training images, so the run's split must be used."""
    if not folder.splits.exists():
        return False
    names = {item.name for item in dataset.items}
    return all(names.issuperset(of_split) for of_split in read_split_names(folder.splits).values())


def _split_of(dataset: Dataset, split: str) -> list[int]:
    named = [index for index, item in enumerate(dataset.items) if item.split == split]
    return named or list(range(len(dataset.items)))
