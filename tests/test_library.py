"""The library: the same words as the command line, and an import that costs nothing."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet
from alexnet import cli
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.train import train

PUBLIC = [
    "AlexNetError",
    "Classifier",
    "Comparison",
    "Prediction",
    "Result",
    "StudyReport",
    "__version__",
    "compare",
    "evaluate",
    "inspect",
    "load",
    "open_dataset",
    "study",
    "train",
]


def test_public_names() -> None:
    assert alexnet.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(alexnet))
    assert all(getattr(alexnet, name).__doc__ for name in PUBLIC)
    assert (alexnet.train, alexnet.evaluate) == (train, evaluate_run)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'alexnet' has no attribute 'trian'"):
        _ = alexnet.trian


def test_import_loads_nothing() -> None:
    code = "import sys, alexnet; before = set(sys.modules); alexnet.AlexNetError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "numpy", "PIL", "rich", "cyclopts", "alexnet.runs", "alexnet.data"}


def test_star_import_gives_the_public_names() -> None:
    space: dict[str, object] = {}
    exec("from alexnet import *", space)
    assert set(PUBLIC) <= set(space)


def test_train_takes_the_words_of_the_command_line() -> None:
    """Options that only a screen needs are left out; recipe fields come as `overrides`."""
    command, library = (set(inspect.signature(call).parameters) for call in (cli.train, alexnet.train))
    assert command - library == {"tensorboard", "no_baseline", "json"}
    assert library - command == {"baseline", "listen", "notice", "should_stop", "splits"}
    command, library = (set(inspect.signature(call).parameters) for call in (cli.compare, alexnet.compare))
    assert command - library == {"json"}
    command, library = (set(inspect.signature(call).parameters) for call in (cli.evaluate, alexnet.evaluate))
    assert command - library == {"json"}
    assert {"top", "views"} <= set(inspect.signature(alexnet.Classifier.predict).parameters)


def test_train_load_evaluate_predict(tmp_path: Path, digits_folder: Path) -> None:
    result = alexnet.train(digits_folder, model="lenet", epochs=1, out=tmp_path / "run")
    assert isinstance(result, alexnet.Result)
    assert alexnet.evaluate(tmp_path / "run").top1_error == result.test_error
    (answer,) = alexnet.load(tmp_path / "run").predict(digits_folder / "0" / "0000.png", top=3)
    assert len(answer.top) == 3
    with pytest.raises(alexnet.AlexNetError, match="already holds a run"):
        alexnet.train(digits_folder, model="lenet", epochs=1, out=tmp_path / "run")
