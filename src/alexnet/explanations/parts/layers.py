"""The layers: what excites their channels most, how well a linear machine on each tells the classes, and a map of the last hidden layer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import BadDataset, BadModel
from alexnet.evaluation.metrics import error_interval
from alexnet.explanations.drawing import cut, shown, thumbnail, tiled
from alexnet.explanations.outputs import Peaks, StageOutputs, outputs_of
from alexnet.explanations.part import Content
from alexnet.explanations.stages import receptive_fields, untrained
from alexnet.explanations.subject import SEED, Subject
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.stages import stage_names
from alexnet.storage.spreadsheets import csv_text
from alexnet.training.layer_probes import MOST_JUDGED, MOST_TRAINING, MOST_VALIDATION, probed_classes, rows_of, scale_of

CHANNELS, PATCHES = 6, 6  # strongest channels of a layer, and patches of each
ON_THE_MAP = 250  # images

Samples = Mapping[str, tuple[int, ...]]  # images by name: of training, those that choose C, those that judge
Passes = Mapping[str, Mapping[str, StageOutputs]]  # by sample and stage


def make(subject: Subject) -> Content:
    """Probes with and without training, patches, and the map. Raises BadModel for a system without layers."""
    network = subject.network
    if not stage_names(network.network):
        name, borrowed = network.network.architecture.name, network.network.architecture.borrowed
        why = "is taken whole from its library, not layer by layer" if borrowed else "has no hidden layers"
        raise BadModel(f"{name} {why}.")
    samples = _samples(subject)
    trained, patches = _trained(subject, network, samples)
    before = _probes(subject, samples, _passed(subject, _untrained(subject, network), samples))
    probes = [{"layer": name, **trained[name], "untrained": before[name]} for name in stage_names(network.network)]
    values: dict[str, Any] = {
        "n_train": len(samples["train"]),
        "n": len(samples[subject.judged_split]),
        "split": subject.judged_split,
        "chance": 1 / len(subject.classes),
        "probes": probes,
        "patches": patches,
        "map": _map(subject),
    }
    rows = [
        (one["layer"], *map(_four, (one["accuracy"], *one["interval"], one["untrained"]["accuracy"], *one["untrained"]["interval"])))
        for one in probes
    ]
    head = ("layer", "accuracy", "low", "high", "untrained", "untrained low", "untrained high")
    keys = [{"layer": one["layer"], "accuracy": one["accuracy"], "interval": one["interval"]} for one in probes]
    return Content(values=values, files={"probes.csv": csv_text([head, *rows])}, keys={"probes": keys})


def _four(value: float) -> str:
    return f"{value:.4f}"


def _samples(subject: Subject) -> Samples:
    """The images of the probes. If the model is judged on validation images, half of these choose C."""
    if not subject.split("validation"):
        raise BadDataset("The probes need validation pictures, which choose their C.")
    validation, judged = subject.sample("validation", MOST_VALIDATION), subject.sample(subject.judged_split, MOST_JUDGED)
    if subject.judged_split == "validation":
        validation, judged = validation[::2], validation[1::2]
    return {"train": subject.sample("train", MOST_TRAINING), "chooses": validation, subject.judged_split: judged}


def _untrained(subject: Subject, network: NetworkModel) -> NetworkModel:
    some = next(subject.store.stream([subject.sample("train", 256)]))
    return untrained(network, subject.classifier.model_card, centre_crop(some, subject.size), SEED)


def _passed(subject: Subject, network: NetworkModel, samples: Samples, *, peaks: bool = False) -> Passes:
    """Each sample through all stages; peaks: of the training images."""
    return {name: outputs_of(subject, network, indices, peaks=peaks and name == "train") for name, indices in samples.items()}


def _trained(subject: Subject, network: NetworkModel, samples: Samples) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """The probes by layer, and the patches; the outputs that both read are freed before another network's are computed."""
    passes = _passed(subject, network, samples, peaks=True)
    patches = [_patches(subject, network, outputs.peaks, name) for name, outputs in passes["train"].items() if outputs.peaks is not None]
    return _probes(subject, samples, passes), patches


