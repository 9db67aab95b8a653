"""Answers of many images in one file: every format, resumed after a kill with the same bytes, flat memory."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from alexnet.cli import main
from alexnet.errors import AlexNetError, CannotWrite
from alexnet.inference.answers import Answers, write_answers
from alexnet.inference.classifier import Classifier, load
from alexnet.inference.cluster import ChunkTask, predict_on_ray
from alexnet.inference.inputs import ImageInput
from alexnet.inference.onnx_classifier import OnnxClassifier
from alexnet.inference.prediction import Prediction


class Stopping:
    """A classifier whose process ends after some calls."""

    def __init__(self, classifier: Classifier | OnnxClassifier, calls: int) -> None:
        self.classifier, self.left = classifier, calls

    def predict(self, images: Any, /, *, top: int, views: Any) -> list[Prediction]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self.classifier.predict(images, top=top, views=views)


@pytest.fixture(scope="module")
def classifier(digits_run: Path) -> Classifier:
    return load(digits_run)


@pytest.fixture(scope="module")
def named(digits_folder: Path) -> Sequence[tuple[str, Path]]:
    return [(str(path), path) for path in sorted(digits_folder.rglob("*.png"))[:50]] + [("/gone.png", Path("/gone.png"))]


def test_every_format_holds_the_same(classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path) -> None:
    found = [
        write_answers(classifier, digits_run, named, tmp_path / f"a{suffix}", top=2, chunk=16) for suffix in (".csv", ".jsonl", ".parquet")
    ]
    assert [(one.n, one.unreadable, one.resumed) for one in found] == [(51, 1, 0)] * 3
    with Path(found[0].out).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in Path(found[1].out).read_text().splitlines()]
    table = parquet.read_table(found[2].out).to_pylist()
    expected = classifier.predict([path for _, path in named], top=2)
    for answer, row, line, record in zip(expected, rows, lines, table, strict=True):
        classes = [name for name, _ in answer.top]
        assert line["file"] == row["file"] == record["file"] == answer.file
        assert [one["class"] for one in line["top"]] == record["classes"] == classes
        assert [row["class_1"], row["class_2"]] == (classes or ["", ""])
        assert line["error"] == record["error"] == (row["error"] or None) == answer.error
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "a.jsonl", "a.parquet"}


def test_two_commands_do_not_write_one_file(
    classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path
) -> None:
    """The second would cut off what the first has written, and both would go on."""
    out = tmp_path / "a.jsonl"

    class Second:
        def predict(self, images: Any, /, *, top: int, views: Any) -> list[Prediction]:
            with pytest.raises(AlexNetError, match=r"Another command is writing .*a\.jsonl\. Wait until it ends"):
                write_answers(classifier, digits_run, named, out, chunk=16)
            return classifier.predict(images, top=top, views=views)

    assert write_answers(Second(), digits_run, named, out, chunk=16).n == len(named)
    assert len(out.read_text().splitlines()) == len(named)


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_resumed_it_is_the_same_file(
    calls: int, classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    write_answers(classifier, digits_run, named, whole, chunk=16)
    with pytest.raises(KeyboardInterrupt):
        write_answers(Stopping(classifier, calls), digits_run, named, out, chunk=16)
    with (tmp_path / "stopped.jsonl.partial").open("ab") as file:  # killed in the middle of a line
        file.write(b'{"file": "')
    assert not out.exists()
    done = write_answers(classifier, digits_run, named, out, chunk=16)
    assert done == Answers(out=str(out), n=51, unreadable=1, resumed=16 * calls)
    assert out.read_bytes() == whole.read_bytes()


def test_killed_after_the_last_rename(classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    write_answers(classifier, digits_run, named, whole, chunk=16)
    with pytest.raises(KeyboardInterrupt):
        write_answers(Stopping(classifier, 3), digits_run, named, out, chunk=16)
    (tmp_path / "killed.jsonl.partial").write_bytes(whole.read_bytes())
    out.write_bytes(whole.read_bytes())
    done = write_answers(classifier, digits_run, named, out, chunk=16)
    assert (done.n, done.unreadable) == (51, 1)
    assert out.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole.jsonl", "killed.jsonl"}
    (tmp_path / "killed.jsonl.partial.json").write_text("{}")
    with pytest.raises(CannotWrite, match="exists already"):
        write_answers(classifier, digits_run, named, out)
    assert {path.name for path in tmp_path.iterdir()} == {"whole.jsonl", "killed.jsonl"}


def test_another_file_under_the_name_is_not_taken_for_the_answers(
    classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path
) -> None:
    out = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt):
        write_answers(Stopping(classifier, 2), digits_run, named, out, chunk=16)
    out.write_text("mine")
    with pytest.raises(CannotWrite, match=r"a\.csv exists already, and .*a\.csv\.partial has 32 of 51 pictures\. Remove one"):
        write_answers(classifier, digits_run, named, out, chunk=16)
    out.unlink()
    assert write_answers(classifier, digits_run, named, out, chunk=16).resumed == 32


def test_another_request_does_not_resume(
    classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path
) -> None:
    out = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt):
        write_answers(Stopping(classifier, 1), digits_run, named, out, chunk=16)
    with pytest.raises(AlexNetError, match=r"a\.csv\.partial was begun with other top\. Remove it and"):
        write_answers(classifier, digits_run, named, out, top=1, chunk=16)
    with pytest.raises(AlexNetError, match="was begun with other images, n"):
        write_answers(classifier, digits_run, named[1:], out, chunk=16)


def test_mistakes(classifier: Classifier, digits_run: Path, named: Sequence[tuple[str, Path]], tmp_path: Path) -> None:
    with pytest.raises(AlexNetError, match=r"must end in \.csv, \.jsonl or \.parquet"):
        write_answers(classifier, digits_run, named, tmp_path / "a.xlsx")
    (tmp_path / "a.csv").touch()
    with pytest.raises(CannotWrite, match="exists already"):
        write_answers(classifier, digits_run, named, tmp_path / "a.csv")


def test_the_verb(digits_run: Path, digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "answers.csv"
    assert main(["predict", str(digits_run), str(digits_folder), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"predictions": [], "out": str(out), "n": 300, "unreadable": 0, "resumed": 0}
    assert main(["predict", str(digits_run), str(digits_folder), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["predict", str(digits_run), str(digits_folder), "--out", str(tmp_path / "b.csv"), "--sort-into", str(tmp_path)]) == 2


@pytest.mark.slow
def test_memory_is_flat(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Ten times as many images need no more memory, but for their names."""
    code = (
        "import sys, resource; from pathlib import Path; from alexnet.inference.classifier import load; "
        "from alexnet.inference.answers import write_answers; run, folder, out, times = sys.argv[1:]; "
        "named = [(str(p), p) for p in sorted(Path(folder).rglob('*.png'))] * int(times); "
        "write_answers(load(run), run, named, out, chunk=128); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for times in (2, 20):
        words = [str(digits_run), str(digits_folder), str(tmp_path / f"{times}.csv"), str(times)]
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 20_000  # kB


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_ray_it_is_the_same_file(digits_onnx: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Three chunks over two processes; and what was begun here is resumed there."""
    pytest.importorskip("ray")
    named = [(f"./{path.name}", path) for path in sorted(digits_folder.rglob("*.png"))[:80]] + [("/gone.png", Path("/gone.png"))]
    classifier, on_ray = OnnxClassifier(digits_onnx), partial(predict_on_ray, str(digits_onnx), device="auto", runtime="onnxruntime")
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    write_answers(classifier, digits_onnx, named, here, chunk=32)
    done = write_answers(classifier, digits_onnx, named, there, chunk=32, predict_chunks=partial(on_ray, top=3, views="centre"))
    assert (done.n, done.unreadable) == (81, 1)
    begun = tmp_path / "begun.jsonl"
    with pytest.raises(KeyboardInterrupt):
        write_answers(Stopping(classifier, 1), digits_onnx, named, begun, chunk=32)
    assert (
        write_answers(classifier, digits_onnx, named, begun, chunk=32, predict_chunks=partial(on_ray, top=3, views="centre")).resumed == 32
    )
    for other in (there, begun):
        assert _rounded(other) == _rounded(here)


def _rounded(file: Path) -> list[Any]:
    """The lines of a file with six decimals, as CSV has them: another number of threads may round sums differently."""
    return [
        {**line, "top": [(one["class"], round(one["probability"], 6)) for one in line["top"]]}
        for line in map(json.loads, file.read_text().splitlines())
    ]


def test_chunks_that_end_early_wait_for_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(work: Any, tasks: Sequence[ChunkTask], **_: object) -> Iterator[tuple[int, list[Prediction]]]:
        for number in (2, 0, 1):
            yield number, [Prediction(str(image), ()) for image in tasks[number].images]

    monkeypatch.setattr("alexnet.inference.cluster.on_ray", backwards)
    chunks: list[list[ImageInput]] = [[b"1", b"2"], [b"3"], [b"4"]]
    found = list(predict_on_ray("run", chunks, device="cpu", runtime="onnxruntime", top=1, views="centre"))
    assert [[answer.file for answer in chunk] for chunk in found] == [[str(image) for image in chunk] for chunk in chunks]


def test_ray_mistakes(digits_onnx: Path, digits_folder: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["predict", str(digits_onnx), str(digits_folder / "3"), "--on", "ray"]
    assert main(words) == 2
    assert "add --out answers.csv" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*words, "--out", str(tmp_path / "a.csv")]) == 2
    assert "pip install '.[ray]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
