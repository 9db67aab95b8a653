"""Compressed files for tests: made without training, and signed again after a change, as an attacker would."""

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.exports.compression.pruning import Pruning, largest, weights_of
from alexnet.exports.compression.sharing import shared
from alexnet.inference.classifier import load
from alexnet.inference.compressed_file import PRELUDE, content_of
from alexnet.inference.model_card import model_json
from alexnet.models.networks.model import NetworkModel


def compressed_content(run: Path, *, share: float = 0.5, values: int = 32) -> bytes:
    """The run's network with half its weights in 32 values a layer."""
    classifier = load(run, device="cpu")
    assert isinstance(classifier.model, NetworkModel)
    weights = weights_of(classifier.model.network)
    pruning = Pruning(weights, {name: largest(weight.detach(), share) for name, weight in weights.items()})
    pruning.apply()
    layers = {name: shared(weight, pruning.masks[name], values) for name, weight in weights.items()}
    state = classifier.model.learned()
    plain = {name: np.asarray(tensor.numpy()) for name, tensor in state.items() if name not in layers}
    tensors = {name: layers[name].packable() if name in layers else plain[name] for name in state}
    return content_of(model_json(classifier.model_card), {"steps": []}, {"run": "digits"}, tensors)


def resigned(content: bytes) -> bytes:
    """The same with the checksum of what it holds now."""
    magic, small, size, _ = PRELUDE.unpack_from(content)
    rest = content[PRELUDE.size :]
    return PRELUDE.pack(magic, small, size, hashlib.sha256(rest).digest()) + rest


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the blocks."""
    _, small, _, _ = PRELUDE.unpack_from(content)
    return json.loads(zlib.decompress(content[PRELUDE.size : PRELUDE.size + small])), content[PRELUDE.size + small :]


def with_header(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with a changed header and a valid checksum."""
    header, blocks = header_of(content)
    change(header)
    text = json.dumps(header).encode()
    small = zlib.compress(text)
    magic, _, _, digest = PRELUDE.unpack_from(content)
    return resigned(PRELUDE.pack(magic, len(small), len(text), digest) + small + blocks)
