"""Progress in a notebook, with the far side of IPython: what `display` is asked to show, and to update."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from alexnet.runs.train import train
from alexnet.runtime.events import EpochDone, Event, Message, StepDone
from alexnet.runtime.notebook import NotebookProgress, show_progress

ROW = {"epoch": 1.0, "training_loss": 0.75, "training_error": 0.25, "validation_error": 0.125, "images_per_second": 1234.4, "seconds": 75.0}


class Cell:
    """The outputs below a cell: what each shows now, and how often it was updated."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.updates = 0

    def display(self, page: str, *, display_id: bool) -> SimpleNamespace:
        assert display_id
        place = len(self.shown)
        self.shown.append(page)

        def update(page: str) -> None:
            self.shown[place] = page
            self.updates += 1

        return SimpleNamespace(update=update)


def test_one_output_is_updated_in_place() -> None:
    cell, now = Cell(), [0.0]
    progress = NotebookProgress(cell.display, str, clock=lambda: now[0])
    events: list[Event] = [Message("Model <lenet>: it was requested.")]
    events += [StepDone(step, step / 10, step / 10, 2.3, 512.0, 75.0) for step in range(1, 10)]
    for event in [*events, EpochDone(ROW, best=True)]:
        progress(event)
        now[0] += 0.1
    assert len(cell.shown) == 1
    assert cell.updates < 8, "not every step is sent to the browser"
    (page,) = cell.shown
    assert "Model &lt;lenet&gt;: it was requested." in page
    assert "train error" in page
    assert "12.50%" in page
    assert '<progress max="1" value="0.' in page
    assert "loss 2.300  512 images/s  1:15 left" in page


def ipython(monkeypatch: pytest.MonkeyPatch, cell: Cell, *, kernel: object) -> SimpleNamespace:
    """IPython as the library finds it."""
    shell = SimpleNamespace(kernel=kernel, execution_count=7)
    package, shown = ModuleType("IPython"), ModuleType("IPython.display")
    package.__dict__.update(get_ipython=lambda: shell, version_info=(9, 0))
    shown.__dict__.update(HTML=str, display=cell.display)
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    return shell


def test_each_cell_has_its_own_output(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell()
    shell = ipython(monkeypatch, cell, kernel=object())
    for number in (7, 7, 8):
        shell.execution_count = number
        show_progress(Message(f"cell {number}"))
    assert ["cell 7" in page for page in cell.shown] == [True, False]
    assert cell.updates == 1


@pytest.mark.parametrize("where", ["terminal", "script"])
def test_elsewhere_messages_go_to_the_logger(where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    cell = Cell()
    if where == "terminal":  # IPython without a notebook
        ipython(monkeypatch, cell, kernel=None)
    with caplog.at_level("INFO", logger="alexnet"):
        show_progress(Message("Reading."))
    assert cell.shown == []
    assert caplog.messages == ["Reading."]


@pytest.mark.slow
def test_a_training_shows_itself(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell()
    ipython(monkeypatch, cell, kernel=object())
    changes: dict[str, Any] = {"training.batch_size": 16, "training.learning_rate": 0.02, "network.activation": "relu"}
    train(digits_folder, model="lenet", epochs=2, out=tmp_path / "run", overrides=changes, baseline=False)
    (page,) = cell.shown
    assert page.count("images/s") >= 1
    assert "   2.00 " in page
    assert "<progress" in page
