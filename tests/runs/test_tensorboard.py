"""TensorBoard's files are closed however a training ends, and its mistakes are told."""

import threading
from pathlib import Path

import pytest

from alexnet.errors import AlexNetError, Interrupted
from alexnet.runs.tensorboard import tensorboard_listener
from alexnet.runtime.events import EpochDone, Message

ROW = {"epoch": 1.0, "step": 4, "validation_loss": 0.5}


@pytest.mark.parametrize("end", [None, Interrupted("Stopped."), KeyboardInterrupt(), RuntimeError("a defect")])
def test_the_files_are_closed_however_the_training_ends(end: BaseException | None, tmp_path: Path) -> None:
    event_file_loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    before = set(threading.enumerate())

    def train() -> None:
        with tensorboard_listener(tmp_path) as listen:
            listen(EpochDone(ROW, best=True))
            assert set(threading.enumerate()) > before, "a thread writes while the files are open"
            if end is not None:
                raise end

    if end is None:
        train()
    else:
        with pytest.raises(type(end)):
            train()
    assert set(threading.enumerate()) <= before
    (file,) = (tmp_path / "tensorboard").iterdir()
    tags = {value.tag for event in event_file_loader.EventFileLoader(str(file)).Load() for value in event.summary.value}
    assert tags == set(ROW)


def test_nothing_is_written_before_the_first_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with tensorboard_listener(tmp_path) as listen:
        listen(Message("Planning."))
    assert not list(tmp_path.iterdir())


def test_a_run_folder_is_needed() -> None:
    with pytest.raises(AlexNetError, match="--tensorboard writes into the run folder: choose it with --out"), tensorboard_listener(None):
        pass