def _probes(subject: Subject, samples: Samples, passes: Passes) -> dict[str, dict[str, Any]]:
    return {name: _probe(subject, samples, {sample: one[name].features for sample, one in passes.items()}) for name in passes["train"]}


def _probe(subject: Subject, samples: Samples, outputs: dict[str, Tensor]) -> dict[str, Any]:
    """The accuracy of linear machines on a layer's output, C chosen on validation, with its 95% interval."""
    scale, order = scale_of(outputs["train"]), ("train", "chooses", subject.judged_split)
    rows = [rows_of(outputs[name], scale) for name in order]
    *known, labels = (subject.store.labels_of(samples[name]) for name in order)
    predicted = probed_classes(rows, known, classes=len(subject.classes), seed=SEED, device=subject.classifier.device)
    wrong = int((predicted != labels).sum())
    low, high = error_interval(wrong, len(labels))
    return {"accuracy": 1 - wrong / len(labels), "interval": [1 - high, 1 - low]}


def _patches(subject: Subject, network: NetworkModel, peaks: Peaks, layer: str) -> dict[str, Any]:
    """The parts of training images that excite a layer's strongest channels most; whole images for a fully connected layer."""
    largest = peaks.values
    fields, indices = receptive_fields(network.network), subject.sample("train", MOST_TRAINING)
    spread = largest.topk(min(PATCHES, len(largest)), dim=0).values.mean(0) - largest.mean(0)
    found = []
    for channel in spread.topk(min(CHANNELS, largest.shape[1])).indices.tolist():
        images = largest[:, channel].topk(min(PATCHES, len(largest))).indices.tolist()
        patches = []
        for image in images:
            seen = centre_crop(subject.image(indices[image]), subject.size)
            row, column = divmod(int(peaks.places[image, channel]), peaks.side)
            box = fields[layer].box(row, column, subject.size) if layer in fields else (0, 0, subject.size, subject.size)
            patches.append(cut(seen, box))
        found.append({"channel": channel, "image": shown(tiled(patches, PATCHES))})
    field_side = fields[layer].side if layer in fields else subject.size
    return {"layer": layer, "channels": largest.shape[1], "field": min(field_side, subject.size), "rows": found}


def _map(subject: Subject) -> dict[str, Any]:
    """The last hidden layer in two dimensions (t-SNE, from its principal components), and how much of its variance lies between classes."""
    judged = subject.described(subject.judged_split)
    chosen = np.linspace(0, len(judged.labels) - 1, min(ON_THE_MAP, len(judged.labels))).astype(int)
    places = placed(judged.unit[chosen])
    points = [
        {
            "x": float(x),
            "y": float(y),
            "class": subject.classes[judged.labels[row]],
            "wrong": bool(judged.predicted[row] != judged.labels[row]),
            "image": thumbnail(centre_crop(subject.image(judged.indices[row]), subject.size)),
        }
        for row, (x, y) in zip(chosen, places, strict=True)
    ]
    return {"points": points, "n": len(chosen), "between": between_classes(judged.unit, judged.labels)}


def placed(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rows (n, D) in the plane, (n, 2) from 0 to 1; neighbours stay neighbours where that is possible."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    few = PCA(min(50, *rows.shape), random_state=SEED).fit_transform(rows)
    if len(rows) > 8 and few.shape[1] >= 2:
        few = TSNE(perplexity=min(30, (len(rows) - 1) / 3), init="pca", random_state=SEED).fit_transform(few)
    plane = np.zeros((len(few), 2))
    plane[:, : min(2, few.shape[1])] = few[:, :2]
    low, high = plane.min(0), plane.max(0)
    return np.asarray((plane - low) / np.maximum(high - low, 1e-12))


def between_classes(rows: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The share of the rows' variance that lies between the means of the classes, 0..1."""
    total = float(((rows - rows.mean(0)) ** 2).sum())
    means = np.stack([rows[labels == number].mean(0) for number in np.unique(labels)])
    counts = np.array([(labels == number).sum() for number in np.unique(labels)])
    return float((counts[:, None] * (means - rows.mean(0)) ** 2).sum() / max(total, 1e-12))
