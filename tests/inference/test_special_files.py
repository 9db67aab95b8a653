"""Pipes, devices and files of absurd sizes among the images: each has its message, and the others are classified."""

import io
import json
import os
import sys
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import torch
from PIL import Image

from alexnet.cli import main
from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.errors import AlexNetError, BadDataset, BadModel, BadRecipe, BadRun, BadWeights, UnreadableImage
from alexnet.exports.web_runtime import web_runtime
from alexnet.inference.classifier import load
from alexnet.inference.decoding import decoded
from alexnet.inference.inputs import find_images, pending_image
from alexnet.inference.onnx_file import read_onnx
from alexnet.inference.sorting import undo_sort
from alexnet.models.weights.load import read_weights
from alexnet.recipes.toml import from_toml
from alexnet.runtime.events import silent

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="has no pipes in folders"), pytest.mark.timeout(60)]


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(40_000_000_000)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_predict_reports_each_and_classifies_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, digits_run: Path, digits_folder: Path
) -> None:
    good = next((digits_folder / "7").glob("*.png"))
    words = [str(good), str(pipe(tmp_path / "f.png")), "/dev/zero", str(sparse(tmp_path / "s.jpg"))]
    capsys.readouterr()
    assert main(["predict", str(digits_run), *words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["error"] for row in rows] == [
        None,
        "cannot be opened: it is a pipe, not a file",
        "cannot be opened: it is a device, not a file",
        "is 38,147 MB unpacked; the limit is 256 MB",
    ]


def test_paths_on_standard_input(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    lines = f"{pipe(tmp_path / 'f.png')}\n/dev/zero\n{sparse(tmp_path / 's.jpg')}\n{long}\n"
    for name, path in find_images(["-"], io.BytesIO(lines.encode())):
        with pytest.raises(UnreadableImage, match=r"not a file|the limit is|File name too long"):
            decoded(pending_image(cast("Path", path), 1))
        assert name == str(path)


class Endless(io.RawIOBase):
    """Never ends; more than 1 GB of it is a failed test."""

    def __init__(self) -> None:
        self.left = 1 << 30

    def read(self, size: int = -1, /) -> bytes:
        assert 0 <= size <= self.left, "everything was asked for"
        self.left -= size
        return bytes(size)


def test_endless_standard_input_and_files_are_bounded() -> None:
    with pytest.raises(AlexNetError, match=r"Standard input holds more than 268,435,456 bytes"):
        find_images(["-"], cast("BinaryIO", Endless()))
    with pytest.raises(UnreadableImage, match="has more than 268,435,456 bytes"):
        decoded(pending_image(cast("BinaryIO", Endless()), 1))


def test_a_list_of_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.inference.inputs.MOST_PATHS", 3)
    with pytest.raises(AlexNetError, match="Standard input has more than 3 lines"):
        find_images(["-"], io.BytesIO(b"y\n" * 4))


def test_a_thin_image_seen_whole_is_bounded(tmp_path: Path, digits_run: Path) -> None:
    Image.new("L", (65_500, 1), 200).save(tmp_path / "thin.png")
    classifier = load(digits_run)
    (answer,) = classifier.predict(tmp_path / "thin.png", views="any")
    assert answer.error is None
    side = classifier.model_card.preprocess.stored_size
    assert classifier.fitted(torch.zeros(3, 1, 65_500, dtype=torch.uint8), "any").shape == (3, side, 8 * side)


def test_special_files_inside_data(tmp_path: Path, digits_folder: Path) -> None:
    (tmp_path / "data" / "cat").mkdir(parents=True)
    image = next((digits_folder / "7").glob("*.png"))
    (tmp_path / "data" / "cat" / "1.png").write_bytes(image.read_bytes())
    sparse(tmp_path / "data" / "cat" / "2.png")
    dataset = open_dataset(tmp_path / "data")
    with pytest.raises(UnreadableImage, match=r"cat/2.png is 38,147 MB unpacked"):
        dataset.content(1)
    (tmp_path / "data" / "cat" / "1.png").unlink()  # after it was listed
    pipe(tmp_path / "data" / "cat" / "1.png")
    with pytest.raises(UnreadableImage, match=r"cat/1.png cannot be opened \(it is a pipe, not a file\)"):
        dataset.content(0)


def test_special_files_as_weights_recipe_and_run(tmp_path: Path) -> None:
    fifo = pipe(tmp_path / "f.safetensors")
    for source in (str(fifo), "/dev/zero"):
        with pytest.raises(BadWeights, match=r"is not a file of weights that can be read safely|There are no weights at"):
            read_weights(source)
        with pytest.raises(BadRecipe, match=r"cannot be opened \(it is a (pipe|device), not a file\)"):
            from_toml(Path(source))
        with pytest.raises(BadRun, match="holds no trained model"):
            load(source)
    (tmp_path / "run" / "model").mkdir(parents=True)
    pipe(tmp_path / "run" / "model" / "model.json")
    (tmp_path / "run" / "model" / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadRun, match="holds no trained model"):
        load(tmp_path / "run")


def test_special_files_as_tables_lists_and_exported_models(tmp_path: Path) -> None:
    """None of them may wait for a writer that never comes."""
    (tmp_path / "photos").mkdir()
    for place in (pipe(tmp_path / "f.onnx"), pipe(tmp_path / "f.csv"), Path("/dev/zero")):
        with pytest.raises(BadModel, match=r"it is a (pipe|device), not a file"):
            read_onnx(place)
        with pytest.raises(BadDataset, match=r"cannot be opened \(it is a (pipe|device), not a file\)"):
            open_dataset(with_labels(tmp_path / "photos", place))
        with pytest.raises(AlexNetError, match=r"cannot be opened \(it is a (pipe|device), not a file\)"):
            undo_sort(place)
        with pytest.raises(AlexNetError, match=r"cannot be opened \(it is a (pipe|device), not a file\)"):
            web_runtime(place, silent)
