"""Checkpoints are there whole or not at all, and a damaged one is named."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from tests.training.tiny import CONFIG, Clock, digits, model, training, weights
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from alexnet.errors import BadRun, CannotWrite
from alexnet.storage import tensors
from alexnet.storage.tensors import read_tensors, write_tensors
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.loop import fit
from alexnet.training.optimizer import Descent
from alexnet.training.schedule import Plateau
from alexnet.training.state import TrainingState

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(7), "c": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)}


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    write_tensors(path, TENSORS, {"note": "ünïcode"})
    tensors, metadata = read_tensors(path)
    assert metadata == {"note": "ünïcode"}
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype
    assert [file.name for file in path.parent.iterdir()] == ["one.safetensors"]


def half_written(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    save_file(tensors, path, metadata)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fails", ["writing", "flushing", "moving"])
def test_a_failure_while_writing_leaves_the_old_file(fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.safetensors"
    write_tensors(path, TENSORS, {"state": "old"})
    old = path.read_bytes()

    def broken(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if fails == "writing":
            patch.setattr(tensors, "save_file", half_written)
        elif fails == "flushing":
            patch.setattr("os.fsync", broken)
        else:
            patch.setattr(Path, "replace", broken)
        with pytest.raises(CannotWrite, match="the disk is full"):
            write_tensors(path, {"a": torch.zeros(9)}, {"state": "new"})
    assert path.read_bytes() == old
    write_tensors(path, {"a": torch.zeros(9)}, {"state": "new"})  # what is left of the failure is in nobody's way
    assert read_tensors(path)[1] == {"state": "new"}
    assert [file.name for file in tmp_path.iterdir()] == ["last.safetensors"]


def test_a_training_whose_disk_fills_up_goes_on_from_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = training(tmp_path / "straight")
    fit(straight)
    always = replace(CONFIG, checkpoint_seconds=1e-9)
    saved: list[Path] = []

    def full_after_five(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
        saved.append(path)
        if len(saved) > 5:
            half_written(tensors, path, metadata)
        save_file(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(tensors, "save_file", full_after_five)
        with pytest.raises(CannotWrite, match="the disk is full"):
            fit(training(tmp_path / "full", always))
    assert len(saved) == 6
    resumed = training(tmp_path / "full", always, seed=9)
    fit(resumed)
    for name, value in weights(straight).items():
        assert torch.equal(weights(resumed)[name], value), name


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", b"\xff" * 400])
def test_a_damaged_checkpoint_is_named_with_what_to_do(damage: bytes, tmp_path: Path) -> None:
    one = training(tmp_path)
    tmp_path.mkdir(exist_ok=True)
    one.checkpoints.last.write_bytes(damage)
    with pytest.raises(BadRun) as refusal:
        fit(one)
    assert str(one.checkpoints.last) in str(refusal.value)
    assert "Delete it to continue without it" in str(refusal.value)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.999])
def test_a_truncated_checkpoint_is_refused(share: float, tmp_path: Path) -> None:
    write_tensors(tmp_path / "last.safetensors", TENSORS, {"state": "{}"})
    content = (tmp_path / "last.safetensors").read_bytes()
    (tmp_path / "last.safetensors").write_bytes(content[: int(share * len(content))])
    with pytest.raises(BadRun, match=r"last\.safetensors cannot be read"):
        read_tensors(tmp_path / "last.safetensors")


def test_a_missing_file_is_a_run_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"best\.safetensors cannot be read"):
        read_tensors(tmp_path / "best.safetensors")


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_weights_momentum_and_average_all_come_back(optimizer: Any, tmp_path: Path) -> None:
    config = replace(CONFIG, optimizer=optimizer)
    one, state = model(), TrainingState(step=3, epoch=1, history=[{"epoch": 1.0}], best_error=0.25)
    descent, average = Descent(one, config), AveragedModel(one)
    images, labels = digits(0, 30)
    for _ in range(2):
        functional.cross_entropy(one(images), labels).backward()
        descent.step()
        average.update_parameters(one)
    checkpoints = Checkpoints(tmp_path, 60.0)
    checkpoints.save(one, descent, average, state)

    other = model(seed=5)
    again, its_average = Descent(other, config), AveragedModel(model(seed=6))
    assert checkpoints.resume(other, again, its_average) == state
    for name, value in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    for name, value in descent.momentum().items():
        assert torch.equal(again.momentum()[name], value)
    for name, value in average.state_dict().items():
        assert torch.equal(its_average.state_dict()[name], value)


def test_there_is_nothing_to_resume_at_first(tmp_path: Path) -> None:
    one = model()
    assert Checkpoints(tmp_path, 60.0).resume(one, Descent(one, CONFIG), None) is None


def test_a_checkpoint_is_due_after_its_seconds_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    one, checkpoints = model(), Checkpoints(tmp_path, 60.0)
    clock.pass_by(59.0)
    assert not checkpoints.due()
    clock.pass_by(1.0)
    assert checkpoints.due()
    checkpoints.save(one, Descent(one, CONFIG), None, TrainingState())
    assert not checkpoints.due()


numbers = st.floats(allow_nan=False)


@given(
    step=st.integers(0, 10**9), loss=numbers, error=numbers, plateau=numbers, rows=st.lists(st.dictionaries(st.text(), numbers), max_size=3)
)
def test_a_state_survives_json_to_the_last_bit(step: int, loss: float, error: float, plateau: float, rows: list[dict[str, float]]) -> None:
    state = TrainingState(step=step, loss_sum=loss, best_error=error, plateau=Plateau(best_error=plateau, drops=2), history=rows)
    assert TrainingState.from_json(state.to_json()) == state


def test_a_new_state_has_no_best_and_a_state_of_a_later_version_can_be_read() -> None:
    fresh = TrainingState.from_json(TrainingState().to_json())
    assert fresh.best_error == math.inf
    later = json.loads(TrainingState(step=4).to_json()) | {"something_new": 1}
    assert TrainingState.from_json(json.dumps(later)).step == 4
