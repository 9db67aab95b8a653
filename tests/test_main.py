"""The program as a process: Ctrl-C at any moment of its first second, and what it runs."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT to one process")
ROOT = Path(__file__).resolve().parents[1]

# What `alexnet` and `python -m alexnet` do, with a line of output as soon as our code runs: before that, Ctrl-C is Python's.
PROGRAM = textwrap.dedent("""
    import sys
    sys.argv = ["alexnet", *sys.argv[1:]]
    from alexnet.__main__ import start
    import signal
    own = signal.signal
    def reported(number, handler):
        before = own(number, handler)
        if number == signal.SIGINT and getattr(handler, "__name__", "") == "end_or_interrupt":
            print("ready", flush=True)
        return before
    signal.signal = reported
    start()
""")


def heard() -> None:
    """Let a process hear Ctrl-C, which shells make jobs in the background ignore: these tests may be one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupted(after: float, *words: str) -> tuple[int, str]:
    """The exit status and the error output of a program that is interrupted some seconds after its handler is there."""
    command = [sys.executable, "-c", PROGRAM, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)  # noqa: PLW1509 - no threads yet
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=100)
    finally:
        process.kill()
    return process.returncode, errors


@pytest.mark.parametrize(
    "after", [0.0, 0.3, *(pytest.param(after, marks=pytest.mark.slow) for after in (0.05, 0.1, 0.2, 0.5, 0.7, 1.0, 1.5))]
)
def test_ctrl_c_in_the_first_second(after: float, tmp_path: Path) -> None:
    """A training of digits takes longer than that; nothing but the status and a message is left."""
    status, errors = interrupted(after, "train", "digits", "--model", "lenet", "--epochs", "1000", "--out", str(tmp_path / "run"))
    assert status == 130, errors
    assert "Traceback" not in errors
    assert "Stopped" in errors or "Resume with" in errors


@pytest.mark.slow
@pytest.mark.parametrize("words", [("inspect", "digits"), ("summary", "alexnet"), ("compare", "digits"), ("predict", "run", "-")])
@pytest.mark.parametrize("after", [0.05, 0.4])
def test_every_verb(words: tuple[str, ...], after: float) -> None:
    status, errors = interrupted(after, *words)
    assert "Traceback" not in errors
    assert status == 130 or (status, after) in ((0, 0.4), (2, 0.4))  # it had ended before


def test_the_entry_point_is_there() -> None:
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]["alexnet"]
    module, _, name = entry.partition(":")
    assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize(("words", "status"), [(("--version",), 0), (("nonsense",), 2)])
def test_the_status_is_the_command_lines(words: tuple[str, ...], status: int) -> None:
    done = subprocess.run([sys.executable, "-m", "alexnet", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
