"""What happens to a run whose disk fills, whose folder goes away, that is trained twice at once, or whose data change in between."""

import errno
import itertools
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from alexnet import BadRun, train
from alexnet.cli import main
from alexnet.errors import AlexNetError, CannotWrite
from alexnet.runs.result import Result
from alexnet.runtime.events import Event, StepDone
from alexnet.storage.ownership import owned

SETTINGS = {"training.batch_size": 60, "training.checkpoint_seconds": 1e-9}  # a checkpoint at each of the 8 steps


@pytest.fixture
def data(digits_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(digits_folder, tmp_path / "digits")


WORDS: dict[str, Any] = {"model": "lenet", "epochs": 2, "seed": 3, "workers": 0, "baseline": False, "overrides": SETTINGS}


def trained(data: Path, out: Path, **words: Any) -> Result:
    chosen: dict[str, Any] = WORDS | words
    return train(data, out=out, **chosen)


def stopped(data: Path, out: Path, after: int = 3, **words: Any) -> None:
    """A run that is stopped after so many steps."""
    with pytest.raises(AlexNetError, match="Stopped"):
        trained(data, out, **_after(after, lambda: None), should_stop=_Count(after), **words)


class _Count:
    """True from the n-th call on."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def _after(steps: int, do: Callable[[], object]) -> dict[str, Any]:
    """A listener that does something after a step."""
    seen: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepDone):
            seen.append(event)
            if len(seen) == steps:
                do()

    return {"listen": listen}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def whole(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of a run that nothing happened to."""
    run = tmp_path_factory.mktemp("whole") / "run"
    trained(digits_folder, run)
    return weights(run)


def assert_ends_as(whole: dict[str, torch.Tensor], data: Path, run: Path) -> None:
    train(data, out=run, resume=True, workers=0)
    assert all(torch.equal(whole[name], tensor) for name, tensor in weights(run).items())
    assert not list(run.rglob("*.partial"))


class FullDisk:
    """A disk that is full from its n-th flush on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, self.fsync = room, os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.fsync(descriptor)


def is_filled(data: Path, run: Path, room: int) -> bool:
    """Whether a run on a disk with room for so many writes has found it full."""
    with pytest.MonkeyPatch.context() as disk:
        FullDisk(disk, room)
        try:
            trained(data, run)
        except CannotWrite as full:
            assert re.search(r"cannot be written: the disk is full\. Make room", str(full))  # noqa: PT017 - one of two outcomes
            assert full.__notes__ == [f"Resume with: alexnet train --out {run} --resume"]  # noqa: PT017
            return True
    return False


def test_a_disk_that_fills_loses_nothing(digits_folder: Path, whole: dict[str, torch.Tensor], tmp_path: Path) -> None:
    assert is_filled(digits_folder, tmp_path / "run", room=12)
    assert_ends_as(whole, digits_folder, tmp_path / "run")


@pytest.mark.slow
def test_a_disk_that_fills_at_any_write_loses_nothing(digits_folder: Path, whole: dict[str, torch.Tensor], tmp_path: Path) -> None:
    for room in itertools.count():
        run = tmp_path / str(room)
        if not is_filled(digits_folder, run, room):
            break
        if not (run / "recipe.toml").exists():  # full at once
            trained(digits_folder, run)
        assert_ends_as(whole, digits_folder, run)
    assert room > 30


def test_a_folder_that_is_deleted_in_mid_run_is_not_made_again(digits_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(CannotWrite, match="its folder is gone"):
        trained(digits_folder, run, **_after(3, lambda: shutil.rmtree(run)))
    assert not run.exists()


def test_a_folder_that_is_moved_away_and_back(digits_folder: Path, whole: dict[str, torch.Tensor], tmp_path: Path) -> None:
    run, away = tmp_path / "run", tmp_path / "away"
    with pytest.raises(CannotWrite, match="its folder is gone"):
        trained(digits_folder, run, **_after(3, lambda: run.rename(away)))
    away.rename(run)
    assert_ends_as(whole, digits_folder, run)


def test_a_run_that_goes_on_is_not_resumed_beside_itself(digits_folder: Path, whole: dict[str, torch.Tensor], tmp_path: Path) -> None:
    run = tmp_path / "run"
    refused: list[str] = []

    def again() -> None:
        with pytest.raises(BadRun) as refusal:
            train(digits_folder, out=run, resume=True, workers=0)
        refused.append(str(refusal.value))

    trained(digits_folder, run, **_after(3, again))
    assert f"is in use by process {os.getpid()} on " in refused[0]
    assert all(torch.equal(whole[name], tensor) for name, tensor in weights(run).items())


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Two classes of 32 px."""
    for colour in ("red", "green"):
        (tmp_path / "squares" / colour).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (32, 32), colour).rotate(20 * number).save(tmp_path / "squares" / colour / f"{number}.png")
    return tmp_path / "squares"


@pytest.mark.parametrize("verb", ["compare", "study"])
def test_a_folder_in_use_is_refused_by_every_verb_that_writes_there(
    squares: Path, tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "folder"
    with owned(out):
        assert main([verb, str(squares), "--out", str(out)]) == 2
    assert "is in use by process" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_a_run_started_without_a_baseline_is_resumed_without_one(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    stopped(data, run)
    assert train(data, out=run, resume=True, workers=0).baseline is None


@pytest.mark.parametrize("after", [1, 20], ids=["before the first checkpoint", "in the last epoch"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: shutil.copytree(data / "3", data / "cat"), "now has 'cat', and"),
        (lambda data: shutil.rmtree(data / "3"), "no longer has '3', and"),
        (lambda data: (data / "3").rename(data / "three"), "now has 'three' and no longer has '3', and"),
    ],
    ids=["added", "gone", "renamed"],
)
def test_classes_that_changed_before_a_resume_are_named(
    data: Path, tmp_path: Path, change: Callable[[Path], object], said: str, after: int
) -> None:
    run = tmp_path / "run"
    stopped(data, run, after=after, epochs=9)
    change(data)
    with pytest.raises(BadRun, match="was started with other classes") as refusal:
        train(data, out=run, resume=True, workers=0)
    assert said in str(refusal.value)
    assert "start a new run with another --out" in str(refusal.value)


def test_without_out_a_run_is_under_runs_whatever_the_path_of_its_data(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "here")
    for path in (data, Path("..", "..", "digits")):
        result = train(path, model="lenet", epochs=1, workers=0, baseline=False)
        assert Path(result.run).parts[0] == "runs"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["digits", "work"]
    assert sorted(entry.name for entry in Path("runs").iterdir()) == ["digits-lenet", "digits-lenet-2"]


def test_a_run_resumed_from_another_folder_says_where_its_data_were(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(data.parent)
    data.rename("pets")
    stopped(Path("pets"), tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["train", "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "has its data at 'pets', as seen from the folder where it was started: resume it there." in capsys.readouterr().err
