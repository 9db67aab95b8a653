"""A trained model in bf16 against the same model in fp32."""

from pathlib import Path

import pytest
import torch

from alexnet.data.open import open_dataset
from alexnet.data.pipeline.image_store import open_images
from alexnet.inference.classifier import ROUNDING, Classifier, load
from alexnet.runs.train import train

LARGEST_GAP = 0.15  # of a probability of one image; a batch of bf16 differs from another by up to ROUNDING["bf16"]
MEAN_GAP = 0.01  # over images and classes
MOST_CHANGED = 0.03  # share of the images whose class changes: those between two classes


def probabilities(classifier: Classifier, images: torch.Tensor) -> dict[str, torch.Tensor]:
    found = {}
    for precision in ("fp32", "bf16"):
        classifier.precision = "fp32" if precision == "fp32" else "bf16"
        found[precision] = classifier.probabilities(images)
    return found


def check(run: Path, data: Path) -> None:
    classifier, dataset = load(run, device="cpu"), open_dataset(data)
    size = classifier.model_card.preprocess.stored_size
    store = open_images(dataset, size, classifier.model_card.preprocess.fit, workers=1, check=False)
    found = probabilities(classifier, next(store.stream([list(range(len(dataset.items)))])))
    gap = (found["fp32"] - found["bf16"]).abs()
    assert 0 < float(gap.max()) < LARGEST_GAP
    assert float(gap.mean()) < MEAN_GAP < ROUNDING["bf16"]
    assert float((found["fp32"].argmax(1) != found["bf16"].argmax(1)).double().mean()) <= MOST_CHANGED


def test_lenet(digits_run: Path, digits_folder: Path) -> None:
    check(digits_run, digits_folder)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["alexnet-cifar", "alexnet-cifar-fast"])
def test_networks_with_normalisation(model: str, digits_folder: Path, tmp_path: Path) -> None:
    overrides = {"training.batch_size": 16, "training.precision": "fp32"}
    train(digits_folder, model=model, epochs=4, out=tmp_path / "run", baseline=False, overrides=overrides, listen=lambda event: None)
    check(tmp_path / "run", digits_folder)
