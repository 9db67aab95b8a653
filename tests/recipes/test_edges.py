"""Every field of a recipe at its edges: a run is resolved, or refused before the work with a message that names the field."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks import attacked
from tests.recipes.edges import edge_values, leaves

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadRecipe
from alexnet.models.kinds import HANDCRAFTED, kind_of
from alexnet.recipes.networks import shapes_only
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import TrainingRequest, resolve
from alexnet.runs.train import train

MODELS = {"features": ["fisher-svm", "hog-svm"], "solver": ["hog-svm"]}  # of a field's section; other fields: lenet
TWO_GIGABYTES = 2_000_000_000
ALSO_CALLED = {"image_size": ["image size", "image-size"], "weights": ["weights file", "no weights"], "bins": ["bins"], "cells": ["cells"]}


@pytest.fixture(autouse=True)
def a_small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.recipes.memory.available_bytes", lambda: TWO_GIGABYTES)


@pytest.fixture(scope="module")
def few(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of twenty digits."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("0", "1"):
        (folder / name).mkdir()
        for file in sorted((digits_folder / name).iterdir())[:20]:
            shutil.copy(file, folder / name)
    return folder


@cache
def opened(folder: Path) -> Dataset:
    return open_dataset(folder)


def resolved(name: str, value: Any, model: str, folder: Path) -> Recipe | AlexNetError:
    try:
        request = TrainingRequest(data="few", model=model, overrides={name: value}, image_size=32 if model == "fisher-svm" else None)
        return resolve(request, opened(folder), device=torch.device("cpu")).recipe
    except AlexNetError as error:
        return error


@pytest.mark.parametrize(("name", "hint"), list(leaves()), ids=[name for name, _ in leaves()])
def test_every_field(name: str, hint: Any, few: Path) -> None:
    for model in MODELS.get(name.partition(".")[0], ["lenet"]):
        for value in edge_values(hint):
            attacked("recipe fields at their edges")
            found = resolved(name, value, model, few)
            if isinstance(found, Recipe):
                if kind_of(model) is not HANDCRAFTED:
                    shapes_only(found, 2)  # it can be built; that it fits in memory has been checked
                continue
            message, last = str(found).replace("-", "_"), name.rpartition(".")[2]
            words = [last, *(word.replace("-", "_") for word in ALSO_CALLED.get(last, []))]
            assert any(word in message for word in words) or "__budget" in message, (value, message)
            assert len(message) < 1_000


@cache
def accepted(folder: Path) -> list[tuple[str, Any, str]]:
    """(field, value, model) of all that is not refused."""
    cases = ((name, value, model) for name, hint in leaves() for value in edge_values(hint) for model in trained_with(name))
    slow = ("training.compile", True), ("training.compile", "true")  # compiling takes a minute
    return [case for case in cases if case[:2] not in slow and isinstance(resolved(*case, folder), Recipe)]


def trained_with(name: str) -> list[str]:
    return MODELS.get(name.partition(".")[0], ["lenet"])


@pytest.mark.slow
@settings(max_examples=max(5, settings().max_examples // 4))  # each is a whole training
@given(data=st.data())
def test_one_step_with_what_is_accepted(few: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """It trains, or stops with a message, as a training with a learning rate of a million does."""
    name, value, model = data.draw(st.sampled_from(accepted(few)))
    out = tmp_path_factory.mktemp("run")
    overrides = {name: value}
    if kind_of(model) is not HANDCRAFTED and name not in ("training.epochs", "training.budget_seconds"):
        overrides["training.epochs"] = 1
    size = 32 if model == "fisher-svm" else None
    try:
        train(few, model=model, out=out / "run", image_size=size, baseline=False, overrides=overrides, listen=lambda event: None)
    except AlexNetError as error:
        assert str(error)  # noqa: PT017 - either way is right; what is not is another exception
    shutil.rmtree(out)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"training.batch_size": 1 << 20, "preprocess.stored_size": 900, "preprocess.image_size": 900, "training.precision": "fp32"},
            r"A training step of 40 pictures of",
        ),
        (
            {"network.hidden_units": 1 << 20},
            r"would have [0-9,]+ weights.*at least [0-9.,]+ [GT]B; 2\.0 GB are free.*\(network.hidden_units\)",
        ),
        ({"network.first_padding": 4_096}, r"network.first_padding"),
        ({"training.batch_size": 10**22}, r"training.batch_size is .* must be a whole number"),
        ({"preprocess.stored_size": 10**9}, r"preprocess.stored_size is 1000000000; it is a side in pixels, at most 8,192"),
    ],
)
def test_memory_is_refused_with_the_number(overrides: dict[str, Any], message: str, few: Path) -> None:
    request = TrainingRequest(data="few", model="lenet", overrides=overrides)
    with pytest.raises(BadRecipe, match=message):
        resolve(request, opened(few), device=torch.device("cpu"))


@pytest.mark.parametrize("model", ["lenet", "fisher-svm", "hog-svm", "raw-svm"])
@pytest.mark.parametrize("size", [0, -1, 1, 4_096, 4_097, 65_536, 2**63, 10**22])
def test_image_sizes(model: str, size: int, few: Path) -> None:
    try:
        resolve(TrainingRequest(data="few", model=model, image_size=size), opened(few), device=torch.device("cpu"))
    except AlexNetError as error:
        message = str(error).replace("-", "_")
        assert "image_size" in message or "image size" in message or "pictures" in message or "stored_size" in message
