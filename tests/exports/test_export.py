"""`alexnet export`: what is checked before a file is kept, and what is refused before long work."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from alexnet.cli import main
from alexnet.errors import AlexNetError, BadModel, BadRun, CannotWrite
from alexnet.exports.check import check
from alexnet.exports.export import export
from alexnet.exports.onnx_target import write_onnx
from alexnet.exports.request import Job
from alexnet.exports.run_images import Squares, generated
from alexnet.inference.classifier import load
from alexnet.inference.onnx_classifier import OnnxClassifier
from alexnet.runtime.events import Event, Message


def test_a_run_becomes_one_file(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "digits.onnx"
    assert main(["export", str(digits_run), "--out", str(out), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert {"file", "bytes", "checked", "agreement", "accuracy_before", "accuracy_after"} <= set(done)
    assert (done["file"], done["bytes"], done["source"]) == (str(out), out.stat().st_size, "validation")
    assert done["checked"] == 30
    assert done["largest_difference"] < 1e-4
    assert done["agreement"] >= 0.95  # of 30: the classifier may be in bf16
    assert done["accuracy_before"] == pytest.approx(done["accuracy_after"], abs=0.05)
    assert done["interval"][0] <= 0 <= done["interval"][1]


def test_the_same_run_is_the_same_file(digits_run: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.onnx", "b.onnx")]
    for file in files:
        export(digits_run, out=file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_without_its_pictures_a_run_is_checked_on_generated_ones(digits_run: Path, tmp_path: Path) -> None:
    model = tmp_path / "copied"
    shutil.copytree(digits_run / "model", model)
    said: list[Event] = []
    done = export(model, listen=said.append)
    assert (done.file, done.source, done.checked) == (str(tmp_path / "copied.onnx"), "generated", 64)
    assert (done.accuracy_before, done.accuracy_after, done.interval) == (None, None, None)
    assert any(isinstance(event, Message) and "generated ones" in event.text for event in said)
    with pytest.raises(AlexNetError, match="--int8 needs the run's training and validation pictures: The folder holds a model, but not"):
        export(model, int8=True)


def test_a_model_that_answers_otherwise_is_not_kept(digits_run: Path) -> None:
    classifier = load(digits_run, device="cpu")
    squares = generated(28, 40)

    def shifted(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        right = np.asarray(classifier.probabilities(torch.from_numpy(images)).numpy())
        return np.roll(right, 1, axis=1)

    with pytest.raises(
        BadModel, match=r"A probability of the exported model differs by .* from the run's, more than 0.0001. It is not kept"
    ):
        check(classifier, shifted, [squares])
    with pytest.raises(BadModel, match=r"computes \(40, 9\) numbers that are not all finite; expected \(40, 10\)"):
        check(classifier, lambda images: shifted(images)[:, 1:], [squares])


def test_int8(digits_run: Path, digits_folder: Path, digits_onnx: Path, tmp_path: Path) -> None:
    done = export(digits_run, int8=True, max_loss=10, out=tmp_path / "small.onnx")
    assert done.bytes < 0.4 * digits_onnx.stat().st_size  # LeNet is small: the record and the nodes count
    file = OnnxClassifier(done.file)
    assert file.record.precision == "int8"
    assert file.record.quantised is not None
    assert file.record.quantised["accuracy_after"] == done.accuracy_after
    images = sorted(digits_folder.rglob("*.png"))[::3]
    answers = [[answer.top[0][0] for answer in one.predict(images, top=1)] for one in (file, OnnxClassifier(digits_onnx))]
    assert np.mean([a == b for a, b in zip(*answers, strict=True)]) > 0.9


class Dark(Job):
    """Its training images are black, so that the ranges cut off everything else."""

    def own_images(self, split: str, most: int) -> Iterator[Squares]:
        for part in super().own_images(split, most):
            yield part if split == "validation" else replace(part, images=part.images // 255)


def test_int8_is_refused_if_it_loses_too_much(digits_run: Path, tmp_path: Path) -> None:
    job = Dark(path=digits_run, classifier=load(digits_run, device="cpu"), int8=True)
    with pytest.raises(BadModel, match=r"loses .* points \(95%: .* allowed by --max-loss\. It is not kept"):
        write_onnx(job, tmp_path / "bad.onnx")
    assert not list(tmp_path.iterdir())


def test_mistakes(digits_run: Path, digits_onnx: Path, tmp_path: Path) -> None:
    with pytest.raises(AlexNetError, match=r"There is no export to 'onx'\. Did you mean 'onnx'\?"):
        export(digits_run, to="onx")
    with pytest.raises(BadRun, match=r"is a file\. Pass the run folder"):
        export(digits_onnx)
    with pytest.raises(BadRun, match="holds no trained model"):
        export(tmp_path)
    with pytest.raises(CannotWrite, match=r"exists already\. Remove it, or choose another --out"):
        export(digits_run, out=digits_onnx)
    with pytest.raises(CannotWrite, match=r"pass a name that ends in \.onnx"):
        export(digits_run, out=tmp_path / "model.bin")
    for loss in (-1, 101, float("nan")):
        with pytest.raises(AlexNetError, match="it is in points of accuracy, from 0 to 100"):
            export(digits_run, int8=True, max_loss=loss)
