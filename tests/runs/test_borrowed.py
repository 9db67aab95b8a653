"""Networks of other libraries behind the same seam: every verb takes them, a stopped run ends the same, messages say what is missing."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.runs.test_resume import differing, history
from torch import Tensor, nn

import alexnet
from alexnet.data.preprocess import FIXED
from alexnet.errors import BadModel, BadRecipe, BadWeights, ImageSizeTooSmall, Interrupted
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.networks.borrowed.from_torchvision import Torchvision
from alexnet.models.networks.borrowed.weights import renamed
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.models.registry import find_architecture
from alexnet.models.summary import summarise
from alexnet.recipes.toml import from_toml
from alexnet.runtime.events import Event, StepDone
from alexnet.storage.files import free_folder

SQUEEZE, MOBILE = "torchvision:squeezenet1_1", "torchvision:mobilenet_v3_small"
SMALL = {"training.batch_size": 64, "training.precision": "fp32", "preprocess.stored_size": 36, "augment.scale": 0.8}
WORDS = {"image_size": 32, "baseline": False, "workers": 0, "overrides": SMALL}


@pytest.fixture(scope="module")
def scratch(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """torchvision's SqueezeNet with new weights, trained for an epoch: the weights that others start from."""
    run = tmp_path_factory.mktemp("scratch") / "run"
    alexnet.train(digits_folder, out=run, model=SQUEEZE, weights="none", epochs=1, **WORDS)  # type: ignore[arg-type]
    return run


def test_every_verb_takes_it(digits_folder: Path, tmp_path: Path, scratch: Path) -> None:
    run = shutil.copytree(scratch, tmp_path / "run")
    recipe = from_toml(run / "recipe.toml")
    assert (recipe.model, recipe.weights, recipe.training.norm_statistics, recipe.training.lower_layers) == (SQUEEZE, "", "batch", 1.0)
    assert alexnet.evaluate(run).n == 30
    classifier = alexnet.load(run)
    assert isinstance(classifier.model, NetworkModel)
    assert classifier.predict(next(digits_folder.rglob("*.png")))[0].error is None
    exported = alexnet.export(run, out=tmp_path / "run.onnx")
    assert exported.checked
    assert exported.agreement == 1.0


def test_its_frozen_layer_lies_under_an_svm(digits_folder: Path, tmp_path: Path, scratch: Path) -> None:
    alexnet.train(digits_folder, out=tmp_path / "run", model=SQUEEZE + "+svm", weights=scratch, **WORDS)  # type: ignore[arg-type]
    classifier = alexnet.load(tmp_path / "run")
    assert isinstance(classifier.model, LinearProbe)
    before, after = (load_file(run / "model" / "model.safetensors") for run in (scratch, tmp_path / "run"))
    assert all(torch.equal(value, after[name]) for name, value in before.items() if name.startswith("features."))
    assert alexnet.export(tmp_path / "run", out=tmp_path / "run.onnx").agreement == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("model", [SQUEEZE, MOBILE])
def test_a_run_that_is_stopped_ends_the_same(model: str, digits_folder: Path, tmp_path: Path) -> None:
    steps = 0

    def listen(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, StepDone)

    words = {**WORDS, "model": model, "weights": "none", "epochs": 2}
    alexnet.train(digits_folder, out=tmp_path / "whole", keep_checkpoints=True, **words)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        alexnet.train(digits_folder, out=tmp_path / "run", listen=listen, should_stop=lambda: steps == 5, **words)  # type: ignore[arg-type]
    alexnet.train(digits_folder, out=tmp_path / "run", resume=True)
    assert differing(tmp_path / "whole", tmp_path / "run") == {}
    assert history(tmp_path / "whole") == history(tmp_path / "run")
    assert alexnet.export(tmp_path / "run", out=tmp_path / "run.onnx").agreement == 1.0
    assert alexnet.export(tmp_path / "run", to="torch", out=tmp_path / "run.pth").agreement == 1.0
    names = torch.load(tmp_path / "run.pth", weights_only=True).keys()
    library, _ = Torchvision().build(model.partition(":")[2], 32)
    assert (names == library.state_dict().keys()) == (model == MOBILE)  # SqueezeNet's last layer is a convolution there, and not here


