"""A run folder of which one file was changed: every verb that reads it works, or refuses it with one message that names the file."""

import copy
import json
import os
import shutil
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from tests.attacks import attacked
from tests.conftest import DIGITS
from tests.edits import BYTES, edits

from alexnet.cli import main
from alexnet.errors import AlexNetError, Interrupted
from alexnet.inference.classifier import load
from alexnet.models.weights.convert import convert_file
from alexnet.reports import report
from alexnet.runs.evaluate import evaluate_run
from alexnet.runs.folder import RunFolder
from alexnet.runs.train import train
from alexnet.runtime.events import StepDone

STATE = "checkpoints/last.safetensors"  # the training state is JSON in its metadata
READERS = {  # which verbs read which files of a finished run
    "predict": ["model/model.json"],
    "evaluate": ["model/model.json", "splits.json", "recipe.toml"],
    "report": ["result.json", "report.json"],
    "resume": ["recipe.toml", "result.json"],
    "convert": ["model/model.json"],
}
READERS_OF_UNFINISHED = ["recipe.toml", "splits.json", "baseline.json", "history.jsonl", STATE]


def predict(run: Path, data: Path) -> None:
    load(run).predict(next((data / "3").iterdir()))


def resume(run: Path, data: Path) -> None:
    train(data, out=run, resume=True, listen=lambda event: None)


def convert(run: Path, data: Path) -> None:
    convert_file(run, from_form="alexnet", to_form="dense", out=run / "out.safetensors")


VERBS: dict[str, Callable[[Path, Path], object]] = {
    "predict": predict,
    "evaluate": evaluate_run,
    "report": lambda run, data: report(run),
    "resume": resume,
    "convert": convert,
}


@cache
def content_of(path: Path) -> Any:
    """The values in a file that is not changed."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()["state"])
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


@cache
def edits_of(path: Path) -> list[Callable[[Any], None]]:
    return edits(content_of(path))


def bytes_of(path: Path, values: Any) -> bytes:
    """The values as a file of that kind holds them."""
    if path.suffix == ".jsonl":
        return "\n".join(map(json.dumps, values)).encode()
    text = tomli_w.dumps(without_none(values)) if path.suffix == ".toml" else json.dumps(values)
    return text.encode("utf-8", "backslashreplace")


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(part) for key, part in value.items() if part is not None}
    return [without_none(part) for part in value if part is not None] if isinstance(value, list) else value


def put(path: Path, original: Path, content: bytes) -> None:
    """Write a file of the run; a training state goes into the metadata of its checkpoint."""
    if path.suffix != ".safetensors":
        path.write_bytes(content)
        return
    with safe_open(original, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    path.unlink(missing_ok=True)
    save_file(tensors, path, {"state": content.decode("utf-8", "replace")})


def tampered(data: st.DataObject, original: Path) -> bytes:
    if data.draw(st.integers(0, 5)) == 0:
        return data.draw(st.sampled_from(BYTES))
    values = copy.deepcopy(content_of(original))
    data.draw(st.sampled_from(edits_of(original)))(values)
    mark = data.draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    return mark + bytes_of(original, values)


def check(data: st.DataObject, verb: Callable[[Path, Path], object], name: str, original: Path, folder: Path, digits: Path) -> None:
    """Change one file in a copy of the run, and use the run."""
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(original, run)
    put(run / name, original / name, tampered(data, original / name))
    attacked("run files changed, then used by a command")
    try:
        verb(run, digits)
    except AlexNetError as error:
        assert str(error)  # noqa: PT017 - either way is right; what is not is another exception
        assert len(str(error)) < 3_000  # noqa: PT017


CASES = [pytest.param(verb, name, marks=pytest.mark.slow if verb != "predict" else ()) for verb, names in READERS.items() for name in names]


@pytest.mark.parametrize(("verb", "name"), CASES)
@given(data=st.data())
def test_a_finished_run(
    verb: str, name: str, data: st.DataObject, digits_run: Path, digits_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(data, VERBS[verb], name, digits_run, tmp_path_factory.getbasetemp() / "finished", digits_folder)


@pytest.fixture(scope="module")
def unfinished(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in its second epoch, with a baseline."""
    out, steps = tmp_path_factory.mktemp("unfinished") / "run", [0]

    def listen(event: object) -> None:
        steps[0] = event.step if isinstance(event, StepDone) else steps[0]

    with pytest.raises(Interrupted):
        train(
            digits_folder,
            model="lenet",
            epochs=2,
            out=out,
            overrides={"training.batch_size": 16},
            should_stop=lambda: steps[0] >= 20,
            listen=listen,
        )
    assert all((out / name).exists() for name in READERS_OF_UNFINISHED)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS_OF_UNFINISHED)
