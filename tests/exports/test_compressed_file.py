"""Compressed models as files: the same bits after reading, the verbs that take them, and files from strangers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.exports.compressed import compressed_content, header_of, resigned, with_header
from tests.serve.conftest import client_of

import alexnet
from alexnet.cli import main
from alexnet.errors import BadModel
from alexnet.inference.classifier import load
from alexnet.inference.compressed_file import PRELUDE, compressed_from, content_of, read_compressed
from alexnet.inference.model_card import model_json
from alexnet.models.networks.model import NetworkModel
from alexnet.runs.train import train


@pytest.fixture(scope="module")
def content(digits_run: Path) -> bytes:
    return compressed_content(digits_run)


@pytest.fixture(scope="module")
def file(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compressed") / "digits.alexnet"
    path.write_bytes(content)
    return path


def test_it_unpacks_to_the_bits_that_were_packed(digits_run: Path, file: Path) -> None:
    trained, read = load(digits_run, device="cpu").model.learned(), read_compressed(file)
    assert list(read.tensors) == list(trained)
    for name, tensor in read.tensors.items():
        assert tensor.shape == trained[name].shape
        if name.endswith(("fc3.weight", "fc4.weight", "conv2.weight")):
            assert (tensor != 0).sum() == round(0.5 * tensor.numel())
            assert len(tensor.unique()) <= 33
            assert (tensor - trained[name])[tensor != 0].abs().max() < 0.1 * trained[name].abs().max()
        else:
            assert torch.equal(tensor, trained[name])
    model = load(file, device="cpu").model
    assert all(torch.equal(tensor, model.learned()[name]) for name, tensor in read.tensors.items())


def test_statistics_of_batch_normalisation_are_kept_to_the_bit(digits_folder: Path, tmp_path: Path) -> None:
    """A trained network whose running means and variances are not those of a new one."""
    run, out = tmp_path / "run", tmp_path / "run.alexnet"
    narrow = {"network.width": 0.1, "training.batch_size": 64, "training.precision": "fp32"}
    train(digits_folder, model="convnet-small", image_size=16, epochs=1, baseline=False, workers=0, overrides=narrow, out=run)
    out.write_bytes(compressed_content(run))
    trained, read = load(run, device="cpu").model.learned(), load(out, device="cpu").model.learned()
    assert list(read) == list(trained)
    statistics = [name for name in trained if "running" in name or "batches" in name]
    assert {name.rpartition(".")[2] for name in statistics} >= {"running_mean", "running_var"}
    for name in statistics:
        assert read[name].dtype == trained[name].dtype
        assert torch.equal(read[name], trained[name])
        if name.endswith("running_mean"):
            assert trained[name].abs().max() > 0


def test_a_single_number_stays_one(digits_run: Path) -> None:
    """As batch normalisation counts its batches."""
    card = model_json(load(digits_run, device="cpu").model_card)
    header, blocks = header_of(content_of(card, {}, {}, {"batches": np.array(7, np.int64), "none": np.zeros((0, 3), np.float32)}))
    assert [(tensor["shape"], tensor["blocks"]) for tensor in header["tensors"]] == [([], [8]), ([0, 3], [0])]
    assert blocks == (7).to_bytes(8, "little")


def test_python_and_the_verbs_take_it(file: Path, digits_run: Path, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = sorted(digits_folder.rglob("*.png"))[:40]
    classifier = alexnet.load(file)
    right = [answer.top[0][0] == image.parent.name for answer, image in zip(classifier.predict(images), images, strict=True)]
    assert sum(right) >= 34
    assert main(["predict", str(file), str(images[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["top"][0]["class"] == classifier.predict(images[:1])[0].top[0][0]
    assert main(["evaluate", str(file), str(digits_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 300
    assert main(["evaluate", str(file)]) == 2
    assert "Pass the pictures: alexnet evaluate" in capsys.readouterr().err
    assert isinstance(classifier.model, NetworkModel)


def test_the_service_takes_it(file: Path, digits_folder: Path) -> None:
    image = next((digits_folder / "3").iterdir()).read_bytes()
    with client_of(file) as client:
        assert client.get("/v1/models").json()["models"][0]["name"] == "digits"
        answer = client.post("/v1/predict", files={"file": ("3.png", image, "image/png")}).json()
    assert answer["predictions"][0]["top"][0]["class"] == load(file).predict([image])[0].top[0][0]


def test_every_cut_is_noticed(content: bytes) -> None:
    header, blocks = header_of(content)
    start = len(content) - len(blocks)
    ends = np.cumsum([size for tensor in header["tensors"] for size in tensor["blocks"]]) + start
    places = {0, 7, PRELUDE.size - 1, PRELUDE.size, start - 1, start, *(int(end) - 1 for end in ends), *(int(end) for end in ends[:-1])}
    for place in sorted(places):
        for cut in (content[:place], resigned(content[:place]) if place >= PRELUDE.size else b""):
            with pytest.raises(BadModel, match="cannot be read as a compressed model"):
                compressed_from(cut, "cut")
    with pytest.raises(BadModel, match="longer or shorter than the file"):
        compressed_from(resigned(content + b"\0"), "long")


def test_every_changed_byte_is_noticed(content: bytes) -> None:
    for place in range(0, len(content), 37):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(BadModel):
            compressed_from(changed, "changed")


def _first(header: dict[str, Any], **values: object) -> dict[str, Any]:
    """The header's first tensor with shared values, with these fields changed."""
    tensor: dict[str, Any] = next(tensor for tensor in header["tensors"] if tensor["coding"] == "shared")
    tensor.update(values)
    return tensor


