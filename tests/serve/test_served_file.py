"""`serve FILE.onnx`: the answers of the run that it was exported from, without PyTorch."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.serve.conftest import behind_a_socket, client_of, until

from alexnet.errors import AlexNetError, BadModel, BadRun
from alexnet.runtime.missing import TRAIN
from alexnet.serve.explain import averaged
from alexnet.serve.limits import Limits
from alexnet.serve.verb import open_server


@pytest.fixture(scope="module")
def images(digits_folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(digits_folder.rglob("*.png"))[::30]]


def classified(client: httpx.Client, images: list[bytes], model: str) -> list[dict[str, object]]:
    parts = [("files", (f"{number}.png", content, "image/png")) for number, content in enumerate(images)]
    found: list[dict[str, object]] = client.post(f"/v1/predict?top=1&model={model}", files=parts).json()["predictions"]
    return found


@pytest.mark.slow
def test_a_file_beside_its_run(digits_run: Path, digits_onnx: Path, images: list[bytes]) -> None:
    """The same classes and maps; only the run knows what is unlike its training images."""
    server = open_server([str(digits_onnx), str(digits_run)], port=0)
    with behind_a_socket(server) as address, httpx.Client(base_url=address, timeout=60) as client:
        of_file, of_run = (classified(client, images, name) for name in ("digits", digits_run.name))
        assert [one["top"][0]["class"] for one in of_file] == [one["top"][0]["class"] for one in of_run]  # type: ignore[index]
        assert {one["unlike"] for one in of_file} == {None}
        assert {type(one["unlike"]) for one in of_run} == {bool}
        described = client.get("/v1/models").json()["models"]
        assert described[0] | {"name": ""} == described[1] | {"name": ""}
        maps = [
            client.post(f"/v1/explain?model={name}&class=3", files={"files": images[0]}).json()["map"]
            for name in ("digits", digits_run.name)
        ]
        assert np.allclose(maps[0], maps[1], atol=0.05)


def test_unlike_is_what_predict_says(client: httpx.Client, digits_run: Path, digits_folder: Path) -> None:
    import alexnet

    files = sorted(digits_folder.rglob("*.png"))[::25]
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    from alexnet.data.images.encode import png_of

    contents = [*(path.read_bytes() for path in files), png_of(noise.transpose(2, 0, 1))]
    ours = [one.unlike for one in alexnet.load(digits_run).predict(contents)]
    assert [one["unlike"] for one in classified(client, contents, digits_run.name)] == ours
    assert True in ours


def test_a_changed_file_is_loaded_again(digits_onnx: Path, images: list[bytes], tmp_path: Path) -> None:
    copy = tmp_path / "model.onnx"
    shutil.copy(digits_onnx, copy)
    server = open_server([str(copy)], port=0, limits=Limits(reload_seconds=0.05))
    with behind_a_socket(server) as address, httpx.Client(base_url=address, timeout=60) as client:
        os.utime(copy, (1, 1))
        until(lambda: server.service.models.find(None).version == 2)
        copy.write_bytes(b"no model")
        until(lambda: server.service.models.by_name["model"].reload_error is not None)
        assert classified(client, images, "model")[0]["error"] is None


def test_torch_is_never_imported(digits_onnx: Path, digits_folder: Path) -> None:
    """A service of a file answers in a process that cannot import PyTorch and what else training needs."""
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {set(TRAIN)!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from alexnet.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["serve", str(digits_onnx), "--port", "0"]
    with subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[-1].strip().rstrip("/")
        assert address.startswith("http://"), process.communicate()[1]
        with httpx.Client(base_url=address, timeout=30) as client:
            content = (digits_folder / "3" / "0003.png").read_bytes()
            assert classified(client, [content], "digits")[0]["error"] is None
            assert client.post("/v1/explain", files={"files": content}).status_code == 200
            assert "text/html" in client.get("/").headers["content-type"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130


def test_refused_before_the_start(digits_onnx: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(b"no model")
    with pytest.raises(BadModel, match=r"foreign\.onnx is no ONNX model"):
        open_server([str(foreign)], port=0)
    with pytest.raises(BadRun, match="cannot be read: No such file"):
        open_server([str(tmp_path / "none.onnx")], port=0)
    with pytest.raises(AlexNetError, match="An ONNX file is computed on the CPU"):
        open_server([str(digits_onnx)], device="cuda", port=0)


@pytest.mark.parametrize("size", [28, 30, 100])
def test_a_map_becomes_means_as_torch_pools_it(size: int) -> None:
    torch = pytest.importorskip("torch")
    found = np.random.default_rng(size).normal(size=(size, size)).astype(np.float32)
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(found)[None], 28)[0].numpy()
    np.testing.assert_allclose(averaged(found, 28), pooled, atol=1e-5)


def test_concurrent_requests_share_runs_of_the_model(digits_run: Path, images: list[bytes]) -> None:
    """16 requests while the model is busy take 2 runs of 8 images, and not 16."""
    import threading

    with client_of(digits_run, limits=Limits(batch=8, batch_wait_seconds=2.0)) as client:
        threads = [threading.Thread(target=classified, args=(client, images[:1], digits_run.name)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        figures = client.get("/metrics").text
    assert "alexnet_batch_images_count 2.0" in figures
    assert "alexnet_batch_images_sum 16.0" in figures