@given(data=st.data())
def test_an_unfinished_run(
    name: str, data: st.DataObject, unfinished: Path, digits_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(data, resume, name, unfinished, tmp_path_factory.getbasetemp() / "resumed", digits_folder)


@pytest.mark.parametrize("name", ["model/model.json", "splits.json", "result.json", "report.json", "recipe.toml"])
@pytest.mark.parametrize("content", [b'{"a":' * 100_000, b"a=" + b"[" * 100_000, b'{"seed": ' + b"9" * 6000 + b"}", b"", b"\xff\xfe\x00"])
def test_the_file_is_named(name: str, content: bytes, digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    (run / name).write_bytes(content)
    verb = {"model/model.json": "predict", "splits.json": "evaluate", "recipe.toml": "resume"}.get(name, "report")
    with pytest.raises(AlexNetError, match=Path(name).name):
        VERBS[verb](run, digits_folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", ["splits.json", "result.json", "recipe.toml"])
def test_a_pipe_in_the_place_of_a_file_does_not_hang(name: str, digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    (run / name).unlink()
    os.mkfifo(run / name)
    for verb in ("evaluate", "resume", "report"):
        try:
            VERBS[verb](run, digits_folder)
        except AlexNetError as error:
            assert name in str(error) or "recipe.toml" in str(error)  # noqa: PT017


def test_a_file_that_is_too_large(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    with (run / "result.json").open("wb") as file:
        file.truncate(40_000_000_000)
    with pytest.raises(AlexNetError, match=r"result\.json is damaged \(it is larger than 256,000,000 bytes\)"):
        RunFolder(run).finished()
    (run / "result.json").write_bytes(b"[" + b"0," * 11_000_000 + b"0]")
    with pytest.raises(AlexNetError, match=r"it holds more than 10,000,000 values"):
        RunFolder(run).finished()


def test_the_command_line_ends_with_status_2(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    for name, words in (("model/model.json", ["predict", str(run), "x.png"]), ("result.json", ["report", str(run)])):
        (run / name).write_bytes(b'{"a":' * 100_000)
        assert main(words) == 2
        errors = capsys.readouterr().err
        assert name in errors
        assert "Traceback" not in errors


def test_best_weights_of_another_network(unfinished: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(unfinished, tmp_path / "run")
    save_file({"x": torch.zeros(DIGITS)}, run / "best.safetensors")
    state = content_of(unfinished / STATE) | {"finished": True}
    put(run / STATE, unfinished / STATE, json.dumps(state).encode())
    (run / "best.safetensors").replace(run / "checkpoints" / "best.safetensors")
    with pytest.raises(AlexNetError, match=r"best\.safetensors does not hold the weights of this network"):
        resume(run, digits_folder)


def test_a_finished_state_without_its_history(unfinished: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(unfinished, tmp_path / "run")
    for history in ([], [{"epoch": 1.0}]):
        state = content_of(unfinished / STATE) | {"finished": True, "history": history}
        put(run / STATE, unfinished / STATE, json.dumps(state).encode())
        with pytest.raises(AlexNetError, match="a finished training without its history"):
            resume(run, digits_folder)
