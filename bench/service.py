"""`alexnet serve` of an exported alexnet-owt against the service that a tutorial builds: FastAPI and eager PyTorch, one request at a time.

Both are processes of their own on this machine, both decode the same JPEG, and both are asked by the same clients by turns.
"""

import io
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import torch
from PIL import Image

from alexnet.data.preprocess import Preprocess
from alexnet.exports.int8 import in_whole_numbers
from alexnet.exports.onnx_model import onnx_model
from alexnet.exports.run_images import generated
from alexnet.exports.serialised import with_record
from alexnet.inference.build import build_model
from alexnet.inference.exported import ExportRecord
from alexnet.models.networks.architecture import NetworkChoices
from bench.measure import Row, interleaved

SIDE, CLASSES = 224, 1_000
CLIENTS, REQUESTS = 16, 96  # requests of all clients together in a round
MUST = 3.0
PLAIN = """
import io, sys
import torch, uvicorn
from fastapi import FastAPI, Request
from PIL import Image
from torchvision.models import alexnet
from torchvision.transforms import v2

model = alexnet(num_classes=1000).eval()
normalise = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.2] * 3)]
prepare = v2.Compose([v2.ToImage(), v2.Resize(224), v2.CenterCrop(224), *normalise])
app = FastAPI()

@app.post("/v1/predict")
async def predict(request: Request):
    image = Image.open(io.BytesIO(await request.body())).convert("RGB")
    with torch.inference_mode():
        best = model(prepare(image)[None]).softmax(1)[0].topk(5)
    return {"classes": best.indices.tolist(), "probabilities": best.values.tolist()}

@app.get("/readyz")
def ready():
    return {}

uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def service(rounds: int = 5) -> dict[str, Row]:
    """Requests per second of both, and of the same model in fp32."""
    content = jpeg()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        files = exported_files(Path(folder))
        commands = {name: ["-m", "alexnet", "serve", str(file), "--port"] for name, file in files.items()} | {"plain": ["-c", PLAIN]}
        addresses = {name: running.enter_context(serving(words))[1] for name, words in commands.items()}
        seconds = interleaved({name: partial(_asked, address, content) for name, address in addresses.items()}, rounds=rounds)
    rate = {name: REQUESTS / value for name, value in seconds.items()}
    title = f"service, alexnet-owt, {CLIENTS} clients, against FastAPI and eager PyTorch"
    return {
        f"{title}: int8": Row(rate["int8"] / rate["plain"], rate["int8"], rate["plain"], "requests/s", MUST, None),
        f"{title}: fp32": Row(rate["fp32"] / rate["plain"], rate["fp32"], rate["plain"], "requests/s", 0, None),
    }


def jpeg() -> bytes:
    """A photo of 256 x 256 px that was made up."""
    out = io.BytesIO()
    pixels = generated(256, 4).images[3].permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=90)
    return out.getvalue()


def exported_files(folder: Path) -> dict[str, Path]:
    """The untrained network in fp32 and in 8 bits, as `alexnet export` writes it: speed does not depend on the weights."""
    torch.manual_seed(0)
    sizes = Preprocess(image_size=SIDE, stored_size=SIDE, fit="crop", mean=(120.0,) * 3, std=(60.0,) * 3)
    model, exact = onnx_model(build_model("alexnet-owt", NetworkChoices(initialisation="he"), CLASSES, 3, sizes).eval())
    record = ExportRecord(
        model="alexnet-owt",
        classes=tuple(map(str, range(CLASSES))),
        image_size=SIDE,
        stored_size=SIDE,
        fit="crop",
        channels=3,
        flip=True,
        provenance={},
        scores={},
        versions={},
    )
    files = {"int8": folder / "int8.onnx", "fp32": folder / "fp32.onnx"}
    files["fp32"].write_bytes(with_record(model, record))  # first: quantisation moves the model's numbers
    small = in_whole_numbers(model, exact, [generated(SIDE, 16).images.numpy()])
    files["int8"].write_bytes(with_record(small, record))
    return files


@contextmanager
def serving(words: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service and its address, once it answers. words: Python's, before the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, *words, str(port)], stdout=subprocess.DEVNULL) as process:
        try:
            _wait(address)
            yield process, address
        finally:
            process.terminate()


def _wait(address: str, seconds: float = 120.0) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if httpx.get(f"{address}/readyz").status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(address)


def _asked(address: str, content: bytes) -> None:
    """All requests, from several clients that each wait for their answer."""

    def client(count: int) -> None:
        with httpx.Client(base_url=address, timeout=60, verify=False) as session:
            for _ in range(count):
                session.post("/v1/predict", content=content, headers={"content-type": "image/jpeg"}).raise_for_status()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, [REQUESTS // CLIENTS] * CLIENTS))
