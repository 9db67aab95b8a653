"""`python -m bench.explanations RUN IMAGE...`: how long explaining one image takes, its maps and the rest apart, start-up left out."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations.attribution import METHODS
from alexnet.explanations.fidelity import unlearned
from alexnet.explanations.parts.images import explained
from alexnet.explanations.subject import SEED, NamedImage, Subject
from alexnet.inference.classifier import Classifier
from alexnet.inference.decoding import decoded
from alexnet.inference.inputs import pending_image
from alexnet.runtime.device import device_name
from alexnet.runtime.machine import keep_freed_memory

MAPS, REST = 3.0, 6.0  # seconds an image may take on two cores


def explanation_seconds(run: Path, files: Sequence[Path]) -> tuple[float, float]:
    """Medians over the images: all maps of one, and everything else (controls, scores against random maps, layers, drawing)."""
    keep_freed_memory()
    subject = Subject(run)
    images = [_image(subject.classifier, file, number) for number, file in enumerate(files, start=1)]
    control = unlearned(subject.classifier, torch.stack([centre_crop(image.pixels, subject.size) for image in images]), SEED)
    explained(subject.classifier, control, images[0])  # start-up
    pairs = [(_seconds_of_maps(subject.classifier, image), _seconds_of_all(subject.classifier, control, image)) for image in images]
    return median(maps for maps, _ in pairs), median(whole - maps for maps, whole in pairs)


def _image(classifier: Classifier, file: Path, number: int) -> NamedImage:
    return NamedImage(name=file.name, pixels=classifier.fitted(decoded(pending_image(file, number))))


def _seconds_of_maps(classifier: Classifier, image: NamedImage) -> float:
    seen = centre_crop(image.pixels, classifier.model.image_size)
    chosen = int(classifier.probabilities(seen[None])[0].argmax())
    started = time.perf_counter()
    for method in METHODS:
        method.attribute(classifier, seen, chosen)
    return time.perf_counter() - started


def _seconds_of_all(classifier: Classifier, control: Classifier, image: NamedImage) -> float:
    started = time.perf_counter()
    explained(classifier, control, image)
    return time.perf_counter() - started


def main(run: str, *files: str) -> int:
    """Print both; returns 1 if one of them takes longer than it may."""
    print(f"{device_name(torch.device('cpu'))}, torch {torch.__version__}, {len(files)} images")
    maps, rest = explanation_seconds(Path(run), [Path(file) for file in files])
    print(f"maps {maps:.2f} s (must {MAPS:g}), the rest {rest:.2f} s (must {REST:g})")
    return 0 if maps <= MAPS and rest <= REST else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
