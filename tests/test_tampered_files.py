"""Every file that we read back, with anything in it: it is read, or refused with one message; never another exception."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks import attacked
from tests.edits import BYTES, ODD, places
from tests.runs.digit_systems import Trainings
from tests.studies.invented import report as invented_study
from tests.test_reports import small_report
from torch import nn

from alexnet.comparison.request import load_comparison_request
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError
from alexnet.inference.classifier import load
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import fields_of, from_toml
from alexnet.reports import read_comparison
from alexnet.runs.baseline import Baseline
from alexnet.runs.folder import RunFolder
from alexnet.runs.report.record_json import read_report, report_text
from alexnet.storage.files import read_record
from alexnet.storage.tensors import write_tensors
from alexnet.studies.finished import read_study
from alexnet.studies.outcome import Outcome, read_outcome, write_outcome
from alexnet.studies.request import load_study_request, save_study_request, study_request
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent
from alexnet.training.state import TrainingState


def tampered(draw: Callable[[Any], Any], whole: Any) -> Any:
    """The values with up to three of them replaced, removed, doubled or under another name."""
    values = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        known = list(places(values))
        if not known:
            break
        *path, last = draw(st.sampled_from(known))
        owner = values
        for step in path:
            owner = owner[step]
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "rename"])):
            case "replace":
                owner[last] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case "remove":
                del owner[last]
            case "double":
                owner[last] = [owner[last], copy.deepcopy(owner[last])]
            case _ if isinstance(owner, dict):
                owner[draw(st.sampled_from(["x", "pictures", "fields", ""]))] = owner.pop(last)
    return values


def check(
    data: st.DataObject, path: Path, whole: dict[str, Any], read: Callable[[], object], written: Callable[[Any], str] = json.dumps
) -> None:
    """Damage the file at `path`, and read it."""
    if data.draw(st.integers(0, 4)) == 0:
        path.write_bytes(data.draw(st.sampled_from(BYTES)))
    else:
        text = written(tampered(data.draw, whole))
        cut = data.draw(st.sampled_from([None, None, None, len(text) // 2]))
        path.write_bytes(data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text[:cut].encode("utf-8", "backslashreplace"))
    attacked("run files changed, then read")
    try:
        read()
    except AlexNetError as error:
        assert str(error)  # noqa: PT017 - either way is right; what is not is another exception


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tampered")


@pytest.fixture(scope="module")
def run(digits_run: Path, folder: Path) -> Path:
    """A copy of a finished run."""
    return shutil.copytree(digits_run, folder / "run")


@given(data=st.data())
def test_model_card(data: st.DataObject, run: Path, digits_run: Path) -> None:
    whole = json.loads((digits_run / "model" / "model.json").read_text("utf-8"))
    pixels = torch.zeros(1, 3, 28, 28, dtype=torch.uint8)

    def read() -> None:
        classifier = load(run)
        if classifier.model_card.preprocess.image_size == 28:
            classifier.probabilities(pixels)

    check(data, run / "model" / "model.json", whole, read)


@pytest.mark.slow
@given(data=st.data())
def test_splits(data: st.DataObject, run: Path, digits_run: Path, digits_folder: Path) -> None:
    whole = json.loads((digits_run / "splits.json").read_text("utf-8"))
    dataset = open_dataset(digits_folder)
    check(data, run / "splits.json", whole, lambda: RunFolder(run).read_splits(dataset))


@given(data=st.data())
def test_result(data: st.DataObject, run: Path, digits_run: Path) -> None:
    whole = json.loads((digits_run / "result.json").read_text("utf-8"))
    check(data, run / "result.json", whole, RunFolder(run).finished)


@given(data=st.data())
def test_baseline(data: st.DataObject, folder: Path) -> None:
    whole = Baseline(
        model="hog-svm",
        kernel="linear",
        n_train=9,
        validation_error=0.1,
        test_error=0.1,
        test_interval=(0.0, 0.2),
        n_test=9,
        seconds=1.0,
        relative_duality_gap=0.01,
    )
    path = folder / "baseline.json"
    check(data, path, json.loads(json.dumps(asdict(whole))), lambda: read_record(path, Baseline))


@given(data=st.data())
def test_state(data: st.DataObject, folder: Path) -> None:
    model = nn.Linear(2, 2)
    whole = asdict(TrainingState(step=4, epoch=1, planned_steps=8, progress=0.5, history=[{"epoch": 1.0, "training_error": 0.5}]))
    checkpoints, optimizer = Checkpoints(folder / "checkpoints", 60.0), Descent(model, TrainingConfig())
    kept = folder / "state.json"
    checkpoints.save(model, optimizer, None, TrainingState())
    tensors = {f"weights/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"momentum/{name}": value for name, value in optimizer.momentum().items()}

    def read() -> None:
        write_tensors(checkpoints.last, tensors, {"state": kept.read_bytes().decode("utf-8", "replace")})
        checkpoints.resume(model, optimizer, None)

    check(data, kept, whole, read)


@given(data=st.data())
def test_outcome(data: st.DataObject, folder: Path) -> None:
    path = folder / "outcome.json"
    outcome = Outcome(key="k", seed=0, judged_error=0.1, wrong=(True, False), history=({"epoch": 1.0},), gradients={"conv1": 0.5})
    write_outcome(outcome, path)
    assert read_outcome(path).wrong == [True, False]
    check(data, path, json.loads(path.read_text("utf-8")), lambda: read_outcome(path))


@given(data=st.data())
def test_report(data: st.DataObject, folder: Path) -> None:
    path = folder / "report.json"
    check(data, path, json.loads(report_text(small_report())), lambda: read_report(path))


@pytest.mark.slow
@given(data=st.data())
def test_study(data: st.DataObject, folder: Path) -> None:
    path = folder / "study"
    path.mkdir(exist_ok=True)
    save_study_request(study_request("images", claims="dropout", overrides={"training.epochs": "3"}), path / "study.json")
    whole = json.loads(json.dumps(invented_study().to_json()))
    check(data, path / "result.json", whole, lambda: read_study(path))
    whole = json.loads((path / "study.json").read_text("utf-8")) | {"scale": {"size": 28, "width": 0.5, "fraction": 1.0, "epochs": 2.0}}
    check(data, path / "study.json", whole, lambda: load_study_request(path / "study.json"))


@pytest.fixture(scope="module")
def comparison(folder: Path) -> Path:
    trainings, out = Trainings(), folder / "comparison"
    trainings.compare(models="hog-svm,lenet", fractions="0.2,1", seeds=1, out=out)
    return out


@pytest.mark.slow
@settings(max_examples=200)
@given(data=st.data())
def test_comparison(data: st.DataObject, comparison: Path, folder: Path) -> None:
    path = folder / "tampered comparison"
    path.mkdir(exist_ok=True)
    shutil.copyfile(comparison / "comparison.json", path / "comparison.json")
    whole = json.loads((comparison / "result.json").read_text("utf-8"))
    check(data, path / "result.json", whole, lambda: read_comparison(path))
    whole = json.loads((comparison / "comparison.json").read_text("utf-8"))
    check(data, path / "comparison.json", whole, lambda: load_comparison_request(path / "comparison.json"))


def as_toml(values: dict[str, Any]) -> str:
    """What TOML can say of the values."""
    return tomli_w.dumps(without_none(values))


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(part) for key, part in value.items() if part is not None}
    return [without_none(part) for part in value if part is not None] if isinstance(value, list) else value


@given(data=st.data())
def test_recipe(data: st.DataObject, folder: Path) -> None:
    path = folder / "recipe.toml"
    whole = fields_of(with_overrides(Recipe(name="quick", data="images", model="lenet"), {"network.activation": "tanh"}))
    check(data, path, whole, lambda: from_toml(path), as_toml)
