"""Folders that an earlier version wrote are read, measured, resumed and shown again: that version is taken from the history and run.

What training a folder ends in must not change by a bit: the earlier version finishes one copy of an interrupted run, this one another.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits

import alexnet

ROOT = Path(__file__).resolve().parents[1]
FORMER = "d328b54"  # the last commit before the rooms by subject
STOPPED = """
import sys
from alexnet import train
from alexnet.errors import AlexNetError
from alexnet.training.loop import Interrupted
steps = 0
def stop():
    global steps
    steps += 1
    return steps > int(sys.argv[5])
fields = dict(word.split("=") for word in sys.argv[6:])
try:
    train(sys.argv[1], model=sys.argv[2], out=sys.argv[3], epochs=float(sys.argv[4]), seed=3, workers=0, changes=fields, should_stop=stop)
except Interrupted:
    pass
"""
SMALL = ["--training.batch-size", "16", "--no-baseline"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the earlier version."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", FORMER, "src"], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"this clone has no commit {FORMER} (a shallow clone, or no git); git fetch --unshallow brings it")
    folder = tmp_path_factory.mktemp("former")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


def by_former(former: Path, *words: object) -> str:
    """What `python WORDS` prints with the earlier version; one thread, as in these tests."""
    env = os.environ | {"PYTHONPATH": str(former), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *map(str, words)], env=env, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


def json_of(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def same_weights(one: Path, other: Path) -> bool:
    left, right = load_file(one / "model" / "model.safetensors"), load_file(other / "model" / "model.safetensors")
    return left.keys() == right.keys() and all(left[name].equal(right[name]) for name in left)


@pytest.fixture
def one_thread() -> None:
    """Sums of one thread are the same in every process."""
    import torch

    torch.set_num_threads(1)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("model", "epochs", "stop", "fields"),
    [
        ("lenet", 3, 20, ["training.batch_size=16", "training.averaging=0.9", "network.dropout=0.3"]),
        ("lenet", 2, 9, ["training.batch_size=16", "network.initialisation=pictures", "network.activation=relu"]),
        ("alexnet-cifar-fast", 2, 3, ["training.batch_size=64", "network.width=0.25"]),
    ],
    ids=["lenet", "initialisation from pictures", "alexnet-cifar-fast"],
)
def test_an_interrupted_run_is_resumed_to_the_bit(
    former: Path, digits_folder: Path, tmp_path: Path, model: str, epochs: int, stop: int, fields: list[str]
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    by_former(former, "-c", STOPPED, digits_folder, model, theirs, epochs, stop, *fields)
    assert not (theirs / "result.json").exists()
    shutil.copytree(theirs, ours)
    by_former(former, "-m", "alexnet", "train", "--out", theirs, "--resume", "--no-baseline", "--workers", "0")
    alexnet.train(digits_folder, out=ours, resume=True, baseline=False, workers=0)
    assert same_weights(theirs, ours)
    assert (
        alexnet.evaluate(theirs).top1_error
        == alexnet.evaluate(ours).top1_error
        == json_of((theirs / "result.json").read_text("utf-8"))["test_error"]
    )


@pytest.fixture(scope="module")
def finished(former: Path, digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of a network, and one of a hand-crafted system."""
    folder = tmp_path_factory.mktemp("finished")
    runs = {model: folder / model for model in ("lenet", "hog-svm")}
    by_former(former, "-m", "alexnet", "train", digits_folder, "--model", "lenet", "--epochs", "1", "--out", runs["lenet"], *SMALL)
    by_former(former, "-m", "alexnet", "train", digits_folder, "--model", "hog-svm", "--out", runs["hog-svm"])
    return runs


@pytest.mark.parametrize("model", ["lenet", "hog-svm"])
def test_a_finished_run_answers_as_it_did(former: Path, finished: dict[str, Path], digits_folder: Path, model: str, tmp_path: Path) -> None:
    run = finished[model]
    images = [str(path) for path in sorted(digits_folder.glob("*/*.png"))[:40]]
    theirs = by_former(former, "-m", "alexnet", "predict", run, *images, "--top", "1", "--json")
    ours = alexnet.load(run).predict(images, top=1)
    assert [answer["top"][0]["class"] for answer in json_of(theirs)["predictions"]] == [answer.top[0][0] for answer in ours]
    assert alexnet.evaluate(run).top1_error == pytest.approx(json_of((run / "result.json").read_text("utf-8"))["test_error"])
    assert alexnet.train(digits_folder, out=run, resume=True).run == str(run)  # has finished: does nothing
    alexnet.report(run, out=tmp_path / "report.html", lang="zh")
    assert "<html" in (tmp_path / "report.html").read_text("utf-8")


def test_a_comparison_is_shown_and_resumed(former: Path, tmp_path: Path) -> None:
    out = tmp_path / "comparison"
    words = ["compare", "digits", "--models", "raw-svm,lenet", "--fractions", "0.3", "--budget", "15s", "--out", out]
    by_former(former, "-m", "alexnet", *words)
    before = json_of((out / "result.json").read_text("utf-8"))
    alexnet.report(out, out=tmp_path / "again.html")
    again = alexnet.compare("digits", out=out)
    assert [cell.test_error for cell in again.cells] == [cell["test_error"] for cell in before["cells"]]
    assert again.choice.model == before["choice"]["model"]


def test_a_study_is_shown_and_resumed(former: Path, tmp_path: Path) -> None:
    folder, digits, out = tmp_path / "letters", load_digits(), tmp_path / "study"
    for label, name in enumerate(("ant", "bee", "cat")):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(digits.images[digits.target == label][:30]):
            Image.fromarray((image * 15).astype("uint8")).resize((16, 16)).save(folder / name / f"{number}.png")
    fields = ["--training.epochs", "1", "--network.width", "0.02", "--training.batch-size", "8"]
    by_former(former, "-m", "alexnet", "study", folder, "--claims", "dropout", "--seeds", "2", "--processes", "1", *fields, "--out", out)
    before = json_of((out / "result.json").read_text("utf-8"))["studies"][0]
    made = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/outcome.json")}
    alexnet.report(out, out=tmp_path / "again.html")
    again = alexnet.study(folder, out=out, processes=1).findings[0]
    assert [list(arm.errors) for arm in again.arms] == [arm["errors"] for arm in before["arms"]]
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/*/outcome.json")} == made  # nothing was trained again
