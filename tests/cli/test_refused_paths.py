"""Paths that the system refuses: names that are too long, folders that may not be entered or written. A message that names the path."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import alexnet
from alexnet.cli import main

LONG = "x" * 300
EVERY_VERB = """
import contextlib, io, json, sys
from alexnet.cli import main
for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = main(words)
    print(json.dumps([status, said.getvalue()]))
"""


def as_a_user(*command: str) -> list[str]:
    """The command, without root's right to enter every folder."""
    if os.name != "posix" or os.geteuid() != 0:
        return list(command)
    if shutil.which("setpriv") is None:
        pytest.skip("root may open everything, and setpriv is missing")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


def larger(folder: Path) -> Path:
    """Images of a size that a study takes."""
    for number in range(40):
        path = folder / "larger" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((32, 32), 80).save(path)
    return folder / "larger"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_every_verb(tmp_path: Path, closed: Path, read_only: Path, digits_folder: Path, digits_run: Path) -> None:
    data, run, image = str(digits_folder), str(digits_run), str(next(digits_folder.rglob("*.png")))
    train = ["train", data, "--model", "lenet", "--epochs", "1", "--no-baseline", "--out"]
    new, form = str(tmp_path / "new"), ["--from", "alexnet", "--to", "caffe", "--out"]
    refused = [
        *(["predict", run, path] for path in (LONG, f"{closed}/1.png", str(closed))),
        *(["predict", path, image] for path in (LONG, f"{closed}/run", str(closed))),
        *([*train, path] for path in (LONG, f"{closed}/run", str(closed), f"{read_only}/run", str(read_only))),
        *([*train, new, option, path] for option in ("--weights", "--recipe") for path in (LONG, f"{closed}/file.toml", str(closed))),
        *(["train", "--resume", "--out", path] for path in (LONG, f"{closed}/run", str(closed))),
        *(["train", path, "--out", new] for path in (LONG, f"{closed}/data", str(closed), f"imagenet:{closed}/x", f"imagenet:{LONG}")),
        *(["inspect", path] for path in (LONG, f"{closed}/data", str(closed))),
        *(["evaluate", path] for path in (LONG, f"{closed}/run", str(closed))),
        *(["pack", data, path] for path in (LONG, f"{closed}/a.zip", f"{read_only}/a.zip")),
        *(["compare", data, "--models", "raw-svm", "--out", path] for path in (LONG, f"{closed}/c", str(closed), f"{read_only}/c")),
        *(["study", str(larger(tmp_path)), "--out", path] for path in (LONG, f"{closed}/s", str(closed), f"{read_only}/s")),
        *(["report", path] for path in (LONG, f"{closed}/run", str(closed))),
        *(["report", run, "--out", path] for path in (LONG, f"{closed}/r.html", f"{read_only}/r.html")),
        *(["convert", path, *form, new + ".npz"] for path in (LONG, f"{closed}/w.pth")),
        *(["convert", run, *form, path] for path in (LONG, f"{closed}/w.npz")),
    ]
    command = as_a_user(sys.executable, "-c", EVERY_VERB, json.dumps(refused))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    for words, line in zip(refused, done.stdout.splitlines(), strict=True):
        status, said = json.loads(line)
        assert status == 2, words
        long, denied = "[Nn]ame (is )?too long|No folder, archive or data set", "Permission denied|permission is missing"
        reason = long if any(LONG in word for word in words) else denied
        assert re.search(reason, said), (words, said)
        assert "xxxxxxx" in said or str(closed) in said or str(read_only) in said, (words, said)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "call",
    [
        lambda: alexnet.load(LONG),
        lambda: alexnet.inspect(LONG),
        lambda: alexnet.evaluate(LONG),
        lambda: alexnet.report(LONG),
        lambda: alexnet.train("digits", out=LONG),
        lambda: alexnet.train("digits", recipe=LONG),
        lambda: alexnet.train("digits", model="lenet", weights=LONG),
        lambda: alexnet.pack("digits", LONG),
    ],
)
def test_the_library_raises_its_own_error(call: object) -> None:
    with pytest.raises(alexnet.AlexNetError, match=r"File name too long|No folder, archive or data set"):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error", "/data/1.png"), "/data/1.png: Input/output error.\n"),
        (OSError(errno.ENOSPC, "No space left on device"), "The system refused: No space left on device.\n"),
        (OSError("unexpected"), "The system refused: unexpected.\n"),
    ],
)
def test_whatever_else_the_system_refuses_is_a_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("alexnet.lecture.summary.summarise", refused)
    assert main(["summary"]) == 2
    assert capsys.readouterr().err == said
