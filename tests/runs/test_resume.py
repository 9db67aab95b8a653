"""Interrupted runs: whatever stops a training, --resume ends in the weights of the run that was never stopped, bit for bit."""

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alexnet.cli import main
from alexnet.errors import AlexNetError
from alexnet.models.weights.load import read_weights
from alexnet.runs.result import Result
from alexnet.runs.train import train
from alexnet.runtime.events import EpochDone, Event, StepDone

EPOCHS = 2.5  # the last epoch is a part of one, where an off-by-one would hide
SETTINGS = {
    "training.batch_size": 32,
    "training.learning_rate": 0.02,
    "network.activation": "relu",
    "training.averaging": 0.9,
    "network.dropout": 0.3,
    "augment.crop": True,
    "augment.crop_padding": 2,
}
STEPS = 20  # 240 training images are 8 steps an epoch
OPTIONS = [part for name, value in SETTINGS.items() for part in (f"--{name}", str(value))]

# Decoding anew at each step, in worker processes, as images that do not fit into memory are; slow enough to be hit in the middle.
PROGRAM = """
import sys, time
import alexnet.data.pipeline.image_store, alexnet.runs.fit_network as training
from alexnet.cli import main
slowly, small_memory = float(sys.argv[1]), sys.argv[2] == "small"
if small_memory:
    alexnet.data.pipeline.image_store.available_bytes = lambda: 0
recording = training._recording
def slow_recording(*run):
    listen = recording(*run)
    def tell(event):
        listen(event)
        if type(event).__name__ == "StepDone":
            time.sleep(slowly)
    return tell
training._recording = slow_recording
sys.exit(main(sys.argv[3:]))
"""


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    return differing(one, other) == {}


def differing(one: Path, other: Path) -> dict[str, float | None]:
    """The largest difference of each tensor that is not equal to the bit; None where one run lacks it or its shape differs."""
    left, right = weights(one), weights(other)
    found: dict[str, float | None] = dict.fromkeys(left.keys() ^ right.keys())
    for name in left.keys() & right.keys():
        if left[name].shape != right[name].shape:
            found[name] = None
        elif not torch.equal(left[name], right[name]):
            found[name] = float((left[name].double() - right[name].double()).abs().max())
    return found


def history(run: Path) -> list[tuple[float, float, float]]:
    """What a row of history says that no clock decides."""
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [(row["step"], row["training_loss"], row["validation_loss"]) for row in rows]


def fresh(
    digits_folder: Path,
    out: Path,
    *,
    stop_after: int | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    keep_checkpoints: bool = False,
) -> Result:
    """Train, and stop after so many steps where a number is given."""
    steps = 0

    def listen(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, StepDone)

    changes = SETTINGS | {"training.checkpoint_seconds": checkpoint_seconds}
    return train(
        digits_folder,
        model="lenet",
        epochs=EPOCHS,
        seed=3,
        out=out,
        workers=0,
        overrides=changes,
        resume=resume,
        baseline=False,
        keep_checkpoints=keep_checkpoints,
        listen=listen,
        should_stop=lambda: steps == stop_after,
    )