@pytest.mark.slow
def test_what_the_library_publishes_is_trained_further(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = _with_new_weights(MOBILE)
    monkeypatch.setattr(Torchvision, "weights", lambda self, name: published)
    alexnet.train(digits_folder, out=tmp_path / "run", model=MOBILE, epochs=1, **WORDS)  # type: ignore[arg-type]
    recipe, tuned = from_toml(tmp_path / "run" / "recipe.toml"), load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert (recipe.weights, recipe.training.norm_statistics, recipe.training.lower_layers) == ("imagenet", "kept", 0.1)
    statistics = "features.0.1.running_mean"
    assert torch.equal(tuned["features.body.inner." + statistics], published[statistics])
    assert not torch.equal(tuned["features.body.inner.features.0.0.weight"], published["features.0.0.weight"])
    alexnet.train(digits_folder, out=tmp_path / "svm", model=MOBILE + "+svm", **WORDS)  # type: ignore[arg-type]
    card = alexnet.load(tmp_path / "svm").model_card
    assert (card.preprocess.mean, card.preprocess.std) == FIXED["imagenet"]


def _with_new_weights(model: str) -> Mapping[str, Tensor]:
    network, _ = Torchvision().build(model.partition(":")[2], 224)
    return network.state_dict()


def test_the_function_is_the_library_s_own() -> None:
    """A file with the library's names loads, whole, and gives the library's own scores."""
    torch.manual_seed(0)
    for model, size in ((SQUEEZE, 64), (MOBILE, 64)):
        library, last = Torchvision().build(model.partition(":")[2], size)
        network = Network(find_architecture(model), classes=1000, channels=3, image_size=size)
        network.load_state_dict(renamed(network.architecture, library.state_dict()))
        images = torch.randn(2, 3, size, size)
        with torch.inference_mode():
            ours, theirs = network.eval()(images), library.eval()(images)
        scores = library.get_submodule(last)
        if isinstance(scores, nn.Conv2d):  # of SqueezeNet: a ReLU and the mean come after the scores
            theirs = scores(library.get_submodule("features")(images)).mean((2, 3))
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_parameters_are_those_that_torchvision_states() -> None:
    from torchvision.models import get_model_weights

    for found in summarise([SQUEEZE, MOBILE], classes=None, image_size=None, channels=None):
        weights = get_model_weights(found.architecture.name.partition(":")[2]).DEFAULT
        assert found.parameters == weights.meta["num_params"]
        assert found.macs / 1e9 == pytest.approx(weights.meta["_ops"], rel=0.01, abs=0.09)  # SqueezeNet's last layer sees a mean here


def test_messages_say_what_to_do(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(model: str, **words: object) -> None:
        alexnet.train(digits_folder, model=model, out=tmp_path / "run", baseline=False, **words)  # type: ignore[arg-type]

    with pytest.raises(BadModel, match=r"torchvision has no classifier called 'resnet19'. Did you mean 'resnet18'"):
        train("torchvision:resnet19")
    with pytest.raises(BadModel, match=r"Classifiers of other libraries are timm:NAME and torchvision:NAME"):
        train("resnet18")
    with pytest.raises(BadRecipe, match="The recipe 'paper' is not made for torchvision:squeezenet1_1"):
        train(SQUEEZE, recipe="paper", weights="none")
    with pytest.raises(BadModel, match=r"network.width does not apply"):
        train(SQUEEZE, weights="none", overrides={"network.width": 0.5})
    with pytest.raises(BadWeights, match=r"add --weights with the folder of a run .* what its library publishes"):
        train(SQUEEZE + "+svm", weights="none")
    with pytest.raises(ImageSizeTooSmall, match=r"torchvision:squeezenet1_1 cannot take 8x8 pictures .* Choose another --image-size"):
        train(SQUEEZE, weights="none", image_size=8)
    monkeypatch.setattr("torch.hub.download_url_to_file", _unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    with pytest.raises(BadWeights, match=r"could not be downloaded \(.*no route.*\). Use --weights none.*--weights"):
        train(SQUEEZE)
    assert not (tmp_path / "run").exists()


def _unreachable(*_: object, **__: object) -> None:
    raise OSError("no route to that place")


def test_a_file_of_another_network_is_refused_with_the_difference(tmp_path: Path, digits_folder: Path) -> None:
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "resnet.safetensors")
    with pytest.raises(BadWeights, match=r"do not fit this network:(?s:.*)unknown: features.body.inner.conv1.weight"):
        alexnet.train(digits_folder, model=SQUEEZE, weights=tmp_path / "resnet.safetensors", image_size=32, out=tmp_path / "run")


def test_a_folder_s_name_has_no_colon(tmp_path: Path) -> None:
    assert free_folder(tmp_path, "photos", SQUEEZE).name == "photos-torchvision-squeezenet1_1"
