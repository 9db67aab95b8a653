"""NETWORK+svm as a model of its own: the frozen last hidden layer of a trained network, of a run or a file, under a linear SVM."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import alexnet
from alexnet.errors import BadModel, BadRecipe, BadWeights
from alexnet.models.linear_probe import LinearProbe
from alexnet.recipes.toml import from_toml


def test_features_of_a_run_classify_its_images(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    result = alexnet.train(digits_folder, model="lenet+svm", weights=digits_run, out=tmp_path / "run", baseline=False)
    assert result.test_error is not None
    assert result.test_error < 0.3
    classifier, source = alexnet.load(tmp_path / "run"), alexnet.load(digits_run)
    assert isinstance(classifier.model, LinearProbe)
    assert classifier.model_card.preprocess == source.model_card.preprocess
    before = load_file(digits_run / "model" / "model.safetensors")
    after = load_file(tmp_path / "run" / "model" / "model.safetensors")
    hidden = [name for name in before if not name.startswith("classifier.fc5")]
    assert hidden
    assert all(torch.equal(before[name], after[name]) for name in hidden)
    assert alexnet.evaluate(tmp_path / "run").top1_error == pytest.approx(result.test_error)
    again = alexnet.train(digits_folder, recipe=tmp_path / "run" / "recipe.toml", out=tmp_path / "again", baseline=False)
    assert again.test_error == result.test_error
    assert json.loads((tmp_path / "run" / "report.json").read_text())["solver"]["kernel"] == "linear"


def test_classes_can_weigh_the_same(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = alexnet.train(digits_folder, model="lenet+svm", weights=digits_run, balance="loss", out=out, baseline=False)
    assert result.test_error is not None
    assert json.loads((out / "report.json").read_text())["solver"]["classes"].startswith("every class weighs the same")
    with pytest.raises(BadRecipe, match=r"lenet\+svm ends in an SVM.*draws none. Use --balance loss"):
        alexnet.train(digits_folder, model="lenet+svm", weights=digits_run, balance="sampling", out=tmp_path / "other")


def test_features_of_a_file_of_weights(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    changes = {"network.activation": "relu", "network.pooling": "max"}
    file = digits_run / "model" / "model.safetensors"
    alexnet.train(digits_folder, model="lenet+svm", weights=file, out=tmp_path / "run", baseline=False, overrides=changes)
    assert from_toml(tmp_path / "run" / "recipe.toml").weights == str(file)


def test_without_weights_it_says_where_they_come_from(digits_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"alexnet\+svm is an SVM on.*add --weights with the folder of a run of alexnet"):
        alexnet.train(digits_folder, model="alexnet+svm", image_size=64, out=tmp_path / "run")
    with pytest.raises(BadModel, match=r"No model is called 'alexnett\+svm'"):
        alexnet.train(digits_folder, model="alexnett+svm", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_decaf_without_internet_says_what_to_download(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import AlexNet_Weights

    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(type(AlexNet_Weights.IMAGENET1K_V1), "get_state_dict", offline)
    with pytest.raises(BadWeights, match=r"could not be downloaded \(no route to host\). Download alexnet-owt-7be5be79.pth"):
        alexnet.train(digits_folder, model="alexnet-owt+svm", weights="imagenet", out=tmp_path / "run")