@pytest.fixture(scope="module")
def uninterrupted(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    fresh(digits_folder, run, keep_checkpoints=True)
    assert [row[0] for row in history(run)] == [8, 16, STEPS]
    return run


def test_same_seed_same_weights(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    fresh(digits_folder, tmp_path / "again")
    assert differing(uninterrupted, tmp_path / "again") == {}
    assert not (tmp_path / "again" / "checkpoints").exists()
    assert history(uninterrupted) == history(tmp_path / "again")


@pytest.mark.slow
def test_another_seed_other_weights(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    changes = SETTINGS | {"training.checkpoint_seconds": 60.0}
    train(digits_folder, model="lenet", epochs=EPOCHS, seed=4, out=tmp_path / "other", overrides=changes)
    assert not same(uninterrupted, tmp_path / "other")


@pytest.mark.parametrize("step", [8, *(pytest.param(step, marks=pytest.mark.slow) for step in (1, 7, 9, 16, STEPS - 1, STEPS))])
def test_stopped_at_a_step(uninterrupted: Path, digits_folder: Path, tmp_path: Path, step: int) -> None:
    run = tmp_path / "run"
    with pytest.raises(AlexNetError, match=f"Stopped after step {step}; nothing is lost") as stopped:
        fresh(digits_folder, run, stop_after=step)
    assert stopped.value.__notes__ == [f"Resume with: alexnet train --out {run} --resume"]
    assert not (run / "model").exists()
    train(digits_folder, out=run, resume=True)
    assert differing(uninterrupted, run) == {}
    assert history(uninterrupted) == history(run)


@pytest.mark.slow
def test_stopped_again_and_again(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for _ in range(3):
        with pytest.raises(AlexNetError, match="Stopped after step"):
            fresh(digits_folder, run, stop_after=5, resume=True)
    fresh(digits_folder, run, resume=True)
    assert differing(uninterrupted, run) == {}
    assert history(uninterrupted) == history(run)


@pytest.mark.parametrize("epoch", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_stopped_while_it_validates(uninterrupted: Path, digits_folder: Path, tmp_path: Path, epoch: int) -> None:
    """Also in the last epoch: who has asked for the end does not wait for the test and the report."""
    changes, epochs = SETTINGS | {"training.checkpoint_seconds": 60.0}, 0

    def listen(event: Event) -> None:
        nonlocal epochs
        epochs += isinstance(event, EpochDone)

    words = {"model": "lenet", "epochs": EPOCHS, "seed": 3, "baseline": False, "overrides": changes, "listen": listen}
    with pytest.raises(AlexNetError, match="Stopped after step"):
        train(digits_folder, out=tmp_path / "run", should_stop=lambda: epochs == epoch, **words)  # type: ignore[arg-type]  # of several types
    assert not (tmp_path / "run" / "model").exists()
    train(digits_folder, out=tmp_path / "run", resume=True)
    assert differing(uninterrupted, tmp_path / "run") == {}
    assert history(uninterrupted) == history(tmp_path / "run")


def _steps(events: list[Event]) -> int:
    return sum(isinstance(event, StepDone) for event in events)


@pytest.mark.slow
def test_broken_off_anywhere(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    """An exception at any event (Ctrl-C between two lines of code) loses the work since the checkpoint at most."""
    changes = SETTINGS | {"training.checkpoint_seconds": 60.0}
    for last in (0, 2, 5, 11, 14, 25):
        run, events = tmp_path / f"run {last}", 0

        def listen(_: object, last: int = last) -> None:
            nonlocal events
            events += 1
            if events > last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(digits_folder, model="lenet", epochs=EPOCHS, seed=3, out=run, workers=0, overrides=changes, listen=listen)
        train(digits_folder, out=run, workers=0, resume=True)
        assert same(uninterrupted, run), last
        assert history(uninterrupted) == history(run)


def test_a_checkpoint_at_each_step_changes_nothing(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    fresh(digits_folder, tmp_path / "run", checkpoint_seconds=1e-9)
    assert differing(uninterrupted, tmp_path / "run") == {}


@pytest.mark.parametrize("lost", [pytest.param(["result.json"], marks=pytest.mark.slow), ["result.json", "report.html", "model"]])
def test_killed_while_it_concluded(uninterrupted: Path, tmp_path: Path, lost: list[str]) -> None:
    run = Path(shutil.copytree(uninterrupted, tmp_path / "run"))
    for name in lost:
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    (run / "checkpoints" / "last.partial").write_bytes(b"half a file")
    assert main(["train", "--out", str(run), "--resume"]) == 0
    assert differing(uninterrupted, run) == {}
    assert (run / "report.html").exists()


def test_resuming_a_finished_run_gives_its_result_again(uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(shutil.copytree(uninterrupted, tmp_path / "run"))
    assert main(["train", "--out", str(run), "--resume", "--json"]) == 0
    captured = capsys.readouterr()
    assert "already finished" in captured.err
    assert json.loads(captured.out)["epochs"] == EPOCHS


def test_a_finished_run_keeps_its_model_alone(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Also where the process was killed between the result and the removal; the weights for another training come from the model."""
    run = Path(shutil.copytree(uninterrupted, tmp_path / "run"))
    (run / "checkpoints" / "kept").rename(run / "checkpoints" / "released")
    (run / "checkpoints" / "last-00000024").mkdir()
    assert (run / "checkpoints" / "best.safetensors").exists()
    assert train(digits_folder, out=run, resume=True).epochs == EPOCHS
    assert not (run / "checkpoints").exists()
    assert read_weights(str(run))


def test_checkpoints_of_a_version_that_kept_them_stay(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(uninterrupted, tmp_path / "run"))
    (run / "checkpoints" / "kept").unlink()
    train(digits_folder, out=run, resume=True)
    assert (run / "checkpoints" / "best.safetensors").exists()


def test_checkpoints_that_are_to_be_kept(digits_folder: Path, tmp_path: Path) -> None:
    """A run keeps the wish of its start when it is resumed."""
    run = tmp_path / "run"
    with pytest.raises(AlexNetError, match="Stopped"):
        train(digits_folder, model="lenet", epochs=1, out=run, baseline=False, workers=0, should_stop=lambda: True, keep_checkpoints=True)
    for _ in range(2):
        train(digits_folder, out=run, resume=True)
        assert {"last.safetensors", "best.safetensors"} <= {path.name for path in (run / "checkpoints").iterdir()}


def start(run: Path, digits_folder: Path, *options: str, slowly: float = 0.0, memory: str = "large") -> "subprocess.Popen[str]":
    """A training in a process of its own, and with a process group of its own, as a terminal gives it."""
    words = ["train", str(digits_folder), "--model", "lenet", "--epochs", str(EPOCHS), "--seed", "3", "--out", str(run), *OPTIONS, *options]
    command = [sys.executable, "-c", PROGRAM, str(slowly), memory, *words]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # sums are rounded alike with equal threads alone
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, env=environment, start_new_session=True, stdout=pipe, stderr=pipe)


def wait_for(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    for _ in range(6_000):
        if happened() or process.poll() is not None:
            return
        time.sleep(0.01)
    pytest.fail("the training has not come so far")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "whole_group", "memory", "first_word"),
    [
        (signal.SIGTERM, False, "large", "Stopped after step "),
        (signal.SIGINT, True, "small", "Stopped"),  # with loader processes, which a terminal's Ctrl-C reaches too
    ],
)
def test_signals_end_the_run(
    uninterrupted: Path, digits_folder: Path, tmp_path: Path, number: signal.Signals, whole_group: bool, memory: str, first_word: str
) -> None:
    run = tmp_path / "a run"
    with start(run, digits_folder, "--workers", "2", "--json", slowly=0.2, memory=memory) as process:
        wait_for((run / "history.jsonl").exists, process)
        time.sleep(0.8)  # in the middle of the second epoch, whose eight steps take 0.2 s each
        os.killpg(process.pid, number) if whole_group else process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), said
    assert "Traceback" not in said
    lines = said.splitlines()
    assert lines[-2].startswith(first_word)
    assert lines[-1] == f"Resume with: {shlex.join(['alexnet', 'train', '--out', str(run), '--resume'])}"
    assert main(shlex.split(lines[-1].partition(": ")[2])[1:]) == 0
    assert differing(uninterrupted, run) == {}


@pytest.mark.slow
def test_a_signal_while_images_are_read(digits_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with start(run, digits_folder, "--set", "training.learning_rate=0.03") as process:
        wait_for((run / "recipe.toml").exists, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1].endswith("--resume")
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adam"])
def test_momentum_comes_back_where_it_belongs(digits_folder: Path, tmp_path: Path, optimizer: str) -> None:
    """Colour images: weights of several input maps lie in memory in another order than in the file."""
    changes = {"training.batch_size": 64, "training.optimizer": optimizer, "network.width": 0.25}
    words = {"model": "alexnet-cifar-fast", "epochs": 2.0, "workers": 0, "overrides": changes}
    train(digits_folder, out=tmp_path / "whole", **words)  # type: ignore[arg-type]  # of several types
    steps: list[Event] = []
    with pytest.raises(AlexNetError, match="Stopped after step 6"):
        train(digits_folder, out=tmp_path / "halves", listen=steps.append, should_stop=lambda: _steps(steps) == 6, **words)  # type: ignore[arg-type]
    train(digits_folder, out=tmp_path / "halves", workers=0, resume=True)
    assert differing(tmp_path / "whole", tmp_path / "halves") == {}


def kill_at(run: Path, digits_folder: Path, seconds: float) -> None:
    """SIGKILL so long after the run folder appeared."""
    options = ("--training.checkpoint-seconds", "0.05", "--resume")
    with start(run, digits_folder, *options, slowly=0.02) as process:
        wait_for((run / "recipe.toml").exists, process)
        time.sleep(seconds)
        process.kill()


@pytest.mark.slow
def test_killed_once(uninterrupted: Path, digits_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with start(run, digits_folder, "--training.checkpoint-seconds", "0.05", slowly=0.05) as process:
        wait_for((run / "checkpoints" / "last.safetensors").exists, process)
        process.kill()
    assert not (run / "model").exists()
    assert main(["train", "--out", str(run), "--resume"]) == 0
    assert differing(uninterrupted, run) == {}
    assert history(uninterrupted) == history(run)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments(uninterrupted: Path, digits_folder: Path, tmp_path: Path, seed: int) -> None:
    chance, run = random.Random(seed), tmp_path / "run"
    for _ in range(4):
        kill_at(run, digits_folder, chance.uniform(0, 1.5))
    assert main(["train", "--out", str(run), "--resume"]) == 0
    assert differing(uninterrupted, run) == {}
    assert history(uninterrupted) == history(run)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_does_not_change_the_weights(
    uninterrupted: Path, digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Neither of the threads that read, nor of the processes that decode what does not fit into memory."""
    changes = SETTINGS | {"training.checkpoint_seconds": 60.0}
    words = {"model": "lenet", "epochs": EPOCHS, "seed": 3, "overrides": changes, "workers": workers}
    train(digits_folder, out=tmp_path / "in memory", **words)  # type: ignore[arg-type]  # of several types
    monkeypatch.setattr("alexnet.data.pipeline.image_store.available_bytes", lambda: 0)
    train(digits_folder, out=tmp_path / "streamed", **words)  # type: ignore[arg-type]
    assert differing(uninterrupted, tmp_path / "in memory") == {}
    assert differing(uninterrupted, tmp_path / "streamed") == {}
