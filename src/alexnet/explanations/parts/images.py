"""One image: the five most likely classes, three maps of its reasons with their controls, and its way through the layers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.data.images.encode import png_bytes
from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import AlexNetError
from alexnet.explanations.attribution import METHODS
from alexnet.explanations.drawing import grid, shown
from alexnet.explanations.fidelity import correlation, mean_scores, random_maps, scores_of_maps, unlearned
from alexnet.explanations.network import network_of
from alexnet.explanations.part import Content
from alexnet.explanations.subject import SEED, NamedImage, Subject
from alexnet.inference.classifier import Classifier
from alexnet.models.networks.stages import stages
from alexnet.pages.overlay import overlay
from alexnet.runtime.device import autocast

TOP = 5  # as in figure 4 of the paper
CHANNELS = 12  # of each layer, those with the largest activation


def make(subject: Subject) -> Content:
    """The images that the user passes or, without any, one that is misclassified and one that is not."""
    images = subject.images or tuple(example_images(subject))
    control = unlearned(subject.classifier, torch.stack([centre_crop(image.pixels, subject.size) for image in images]), SEED)
    found = [explained(subject.classifier, control, image) for image in images]
    files = {f"image-{number}-{name}.png": png for number, one in enumerate(found, 1) for name, png in one.pop("files").items()}
    return Content(values={"images": found}, files=files)


def example_images(subject: Subject) -> Iterator[NamedImage]:
    """The most confident mistake, and an image of median confidence that is classified correctly, of those that are there."""
    judged = subject.described(subject.judged_split)
    confidence, wrong = judged.probabilities.max(1), judged.predicted != judged.labels
    if wrong.any():
        yield _named(subject, judged.indices[int(np.argmax(np.where(wrong, confidence, -1)))])
    right = np.flatnonzero(~wrong)
    if len(right):
        yield _named(subject, judged.indices[int(right[np.argsort(confidence[right], kind="stable")[len(right) // 2]])])


def _named(subject: Subject, index: int) -> NamedImage:
    truth = subject.classes[int(subject.store.labels[index])]
    return NamedImage(name=subject.name_of(index), pixels=subject.image(index), truth=truth)


def explained(classifier: Classifier, control: Classifier, image: NamedImage) -> dict[str, Any]:
    """Everything about one image: plain values for the page, and under "files" the maps as PNG by name.

    control: the same model with nothing learned, which a map that shows what was learned must not resemble.
    """
    seen = centre_crop(image.pixels, classifier.model.image_size)
    probabilities = classifier.probabilities(seen[None])[0]
    best = probabilities.topk(min(TOP, len(probabilities)))
    chosen = int(best.indices[0])
    maps, found = _maps(classifier, control, seen, chosen)
    scores = scores_of_maps(classifier, seen, chosen, [*found.values(), *random_maps(seen.shape[-1], SEED)])
    for row, of_map in zip((row for row in maps if "error" not in row), scores, strict=False):
        row.update(deletion=of_map.deletion, insertion=of_map.insertion)
    chance = mean_scores(scores[len(found) :])
    return {
        "name": image.name,
        "truth": image.truth,
        "image": shown(seen),
        "top": [
            {"class": classifier.classes[number], "probability": value, "true": classifier.classes[number] == image.truth}
            for value, number in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ],
        "unlike": None if classifier.familiarity is None else classifier.familiarity.unlike(classifier.hidden(seen[None]))[0],
        "maps": maps,
        "random": {"deletion": chance.deletion, "insertion": chance.insertion},
        "layers": _layers(classifier, seen),
        "files": {name: png_bytes(overlay(seen, values)) for name, values in found.items()},
    }


def _maps(classifier: Classifier, control: Classifier, seen: Tensor, chosen: int) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """The row of each method, with its map and its control or with the reason why there are none; and the maps (S, S) by method."""
    rows: list[dict[str, Any]] = []
    maps: dict[str, Tensor] = {}
    for method in METHODS:
        try:
            found, unlearned_map = method.attribute(classifier, seen, chosen), method.control(control, seen, chosen)
        except AlexNetError as problem:
            rows.append({"method": method.name, "error": str(problem)})
            continue
        maps[method.name] = found
        drawn = {"image": shown(overlay(seen, found)), "control": shown(overlay(seen, unlearned_map))}
        rows.append({"method": method.name, **drawn, "correlation": correlation(found, unlearned_map)})
    return rows, maps


def _layers(classifier: Classifier, seen: Tensor) -> list[dict[str, Any]]:
    """The strongest channels of each layer with positions; none of a system without layers."""
    network = network_of(classifier.model)
    if network is None:
        return []
    with torch.inference_mode(), autocast(classifier.precision, classifier.device):
        found = [(name, values[0].float().cpu()) for name, values in stages(network, seen[None].to(classifier.device)) if values.dim() == 4]
    rows = []
    for name, channels in found:
        strongest = channels.amax((1, 2)).topk(min(CHANNELS, len(channels))).indices
        rows.append({"name": name, "channels": len(channels), "side": channels.shape[-1], "image": shown(grid(channels[strongest], 6))})
    return rows