LIES: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("more than .* bytes can hold", lambda h: (_first(h, shape=[1 << 20, 1 << 20]), h["model_json"]["network"].update(width=1.0))),
    ("counts of .* are impossible", lambda h: _first(h, survivors=1 << 40, gaps=1 << 40)),
    ("counts of .* are impossible", lambda h: _first(h, survivors=-1)),
    ("counts of .* are impossible", lambda h: _first(h, values=257)),
    ("sizes of .* are impossible", lambda h: _first(h, shape=[-5, -480])),
    ("longer or shorter", lambda h: h["tensors"].pop()),
    ("must be", lambda h: _first(h, coding="pickle")),
    ("has another size than its block", lambda h: _first(h, coding="plain", dtype="object")),
    ("weights, the file", lambda h: h["model_json"]["network"].update(width=900.0)),
    ("No model is called", lambda h: h["model_json"].update(model="../../etc/passwd")),
    ("two tensors have one name", lambda h: h["tensors"][1].update(name=h["tensors"][0]["name"])),
    ("images of 0 px", lambda h: h["model_json"]["preprocess"].update(image_size=0)),
    ("another version", lambda h: h.update(format=2)),
    ("lacks", lambda h: h.pop("model_json")),
]


@pytest.mark.parametrize(("reason", "lie"), LIES)
def test_a_file_that_lies_is_refused(content: bytes, reason: str, lie: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(BadModel, match=reason):
        compressed_from(with_header(content, lie), "stranger.alexnet")


def test_weights_of_another_network_are_refused(content: bytes, tmp_path: Path) -> None:
    place = tmp_path / "other.alexnet"
    place.write_bytes(with_header(content, lambda header: header["tensors"][0].update(name="features.conv9.weight")))
    with pytest.raises(BadModel, match="does not hold the weights of the network that it describes"):
        load(place)


def test_other_files_under_this_name_are_refused(digits_onnx: Path, tmp_path: Path) -> None:
    other = tmp_path / "x.alexnet"
    other.write_bytes(digits_onnx.read_bytes())
    with pytest.raises(BadModel, match="does not begin as one"):
        load(other)
    with pytest.raises(BadModel, match=r"cannot be read \(No such file"):
        load(tmp_path / "none.alexnet")
