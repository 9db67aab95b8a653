"""The layers: what excites their channels most, how well a linear machine on each tells the classes, and a map of the last hidden layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import BadDataset, BadModel
from alexnet.evaluation.metrics import error_interval
from alexnet.explanations.drawing import cut, shown, thumbnail, tiled
from alexnet.explanations.part import Content
from alexnet.explanations.stages import receptive_fields, untrained
from alexnet.explanations.subject import SEED, Subject, batches
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.stages import stage_names, stages
from alexnet.runtime.device import autocast
from alexnet.storage.spreadsheets import csv_text
from alexnet.training.layer_probes import MOST_JUDGED, MOST_TRAINING, MOST_VALIDATION, pooled, probed_classes, rows_of, scale_of

CHANNELS, PATCHES = 6, 6  # strongest channels of a layer, and patches of each
ON_THE_MAP = 250  # images


@dataclass
class Pass:
    """What one pass over images collects, per stage: features (n, d), each channel's maximum and its place (n, C), positions a side."""

    features: dict[str, list[Tensor]] = field(default_factory=dict)
    largest: dict[str, list[Tensor]] = field(default_factory=dict)
    places: dict[str, list[Tensor]] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, values: Tensor) -> None:
        """One batch of a stage's output, (N, C, h, w) or (N, units)."""
        flat = values.float().flatten(2) if values.dim() == 4 else values.float()[:, :, None]
        best = flat.max(2)
        self.sides[name] = values.shape[-1] if values.dim() == 4 else 1
        self.features.setdefault(name, []).append(pooled(values).cpu())
        self.largest.setdefault(name, []).append(best.values.cpu())
        self.places.setdefault(name, []).append(best.indices.cpu())

    def outputs(self, name: str) -> Tensor:
        """The features of a stage, (n, d)."""
        return torch.cat(self.features[name])


def make(subject: Subject) -> Content:
    """Probes with and without training, patches, and the map. Raises BadModel for a system without layers."""
    network = subject.network
    if not stage_names(network.network):
        name, borrowed = network.network.architecture.name, network.network.architecture.borrowed
        why = "is taken whole from its library, not layer by layer" if borrowed else "has no hidden layers"
        raise BadModel(f"{name} {why}.")
    own = _passed(subject, network, _samples(subject))
    before = _passed(subject, _untrained(subject, network), _samples(subject))
    probes = [
        {"layer": name, **_probe(subject, own, name), "untrained": _probe(subject, before, name)} for name in stage_names(network.network)
    ]
    values: dict[str, Any] = {
        "n_train": len(_samples(subject)["train"]),
        "n": len(_samples(subject)[subject.judged_split]),
        "split": subject.judged_split,
        "chance": 1 / len(subject.classes),
        "probes": probes,
        "patches": [_patches(subject, network, own["train"], name) for name in stage_names(network.network)],
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


def _samples(subject: Subject) -> dict[str, tuple[int, ...]]:
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


def _passed(subject: Subject, network: NetworkModel, samples: dict[str, tuple[int, ...]]) -> dict[str, Pass]:
    """Each sample through all stages."""
    classifier, found = subject.classifier, {}
    for name, indices in samples.items():
        found[name] = Pass()
        for images in subject.store.stream(batches(indices), classifier.device):
            with torch.inference_mode(), autocast(classifier.precision, classifier.device):
                for stage, values in stages(network, centre_crop(images, subject.size)):
                    found[name].add(stage, values)
    return found


def _probe(subject: Subject, passes: dict[str, Pass], layer: str) -> dict[str, Any]:
    """The accuracy of linear machines on a layer's output, C chosen on validation, with its 95% interval."""
    samples, scale = _samples(subject), scale_of(passes["train"].outputs(layer))
    rows = [rows_of(passes[name].outputs(layer), scale) for name in ("train", "chooses", subject.judged_split)]
    *known, labels = (subject.store.labels_of(samples[name]) for name in ("train", "chooses", subject.judged_split))
    predicted = probed_classes(rows, known, classes=len(subject.classes), seed=SEED, device=subject.classifier.device)
    wrong = int((predicted != labels).sum())
    low, high = error_interval(wrong, len(labels))
    return {"accuracy": 1 - wrong / len(labels), "interval": [1 - high, 1 - low]}


def _patches(subject: Subject, network: NetworkModel, passed: Pass, layer: str) -> dict[str, Any]:
    """The parts of training images that excite a layer's strongest channels most; whole images for a fully connected layer."""
    largest, places = torch.cat(passed.largest[layer]), torch.cat(passed.places[layer])
    fields, indices = receptive_fields(network.network), subject.sample("train", MOST_TRAINING)
    spread = largest.topk(min(PATCHES, len(largest)), dim=0).values.mean(0) - largest.mean(0)
    found = []
    for channel in spread.topk(min(CHANNELS, largest.shape[1])).indices.tolist():
        images = largest[:, channel].topk(min(PATCHES, len(largest))).indices.tolist()
        patches = []
        for image in images:
            seen = centre_crop(subject.image(indices[image]), subject.size)
            row, column = divmod(int(places[image, channel]), passed.sides[layer])
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
