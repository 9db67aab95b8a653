"""What a person sees of a training: one line per epoch in a log, a live line on a terminal."""

import io

import pytest
from rich.console import Console

from alexnet.cli.progress import Screen
from alexnet.runtime.events import EpochDone, Message, Planned, Reading, StepDone

ROW = {
    "epoch": 1.5,
    "step": 12,
    "training_loss": 0.75,
    "training_error": 0.25,
    "validation_loss": 0.5,
    "validation_error": 0.125,
    "learning_rate": 0.1,
    "images_per_second": 1234.4,
    "seconds": 3671.0,
}
EVENTS = (
    Message("Model [lenet]: it was requested."),
    Reading(10, 200),
    StepDone(1, 0.1, 0.01, 2.3, 512.0, 75.0),
    EpochDone(ROW, best=True),
    EpochDone(ROW, best=False),
    Planned(1_000, 2.5, 0.0123),
)


def test_a_log_has_one_line_per_epoch_and_nothing_live(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen() as screen:
        for event in EVENTS:
            screen(event)
    captured = capsys.readouterr()
    assert captured.out == "", "progress goes to standard error"
    lines = captured.err.splitlines()
    assert lines[0] == "Model [lenet]: it was requested."
    assert lines[1].split() == ["epoch", "train", "loss", "train", "error", "valid.", "error", "images/s", "time"]
    assert lines[2].split() == ["1.50", "0.7500", "25.00%", "12.50%", "1,234", "1:01:11", "best"]
    assert lines[3].split() == lines[2].split()[:-1]
    assert lines[4] == "The budget holds 2.5 epochs: 1,000 steps of 0.0123 s."
    assert len(lines) == 5


def test_a_terminal_has_a_live_line_with_the_time_left() -> None:
    screen = Screen()
    page = io.StringIO()
    screen.console = Console(file=page, force_terminal=True, width=120, highlight=False)
    screen.progress.live.console = screen.console
    screen.progress.disable = False
    with screen:
        for event in EVENTS:
            screen(event)
            screen.progress.refresh()
    assert "reading pictures" in page.getvalue()
    assert "10 of 200" in page.getvalue()
    assert "loss 2.300  512 images/s  1:15 left" in page.getvalue()
