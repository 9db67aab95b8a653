"""Trained weights from files: what fits goes in, what does not is said, and no file runs code."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from alexnet.errors import BadWeights
from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.load import load_weights, read_weights

State = dict[str, Tensor]


def network(name: str = "alexnet-owt", *, classes: int = 5, channels: int = 3, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    architecture = vary(ARCHITECTURES[name], NetworkChoices(width=1 / 16))
    return Network(architecture, classes=classes, channels=channels, image_size=96).eval()


def last(model: Network) -> str:
    return "classifier.6" if model.architecture.numbered else f"classifier.{list(dict(model.classifier.named_children()))[-1]}"


def test_torchvisions_file_goes_in_and_gives_torchvisions_scores(torchvision_alexnet: nn.Module, tmp_path: Path) -> None:
    torch.save(torchvision_alexnet.state_dict(), tmp_path / "alexnet.pth")
    with torch.device("meta"):
        ours = Network(ARCHITECTURES["alexnet-owt"], classes=3, channels=3, image_size=224)
    ours = ours.to_empty(device="cpu").eval()
    lines = load_weights(ours, read_weights(str(tmp_path / "alexnet.pth")), "classifier.6")
    assert lines == ["16 weight tensors loaded"]
    images = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)[None, :, :224, :224].float() / 255
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), torchvision_alexnet(images), rtol=1e-5, atol=1e-6)


def save(state: State, path: Path, how: str) -> str:
    if how == "safetensors":
        save_file(state, path / "weights.safetensors")
        return str(path / "weights.safetensors")
    if how == "run":
        (path / "model").mkdir()
        save_file(state, path / "model" / "model.safetensors")
        return str(path)
    whole: dict[str, Any] = dict(state)
    if how == "checkpoint":
        whole = {"epoch": 90, "state_dict": {f"module.{name}": value for name, value in state.items()}}
    torch.save(whole, path / "weights.pth")
    return str(path / "weights.pth")


@pytest.mark.parametrize("how", ["safetensors", "run", "torch", "checkpoint"])
def test_every_kind_of_file_brings_the_same_weights(how: str, tmp_path: Path) -> None:
    source, target = network(seed=0), network(seed=1)
    load_weights(target, read_weights(save(source.state_dict(), tmp_path, how)), last(target))
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value), name


@pytest.mark.parametrize("name", ["alexnet", "alexnet-owt"])
def test_other_classes_give_a_fresh_last_layer_and_keep_the_rest(name: str) -> None:
    source, target = network(name, classes=5), network(name, classes=2, seed=1)
    before = {key: value.clone() for key, value in target.state_dict().items()}
    lines = load_weights(target, source.state_dict(), last(target))
    assert lines[-1] == f"{last(target)} starts from random weights for 2 classes"
    for key, value in target.state_dict().items():
        expected = before[key] if key.startswith(last(target)) else source.state_dict()[key]
        assert torch.equal(value, expected), key


def test_weights_without_a_last_layer_leave_ours_as_it_was() -> None:
    source, target = network(), network(seed=1)
    state = {key: value for key, value in source.state_dict().items() if not key.startswith("classifier.6")}
    fresh = target.state_dict()["classifier.6.weight"].clone()
    assert "starts from random weights" in load_weights(target, state, last(target))[-1]
    assert torch.equal(target.state_dict()["classifier.6.weight"], fresh)


def test_weights_that_do_not_fit_are_refused_with_the_difference() -> None:
    target = network()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    state = dict(network(seed=1).state_dict())
    del state["features.3.bias"]
    state["features.4.weight"] = torch.zeros(2)
    state["features.6.weight"] = torch.zeros(3, 4)
    with pytest.raises(BadWeights) as refusal:
        load_weights(target, state, last(target))
    message = str(refusal.value)
    assert "missing: features.3.bias" in message
    assert "unknown: features.4.weight" in message
    shape = tuple(before["features.6.weight"].shape)
    assert f"features.6.weight is (3, 4), needs {shape}" in message
    for key, value in target.state_dict().items():
        assert torch.equal(value, before[key]), key  # nothing was half loaded


def test_another_networks_weights_are_refused() -> None:
    with pytest.raises(BadWeights, match="do not fit this network"):
        load_weights(network("alexnet-owt"), network("alexnet").state_dict(), "classifier.6")


@pytest.mark.parametrize("name", ["alexnet-owt", "alexnet", "alexnet-cifar-26"])
def test_gray_images_score_as_before_when_colour_weights_become_gray(name: str) -> None:
    colour, gray = network(name).double(), network(name, channels=1, seed=1).double()
    load_weights(gray, colour.state_dict(), last(gray))
    pixels = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None, :, :96, :96].double().mean(1, keepdim=True)
    torch.testing.assert_close(gray(pixels - 110), colour((pixels - 110).expand(-1, 3, -1, -1)), rtol=1e-10, atol=1e-12)


class Malicious:
    """A pickle that writes a file when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return (_leave_a_trace, (str(self.trace), "ran"))


def _leave_a_trace(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("how", ["torch", "pickle", "builtin"])
def test_a_file_that_would_run_code_is_refused_and_does_not_run_it(how: str, tmp_path: Path) -> None:
    trace, file = tmp_path / "trace", tmp_path / "weights.pth"
    if how == "torch":
        torch.save({"weight": torch.zeros(2), "extra": Malicious(trace)}, file)
    elif how == "pickle":
        file.write_bytes(pickle.dumps(Malicious(trace)))
    else:
        file.write_bytes(f"cos\nsystem\n(S'touch {trace}'\ntR.".encode())
    with pytest.raises(BadWeights, match="is not a file of weights that can be read safely"):
        read_weights(str(file))
    assert not trace.exists()


def test_a_whole_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(BadWeights, match="read safely"):
        read_weights(str(tmp_path / "model.pth"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(suffix: str, share: float, tmp_path: Path) -> None:
    state, path = network("alexnet-cifar-26").state_dict(), tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BadWeights) as refusal:
        read_weights(str(path))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content", [b"GIF89a", b"\x80\x04.", b"\x80\x02", b"PK\x03\x04" + b"\0" * 60, b"not weights at all\n" * 40, b"}q."]
)
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    for name in ("weights.pth", "weights.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadWeights):
            read_weights(str(tmp_path / name))


@pytest.mark.parametrize("value", [[1, 2], {}, {"epoch": 3}, {"state_dict": {"weight": "text"}}])
def test_a_file_without_tensors_by_name_is_refused(value: object, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "weights.pth")
    with pytest.raises(BadWeights, match="holds no state dict"):
        read_weights(str(tmp_path / "weights.pth"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"There are no weights at .*nothing\.pth\. Use a .safetensors or .pth file, a run folder"):
        read_weights(str(tmp_path / "nothing.pth"))
    with pytest.raises(BadWeights, match="There are no weights at"):
        read_weights(str(tmp_path))


def test_weights_that_cannot_be_downloaded_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(BadWeights, match=r"could not be downloaded \(Network is unreachable\). Download alexnet-owt-7be5be79.pth"):
        read_weights("imagenet")
