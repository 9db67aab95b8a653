"""Attributions and reasons on made-up images: what decides the class is known, and must be what the maps and the page name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import made_once
from tests.explanations.made_up import MARK, SIDE, marked_folder, spurious_folder
from torch import Tensor

from alexnet.data.images.decode import decode
from alexnet.data.pipeline.augment import centre_crop
from alexnet.explanations.attribution import METHODS, cam_cells
from alexnet.explanations.fidelity import correlation, mean_scores, random_maps, scores_of_maps, unlearned
from alexnet.explanations.parts import mistakes
from alexnet.explanations.subject import Subject
from alexnet.inference.classifier import Classifier, load
from alexnet.runs.train import train

CHANGES = {
    "training.batch_size": 16,
    "training.learning_rate": 0.02,
    "network.activation": "relu",
    "network.pooling": "max",
    "augment.flip": False,
    "preprocess.channels": 3,
}
AT_LEAST = 0.6  # of the positive mass, on the widened mark


@pytest.fixture(scope="module")
def marked(session_folder: Path) -> Path:
    """The run; its images are in the folder `images` beside."""

    def make(folder: Path) -> None:
        marked_folder(folder / "images", count=150)
        train(
            folder / "images",
            model="lenet",
            epochs=12,
            image_size=SIDE,
            out=folder / "run",
            baseline=False,
            overrides=CHANGES,
        )

    return made_once(session_folder / "marked", make)


@pytest.fixture(scope="module")
def classifier(marked: Path) -> Classifier:
    return load(marked / "run")


def share(found: Tensor, corner: tuple[int, int], widened: int) -> float:
    """Of the positive mass, on the mark widened on all sides by this many pixels."""
    positive, (row, column) = found.clamp(min=0), corner
    top, left = max(0, row - widened), max(0, column - widened)
    inside = positive[top : row + MARK + widened, left : column + MARK + widened].sum()
    return float(inside / positive.sum().clamp(min=1e-12))


def images(classifier: Classifier, folder: Path) -> list[tuple[Tensor, int, tuple[int, int]]]:
    """(what the model sees, class, corner of the mark in it) of correctly classified images."""
    corners = marked_folder(folder / "again", count=20, seed=1)
    found = []
    for name, (row, column) in corners.items():
        image = classifier.fitted(decode((folder / "again" / name).read_bytes(), name))
        margin = (image.shape[-1] - classifier.model.image_size) // 2
        seen = centre_crop(image, classifier.model.image_size)
        number = classifier.classes.index(name.split("/")[0])
        if int(classifier.probabilities(seen[None]).argmax()) == number:
            found.append((seen, number, (row - margin, column - margin)))
    return found


def widening(classifier: Classifier, method: str, image: Tensor) -> int:
    """One cell of Grad-CAM's map, one patch of the occlusion map; integrated gradients have pixels, smoothed or not."""
    size = image.shape[-1]
    return {"occlusion": round(size / 7), "gradients": 1, "cam": round(size / cam_cells(classifier, image, 0)[0].shape[-1])}[method]


@pytest.mark.slow
def test_the_mark_is_found_and_forgotten(classifier: Classifier, tmp_path: Path) -> None:
    """Each method puts most of its mass on the mark, and less than half of that when nothing has been learned."""
    known = images(classifier, tmp_path)
    assert len(known) >= 10
    control = unlearned(classifier, torch.stack([image for image, _, _ in known]), seed=0)
    means = {}
    for method in METHODS:
        wide = widening(classifier, method.name, known[0][0])
        own, without = [], []
        for image, number, corner in known:
            own.append(share(method.attribute(classifier, image, number), corner, wide))
            without.append(share(method.control(control, image, number), corner, wide))
        means[method.name] = sum(own) / len(own), sum(without) / len(without)
    print(means)
    for method in METHODS:
        mean, chance = means[method.name]
        assert mean >= AT_LEAST, method.name
        assert chance < mean / 2, method.name


def area_of_deletion(classifier: Classifier, image: Tensor, number: int, found: Tensor) -> float:
    """Cover a tenth of the pixels after the other, in numpy, one image at a time; the area by trapezia."""
    order = np.argsort(-found.numpy().ravel(), kind="stable")
    pixels, curve = image.numpy().reshape(3, -1).copy(), []
    colour = np.rint(pixels.astype(np.float32).mean(axis=1)).astype(np.uint8)[:, None]
    for step in range(11):
        pixels[:, order[: -(-step * len(order) // 10)]] = colour
        curve.append(float(classifier.probabilities(torch.from_numpy(pixels.reshape(1, *image.shape)))[0, number]))
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / 10


@pytest.mark.slow
def test_the_maps_decide_and_random_ones_do_not(classifier: Classifier, tmp_path: Path) -> None:
    image, number, _ = images(classifier, tmp_path)[0]
    found = METHODS[0].attribute(classifier, image, number)
    scores, *of_random = scores_of_maps(classifier, image, number, [found, *random_maps(image.shape[-1], seed=1)])
    chance = mean_scores(of_random)
    assert scores.deletion == pytest.approx(area_of_deletion(classifier, image, number, found), abs=1e-5)
    assert scores.deletion < chance.deletion
    assert scores.insertion > chance.insertion
    assert correlation(found, found) == pytest.approx(1)
    assert correlation(found, torch.zeros_like(found)) is None


@pytest.mark.slow
def test_a_spurious_mark_is_named_among_the_reasons(tmp_path: Path) -> None:
    spurious_folder(tmp_path / "images")
    train(
        tmp_path / "images",
        model="lenet",
        epochs=4,
        image_size=SIDE,
        out=tmp_path / "run",
        baseline=False,
        overrides=CHANGES,
    )
    values = mistakes.make(Subject(tmp_path / "run")).values
    (reason,) = [one for one in values["reasons"] if one["class"] == "disc"]
    print({key: value for key, value in reason.items() if not isinstance(value, str)})
    assert reason["mistaken"] >= 20
    assert reason["is_reason"]
    assert reason["row"] < 0.4
    assert reason["column"] < 0.4
