"""Names that try to control the terminal, on every way out of the command line."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.table import Table

from alexnet.cli import main
from alexnet.cli.output import fail, show, show_defect, show_lines
from alexnet.cli.progress import Screen
from alexnet.errors import AlexNetError
from alexnet.runtime.events import Message, log_messages

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202egpj"
SHOWN = "\\x1b]0;owned\\x07\\x1b[31mred\\x9b2J\\u202egpj"


def raised() -> None:
    error = AlexNetError(f"No class is called {HOSTILE}.")
    error.add_note(f"Resume with: {HOSTILE}")
    fail(error, 2)


def crashed() -> None:
    error = RuntimeError(HOSTILE)
    show_defect(RuntimeError, error, None)


def in_a_table() -> None:
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    show(False, {}, lambda: [table, HOSTILE])


def on_the_screen() -> None:
    with Screen() as screen:
        screen(Message(HOSTILE))


WAYS: dict[str, Callable[[], Any]] = {
    "an error and its notes": raised,
    "a defect": crashed,
    "tables and lines": in_a_table,
    "plain lines": lambda: show_lines([HOSTILE]),
    "progress": on_the_screen,
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_out_lets_a_name_control_the_terminal(way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    WAYS[way]()
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert SHOWN in said
    assert not set("\x1b\x07\x9b\u202e") & set(said)


def test_the_log_is_escaped_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="alexnet"):
        log_messages(Message(HOSTILE))
    assert caplog.messages == [SHOWN]


def test_names_of_files_and_classes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    for name in ("\x1b[31mred", "blue\u202e\nnext"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "data" / name / "1\x1b[2J.png")
    assert main(["inspect", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert "\\x1b[31mred" in said
    assert "blue\\u202e\\nnext" in said
    assert not set("\x1b\u202e") & set(said)
    assert main(["inspect", str(tmp_path / "data"), "--json"]) == 0
    found = capsys.readouterr().out
    assert found.isascii()
    assert sorted(json.loads(found)["classes"]) == ["\x1b[31mred", "blue\u202e\nnext"]


def test_a_defect_in_a_process_is_escaped_and_status_1() -> None:
    code = (
        "import sys, alexnet.lecture.summary as s\n"
        "def fails(*a, **k): raise RuntimeError(chr(27) + '[2J')\n"
        "s.summary = fails\n"
        "sys.argv = ['alexnet', 'summary']\n"
        "from alexnet.cli import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "RuntimeError: \\x1b[2J" in done.stderr
    assert "\x1b" not in done.stderr
