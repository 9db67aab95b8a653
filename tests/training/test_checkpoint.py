"""Checkpoints are there whole or not at all, and a damaged one is named."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from tests.training.tiny import CONFIG, Clock, digits, model, training, weights
from torch import Tensor
from torch._C._distributed_c10d import HashStore
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from alexnet.errors import BadRun, CannotWrite
from alexnet.runtime.distributed import Workers
from alexnet.storage import tensors
from alexnet.storage.tensors import read_tensors, write_tensors
from alexnet.training.checkpoint import Checkpoints
from alexnet.training.loop import fit
from alexnet.training.optimizer import Descent
from alexnet.training.parallel import sharded_checkpoint
from alexnet.training.parallel.layout import TABLE, Layout
from alexnet.training.schedule import Plateau
from alexnet.training.state import TrainingState

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(7), "c": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)}


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "new" / "one.safetensors"
    with pytest.raises(CannotWrite, match="its folder is gone"):
        write_tensors(path, TENSORS, {})
    path.parent.mkdir()
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


@pytest.mark.parametrize("optimizer", ["sgd", "muon", "adam"])
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
    for name, value in descent.variance().items():
        assert torch.equal(again.variance()[name], value)
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


def test_names_in_the_file_say_what_each_tensor_is(tmp_path: Path) -> None:
    """Runs that are resumed by a later version have these names."""
    one, checkpoints = model(), Checkpoints(tmp_path, 60.0)
    descent, average = Descent(one, CONFIG), AveragedModel(one)
    images, labels = digits(0, 30)
    functional.cross_entropy(one(images), labels).backward()
    descent.step()
    checkpoints.save(one, descent, average, TrainingState())
    expected = {f"weights/{name}" for name in one.state_dict()} | {f"momentum/{name}" for name, _ in one.named_parameters()}
    expected |= {f"average/{name}" for name in average.state_dict()}
    found, metadata = read_tensors(tmp_path / "last.safetensors")
    assert found.keys() == expected
    assert metadata == {"state": TrainingState().to_json()}


def test_the_best_weights_are_alone_under_their_own_names(tmp_path: Path) -> None:
    one, checkpoints = model(), Checkpoints(tmp_path / "new", 60.0)
    checkpoints.save_best(one, TrainingState(step=5))
    assert [file.name for file in checkpoints.folder.iterdir()] == ["best.safetensors"]
    found, metadata = read_tensors(checkpoints.best)
    assert TrainingState.from_json(metadata["state"]) == TrainingState(step=5)
    assert found.keys() == one.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in one.state_dict().items())


def test_a_folder_inside_one_that_is_gone_is_not_made(tmp_path: Path) -> None:
    one = model()
    checkpoints = Checkpoints(tmp_path / "gone" / "checkpoints", 60.0)
    with pytest.raises(CannotWrite, match="checkpoints cannot be written: its folder is gone"):
        checkpoints.save_best(one, TrainingState())


def test_only_the_first_worker_writes(tmp_path: Path) -> None:
    one = model()
    second = Checkpoints(tmp_path / "new", 60.0, Layout(one, Workers(rank=1)))
    second.save(one, Descent(one, CONFIG), None, TrainingState())
    second.save_best(one, TrainingState())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", ["", "{}", "[]", "5", "{"])
def test_a_state_that_is_none_is_refused_with_what_to_do(state: str, tmp_path: Path) -> None:
    one = model()
    checkpoints = Checkpoints(tmp_path, 60.0)
    checkpoints.save(one, Descent(one, CONFIG), None, TrainingState())
    write_tensors(checkpoints.last, read_tensors(checkpoints.last)[0], {"state": state})
    with pytest.raises(BadRun) as refusal:
        checkpoints.resume(one, Descent(one, CONFIG), None)
    assert str(refusal.value) == f"{checkpoints.last} is not a checkpoint of this network. Delete it to start the run again."


def test_a_file_without_a_state_or_an_average_is_refused(tmp_path: Path) -> None:
    one, checkpoints = model(), Checkpoints(tmp_path, 60.0)
    checkpoints.save(one, Descent(one, CONFIG), None, TrainingState())
    with pytest.raises(BadRun, match="is not a checkpoint of this network"):
        checkpoints.resume(one, Descent(one, CONFIG), AveragedModel(one))
    write_tensors(checkpoints.last, read_tensors(checkpoints.last)[0], {})
    with pytest.raises(BadRun, match="is not a checkpoint of this network"):
        checkpoints.resume(one, Descent(one, CONFIG), None)


DIVIDED = {"network.classifier.fc2.weight": 0, "network.classifier.fc2.bias": 0}


@pytest.fixture
def one_worker() -> Iterator[None]:
    """A process group of this process alone: its parts of a divided network are the whole."""
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def saved(folder: Path, *, divided: bool, step: int) -> Checkpoints:
    """The checkpoints in a folder, after one more at a step."""
    one = model()
    layout = Layout(one)
    layout.dims = dict(DIVIDED) if divided else {}
    checkpoints = Checkpoints(folder, 60.0, layout)
    checkpoints.save(one, Descent(one, CONFIG), None, TrainingState(step=step))
    return checkpoints


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def step_found(folder: Path) -> int | None:
    """The step from which a process alone resumes."""
    other = model(seed=5)
    state = Checkpoints(folder, 60.0).resume(other, Descent(other, CONFIG), None)
    assert all(torch.equal(value, model().state_dict()[name]) for name, value in other.state_dict().items()) or state is None
    return None if state is None else state.step


@pytest.mark.usefixtures("one_worker")
def test_a_divided_network_has_a_folder_for_its_last_step_alone(tmp_path: Path) -> None:
    for mine in ("last-notes", "last-00000001-mine"):
        (tmp_path / mine).mkdir()
    for step, name in ((3, "last-00000003"), (3, "last-00000003-end"), (4, "last-00000004"), (123_456_789, "last-123456789")):
        saved(tmp_path, divided=True, step=step)
        assert names(tmp_path) == sorted([name, "last-notes", "last-00000001-mine"])
        assert step_found(tmp_path) == step


def test_each_worker_is_told_which_dimension_is_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, int | None]] = []
    monkeypatch.setattr(sharded_checkpoint, "write_parts", lambda folder, tensors, dims, world, state: told.append(dims))
    saved(tmp_path, divided=True, step=1)
    assert {name: dim for name, dim in told[0].items() if dim is not None} == {f"weights/{name}": dim for name, dim in DIVIDED.items()}
    assert set(told[0]) == {f"weights/{name}" for name in model().state_dict()}


def test_what_cannot_be_removed_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "last-00000001").write_text("a file in the place of a folder")
    assert step_found(saved(tmp_path, divided=False, step=2).folder) == 2


@pytest.mark.usefixtures("one_worker")
def test_one_kind_of_checkpoint_removes_the_other(tmp_path: Path) -> None:
    saved(tmp_path, divided=False, step=1)
    saved(tmp_path, divided=True, step=2)
    assert names(tmp_path) == ["last-00000002"]
    saved(tmp_path, divided=False, step=3)
    assert names(tmp_path) == ["last.safetensors"]


@pytest.mark.usefixtures("one_worker")
def test_a_divided_networks_weights_momentum_and_average_come_back(tmp_path: Path) -> None:
    one = model()
    layout = Layout(one)
    layout.dims = dict(DIVIDED)
    descent, average = Descent(one, CONFIG), AveragedModel(one)
    images, labels = digits(0, 30)
    functional.cross_entropy(one(images), labels).backward()
    descent.step()
    average.update_parameters(one)
    Checkpoints(tmp_path, 60.0, layout).save(one, descent, average, TrainingState(step=1))
    other = model(seed=5)
    again, its_average = Descent(other, CONFIG), AveragedModel(model(seed=6))
    assert Checkpoints(tmp_path, 60.0).resume(other, again, its_average) == TrainingState(step=1)
    assert all(torch.equal(other.state_dict()[name], value) for name, value in one.state_dict().items())
    assert all(torch.equal(again.momentum()[name], value) for name, value in descent.momentum().items())
    assert all(torch.equal(its_average.state_dict()[name], value) for name, value in average.state_dict().items())


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize(("file", "parts", "found"), [(5, 3, 5), (3, 5, 5), (4, 4, 4)])
def test_the_later_of_a_file_and_a_folder_counts(file: int, parts: int, found: int, tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole", divided=False, step=file)
    divided = saved(tmp_path / "divided", divided=True, step=parts)
    whole.last.rename(divided.last)
    assert step_found(divided.folder) == found
    (divided.folder / f"last-{parts:08}" / TABLE).unlink()  # a folder without its table was not completed
    assert step_found(divided.folder) == file
    divided.last.unlink()
    assert step_found(divided.folder) is None


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize("file", [4, 3])
def test_at_the_same_step_the_file_counts(file: int, tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole", divided=False, step=file)
    divided = saved(tmp_path / "divided", divided=True, step=4)
    other, metadata = read_tensors(whole.last)
    write_tensors(divided.last, other | {"weights/network.classifier.fc2.bias": torch.zeros(1)}, metadata)
    if file == 4:
        with pytest.raises(BadRun, match=r"last\.safetensors is not a checkpoint"):
            step_found(divided.folder)
    else:
        assert step_found(divided.folder) == 4


@pytest.mark.usefixtures("one_worker")
def test_a_folder_counts_beside_a_file_whose_step_cannot_be_read(tmp_path: Path) -> None:
    divided = saved(tmp_path, divided=True, step=1)
    write_tensors(divided.last, TENSORS, {"state": "{"})
    assert step_found(tmp_path) == 1


@pytest.mark.usefixtures("one_worker")
def test_a_worker_takes_its_part_of_a_whole_checkpoint(tmp_path: Path) -> None:
    saved(tmp_path, divided=False, step=2)
    half = Layout(model(), Workers(rank=1, size=2))
    half.dims = dict(DIVIDED)
    held: dict[str, Tensor] = {}
    half.load = lambda model, parts: held.update(parts)  # type: ignore[method-assign]
    Checkpoints(tmp_path, 60.0, half).resume(half.model, Descent(half.model, CONFIG), None)
    whole = model().state_dict()
    assert {name for name, part in held.items() if part.shape != whole[name].shape} == set(DIVIDED)
    assert torch.equal(held["network.classifier.fc2.weight"], whole["network.classifier.fc2.weight"][8:])


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
