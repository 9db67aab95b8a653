"""The other targets, each read by what it is for: torchvision, safetensors, and a parser of protobuf's text."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import alexnet as torchvision_alexnet

from alexnet.data.preprocess import Preprocess
from alexnet.errors import AlexNetError
from alexnet.exports.export import export
from alexnet.exports.run_images import generated
from alexnet.inference.build import build_model
from alexnet.inference.classifier import Classifier, load
from alexnet.inference.model_card import ModelCard
from alexnet.inference.onnx_classifier import OnnxClassifier
from alexnet.models.networks.architecture import NetworkChoices


@pytest.mark.slow
def test_torchvision_loads_alexnet_owt(tmp_path: Path) -> None:
    """torchvision's own network, of full width, with the exported weights, answers as the classifier does."""
    torch.manual_seed(0)
    sizes = Preprocess(image_size=224, stored_size=224, fit="crop", mean=(120.0, 110.0, 100.0), std=(60.0, 60.0, 60.0))
    classes = ("a", "b", "c")
    model = build_model("alexnet-owt", NetworkChoices(), 3, 3, sizes)
    described = ModelCard(
        model="alexnet-owt",
        classes=classes,
        channels=3,
        preprocess=sizes,
        network=NetworkChoices(),
        flip=True,
        scores={},
        versions={},
        precision="fp32",
    )
    classifier = Classifier(model, described, device="cpu")
    classifier.save(tmp_path / "model")
    done = export(tmp_path / "model", to="torch", out=tmp_path / "owt.pth")
    network = torchvision_alexnet(num_classes=3).eval()
    network.load_state_dict(torch.load(done.file, weights_only=True))
    images = generated(224, 2).images
    with torch.inference_mode():
        scores = network((images.float() - torch.tensor(sizes.mean).view(1, 3, 1, 1)) / 60)
    torch.testing.assert_close(torch.softmax(scores, 1), classifier.probabilities(images), atol=1e-5, rtol=0)


def test_other_networks_are_plain_modules(digits_run: Path, tmp_path: Path) -> None:
    done = export(digits_run, to="torch", out=tmp_path / "lenet.pth")
    network = load(digits_run).network
    network.load_state_dict(torch.load(done.file, weights_only=True))
    assert done.to == "torch"
    assert done.largest_difference < 1e-6, "the last layer is divided by the temperature"


def test_a_folder_for_a_hub(digits_run: Path, tmp_path: Path) -> None:
    place = tmp_path / "digits"
    done = export(digits_run, to="hf", out=place)
    assert {file.name for file in place.iterdir()} == {
        "README.md",
        "config.json",
        "familiarity.safetensors",
        "model.json",
        "model.safetensors",
    }
    assert done.bytes == sum(file.stat().st_size for file in place.iterdir())
    assert load_file(place / "model.safetensors").keys() == load(digits_run).model.learned().keys()
    config = json.loads((place / "config.json").read_text())
    assert config["id2label"]["7"] == "7"
    page = (place / "README.md").read_text()
    score = load(digits_run).model_card.scores["validation_error"]
    assert f"| validation_error | {score:.4g} |" in page
    assert "uint8 (N, 3, 28, 28), RGB" in page
    assert str(tmp_path) not in page


def test_a_repository_for_triton(digits_run: Path, tmp_path: Path) -> None:
    text_format = pytest.importorskip("google.protobuf.text_format")
    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    place = tmp_path / "repository"
    export(digits_run, to="triton", out=place)
    config = text_format.Parse((place / "alexnet" / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    (takes,), (returns,) = config.input, config.output
    assert (config.name, config.platform, list(takes.dims), list(returns.dims)) == ("alexnet", "onnxruntime_onnx", [3, 28, 28], [10])
    assert (takes.data_type, returns.data_type) == (model_config_pb2.TYPE_UINT8, model_config_pb2.TYPE_FP32)
    assert (place / "alexnet" / "labels.txt").read_text().split() == list("0123456789")
    assert OnnxClassifier(place / "alexnet" / "1" / "model.onnx").classes == tuple("0123456789")


def test_what_a_target_does_not_take(digits_run: Path, tmp_path: Path) -> None:
    for name in ("torch", "hf"):
        with pytest.raises(AlexNetError, match=rf"--to {name} writes the weights as they are"):
            export(digits_run, to=name, int8=True, out=tmp_path / "x.pth")
    assert not list(tmp_path.iterdir())
