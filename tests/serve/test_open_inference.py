"""`/v2` with the protocol's own client, which nobody here wrote."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.serve.conftest import client_of

import alexnet
from alexnet.serve.served_classifier import Square
from alexnet.serve.served_run import ServedRun

triton: Any = pytest.importorskip("tritonclient.http")


@pytest.fixture(scope="module")
def inference(client: httpx.Client) -> Iterator[Any]:
    with triton.InferenceServerClient(client.base_url.netloc.decode()) as found:
        yield found


@pytest.fixture(scope="module")
def files(digits_folder: Path) -> list[Path]:
    return sorted(digits_folder.rglob("*.png"))[:40:10]


@pytest.mark.parametrize("binary", [True, False])
def test_uint8_tensors(inference: Any, digits_run: Path, files: list[Path], binary: bool) -> None:
    classifier = alexnet.load(digits_run)
    size = classifier.model_card.preprocess.stored_size
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB").resize((size, size))).transpose(2, 0, 1) for path in files])
    tensor = triton.InferInput("image", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=binary)
    asked = triton.InferRequestedOutput("probabilities", binary_data=binary)
    found = inference.infer(digits_run.name, [tensor], outputs=[asked], request_id="7").as_numpy("probabilities")
    ours = classifier.predict(list(pixels), top=1)
    assert found.shape == (len(files), 10)
    assert found.sum(axis=1) == pytest.approx(1.0, abs=0.01)
    assert [classifier.classes[number] for number in found.argmax(axis=1)] == [one.top[0][0] for one in ours]


def test_encoded_images_and_classification(inference: Any, digits_run: Path, files: list[Path]) -> None:
    content = np.array([path.read_bytes() for path in files], dtype=np.object_)
    tensor = triton.InferInput("encoded", [len(files)], "BYTES")
    tensor.set_data_from_numpy(content)
    assert inference.infer(digits_run.name, [tensor]).as_numpy("probabilities").shape == (len(files), 10)
    asked = triton.InferRequestedOutput("probabilities", class_count=2)
    best = inference.infer(digits_run.name, [tensor], outputs=[asked]).as_numpy("probabilities")
    expected = [one.top[0][0] for one in alexnet.load(digits_run).predict(files, top=1)]
    assert [row[0].decode().split(":")[2] for row in best] == expected


def test_metadata_and_health(inference: Any, digits_run: Path) -> None:
    assert inference.is_server_live()
    assert inference.is_server_ready()
    assert inference.is_model_ready(digits_run.name)
    assert not inference.is_model_ready("nothing")
    assert inference.get_server_metadata()["name"] == "alexnet"
    assert inference.get_model_metadata(digits_run.name)["outputs"][0]["shape"] == [-1, 10]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "0 inputs"),
        ({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 2, 2], "data": [0] * 12}]}, "no input"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 2], "data": [0] * 4}]}, "must be"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 3, 2, 2], "data": [0] * 11}]}, "do not fill"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 3, 2, -2], "data": [0] * 12}]}, "do not fill"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 3, 2, 2], "data": [256] * 12}]}, "0 to 255"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 3, 2, 2], "data": [[1], [1, 2]]}]}, "0 to 255"),
        ({"inputs": [{"name": "encoded", "datatype": "BYTES", "shape": [1], "data": ["%"]}]}, "base64"),
        ({"inputs": [{"name": "encoded", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 9}}]}, "binary_data_size"),
        ({"inputs": [{"name": "encoded", "datatype": "BYTES", "shape": [1], "data": ["aGk="]}]}, "not a picture"),
    ],
)
def test_wrong_requests(client: httpx.Client, digits_run: Path, body: dict[str, Any], reason: str) -> None:
    answer = client.post(f"/v2/models/{digits_run.name}/infer", json=body)
    assert 400 <= answer.status_code < 500
    assert reason in answer.json()["error"]


def test_damaged_binary_requests(client: httpx.Client, digits_run: Path) -> None:
    path = f"/v2/models/{digits_run.name}/infer"
    for length in ("-1", "9999", "x", "3"):
        assert client.post(path, content=b'{"inputs": []}', headers={"inference-header-content-length": length}).status_code == 400
    assert client.get(f"/v2/models/{digits_run.name}/versions/7").status_code == 404


def test_pixels_are_fitted_in_the_threads_that_decode(digits_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large tensor must not keep the event loop from all other clients."""
    with client_of(digits_run) as client:
        fitting: list[str] = []
        fitted = ServedRun.fitted

        def seen(self: ServedRun, pixels: Square) -> Square:
            fitting.append(threading.current_thread().name)
            return fitted(self, pixels)

        monkeypatch.setattr(ServedRun, "fitted", seen)
        tensor = {"name": "image", "datatype": "UINT8", "shape": [2, 3, 40, 50], "data": [7] * 2 * 3 * 40 * 50}
        assert client.post(f"/v2/models/{digits_run.name}/infer", json={"inputs": [tensor]}).status_code == 200
    assert len(fitting) == 2
    assert all(name.startswith("decode") for name in fitting), fitting
