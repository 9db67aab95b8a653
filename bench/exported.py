"""An exported alexnet-owt in 8 bits against eager PyTorch in fp32, and where each stands to what the machine can do.

ONNX Runtime computes it, and OpenVINO too where it is installed: `alexnet predict FILE.onnx --runtime openvino`.
"""

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.data.preprocess import Preprocess
from alexnet.exports.check import Probabilities
from alexnet.exports.int8 import in_whole_numbers
from alexnet.exports.onnx_model import onnx_model
from alexnet.exports.run_images import generated
from alexnet.exports.serialised import runner
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.model import NetworkModel
from bench.measure import Row, interleaved

SIDE, CLASSES, MACS = 224, 1_000, 714_188_480  # multiply-accumulates of an image
BATCHES = {1: (6.0, None), 64: (3.0, 4.0)}  # images: must, goal
WEIGHTS = 61_100_840  # parameters, each of which is read once per batch
COPIED = 244_403_360  # bytes that are read: as many as the fp32 weights
SIDE_OF_PRODUCT = 1_536


def exported(rounds: int = 9) -> dict[str, Row]:
    """Images per second of both, in one process, by turns; and the share of the memory's and of the product's rate that each reaches."""
    torch.manual_seed(0)
    sizes = Preprocess(image_size=SIDE, stored_size=SIDE, fit="crop", mean=(123.0, 117.0, 104.0), std=(60.0,) * 3)
    model = build_model("alexnet-owt", NetworkChoices(initialisation="he"), CLASSES, 3, sizes).eval()
    proto, exact = onnx_model(model)
    images = generated(SIDE, max(BATCHES)).images.numpy()
    small = in_whole_numbers(proto, exact, [images[:16]]).SerializeToString()
    runs = {"int8": runner(small), "fp32": runner(proto.SerializeToString())}
    if importlib.util.find_spec("openvino"):
        runs["openvino"] = _by_openvino(small)
    return dict(row for batch in BATCHES for row in _rows(model, runs, np.ascontiguousarray(images[:batch]), rounds))


def _by_openvino(model: bytes) -> Probabilities:
    """As `--runtime openvino` computes it."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: np.asarray(compiled(images)[0], np.float32)


def _rows(model: NetworkModel, runs: dict[str, Probabilities], images: NDArray[np.uint8], rounds: int) -> Iterator[tuple[str, Row]]:
    batch = len(images)
    variants: dict[str, Callable[[], object]] = {name: partial(run, images) for name, run in runs.items()}
    variants["torch"] = partial(_eager, model, torch.from_numpy(images))
    seconds = interleaved(variants | {"memory": _copy(), "product": _product()}, rounds=rounds)
    rate = {name: batch / seconds[name] for name in variants}
    must, goal = BATCHES[batch]
    unit = "images/s"
    yield (
        f"alexnet-owt, int8 against eager fp32, batch {batch}",
        Row(rate["int8"] / rate["torch"], rate["int8"], rate["torch"], unit, must, goal),
    )
    if "openvino" in rate:
        name = f"alexnet-owt, int8 by OpenVINO against eager fp32, batch {batch}"
        yield name, Row(rate["openvino"] / rate["torch"], rate["openvino"], rate["torch"], unit, 0, None)
    yield (
        f"alexnet-owt, exported fp32 against eager fp32, batch {batch}",
        Row(rate["fp32"] / rate["torch"], rate["fp32"], rate["torch"], unit, 0, None),
    )
    read, product = COPIED / seconds["memory"] / 1e9, SIDE_OF_PRODUCT**3 / seconds["product"] / 1e9
    for name, size in (("int8", 1), ("torch", 4)):
        memory, products = WEIGHTS * size / seconds[name] / 1e9, MACS * batch / seconds[name] / 1e9
        yield f"{name}, batch {batch}: weights read, of the memory's rate", Row(memory / read, memory, read, "GB/s", 0, None)
        yield (
            f"{name}, batch {batch}: products, of fp32 matrix product's rate",
            Row(products / product, products, product, "GMAC/s", 0, None),
        )


def _copy() -> partial[torch.Tensor]:
    return partial(torch.sum, torch.ones(COPIED // 4))


def _product() -> partial[torch.Tensor]:
    square = torch.randn(SIDE_OF_PRODUCT, SIDE_OF_PRODUCT)
    return partial(torch.mm, square, square)


def _eager(model: NetworkModel, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return torch.softmax(model(images), 1)
