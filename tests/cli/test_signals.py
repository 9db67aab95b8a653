"""Every verb ends with status 130 when it is asked to stop, and leaves no process behind, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from alexnet.cli import main

VERBS = {
    "train": (["train", "digits"], "alexnet.search.train.train"),
    "evaluate": (["evaluate", "run"], "alexnet.runs.evaluate.evaluate_run"),
    "predict": (["predict", "run", "a.png"], "alexnet.inference.classifier.load"),
    "compare": (["compare", "digits"], "alexnet.comparison.compare.compare"),
    "study": (["study", "digits"], "alexnet.studies.study.study"),
    "summary": (["summary"], "alexnet.lecture.summary.summary"),
    "inspect": (["inspect", "digits"], "alexnet.data.verbs.inspect"),
    "pack": (["pack", "digits", "a.zip"], "alexnet.data.verbs.pack"),
    "report": (["report", "run"], "alexnet.reports.report"),
    "convert": (["convert", "a", "--from", "alexnet", "--to", "caffe", "--out", "b.npz"], "alexnet.models.weights.convert.convert_file"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_verb_ends_with_130(
    verb: str, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    words, place = VERBS[verb]
    monkeypatch.setattr(place, stopped)
    before = signal.getsignal(signal.SIGTERM)
    assert main(words) == 130
    assert capsys.readouterr().err == "Stopped.\n"
    assert signal.getsignal(signal.SIGTERM) == before


def photos(folder: Path) -> Path:
    for number in range(120):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = Image.effect_noise((32, 32), 80).convert("RGB")
        noise.paste(("red", "blue")[number % 2], (8, 8, 24, 24))
        noise.save(path)
    return folder


def processes_of(mark: str) -> list[int]:
    """Processes whose environment holds the mark: the program and everything it started."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def wait_for_workers(mark: str, count: int) -> None:
    until = time.monotonic() + 60
    while len(processes_of(mark)) < count:
        assert time.monotonic() < until, "no workers were started"
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_study_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    data, mark = photos(tmp_path / "data"), f"ALEXNET_TEST_MARK={tmp_path.name}-{number}-{os.getpid()}"
    words = ["study", str(data), "--claims", "dropout", "--seeds", "2", "--processes", "2", "--training.epochs", "400", "--budget", "10h"]
    environment = os.environ | dict([mark.split("=")]) | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "alexnet", *words, "--set", "fraction=1", "--network.width", "0.125", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as program:
        wait_for_workers(mark, 4)  # the program, two workers and multiprocessing's tracker
        time.sleep(4)
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
        assert program.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), said.decode()
    until = time.monotonic() + 10
    while processes_of(mark) and time.monotonic() < until:
        time.sleep(0.2)
    assert processes_of(mark) == []
    if number == signal.SIGTERM:
        assert re.search(rb"Resume with: alexnet study", said), said


UNGUARDED = """
import sys
import alexnet
alexnet.study(sys.argv[1], claims="dropout", seeds=2, processes=2, budget="1h", out=sys.argv[2])
"""


@pytest.mark.slow
def test_a_script_without_the_main_guard_is_told_so_once(tmp_path: Path) -> None:
    script = tmp_path / "measure.py"
    script.write_text(UNGUARDED)
    command = [sys.executable, str(script), str(photos(tmp_path / "data")), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    said = (
        f"{script} has no main guard, and this call starts processes, each of which runs the script again. Put the call under the guard:\n"
    )
    assert done.stderr.count("has no main guard") == 1, done.stderr
    assert f'AlexNetError: {said}    if __name__ == "__main__":\n        alexnet.study(...)' in done.stderr
    assert done.stderr.count("Traceback") == 1
    assert "memory" not in done.stderr
