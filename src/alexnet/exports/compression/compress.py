"""Rounds of pruning and fine-tuning, then shared values, fine-tuned too. Validation images decide each; no test image is read."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.errors import BadModel
from alexnet.exports.compression.pruning import Pruning, dropout_rates, ease_dropout, prunable_shares, weights_of
from alexnet.exports.compression.record import CompressedLayer, Step
from alexnet.exports.compression.sharing import SharedLayer, shareable_counts, shared
from alexnet.exports.compression.tuning import Tuning
from alexnet.runtime.events import Message
from alexnet.storage.shared_weights import SharedWeights, entropy_bits

MOST_ROUNDS, EPOCHS_OF_A_ROUND = 4, 3.0  # of pruning, each with that many epochs of fine-tuning, where the budget allows
PACE_SHARE = 0.01  # of the budget, to measure how long an epoch takes
PRUNING_SHARE = 0.75  # of the budget
TUNED_SHARE = 0.6  # of what is left, for each attempt at shared values
ATTEMPTS = 3  # at shared values, each with more of them
PRUNED_RISE, SHARED_RISE = 0.02, 0.003  # nats that one layer alone may cost before fine-tuning
ACCEPTED = 0.6  # of max_loss: points of validation accuracy that a step may have cost since the start
HALF_ERROR = 2.0**-10  # of a number, and of the largest of its tensor, from which 16 bits are not enough


@dataclass(frozen=True, kw_only=True, slots=True)
class Compression:
    """The compressed network: its tensors as they are stored, and how it got there."""

    tensors: Mapping[str, SharedWeights | NDArray[np.generic]]
    steps: tuple[Step, ...]
    layers: tuple[CompressedLayer, ...]


def compress(tuning: Tuning, *, budget_seconds: float, max_loss: float) -> Compression:
    """Compress the network of `tuning`, which is changed; max_loss: in points of validation accuracy.

    Raises BadModel if the network has no layer that is large enough, or cannot be made smaller within the loss.
    """
    started, before = time.monotonic(), tuning.error()
    weights = weights_of(tuning.model.network)
    if not weights:
        raise BadModel("The network has no layer of 1,024 weights or more, so there is nothing to compress.")
    allowed = before + ACCEPTED * max_loss / 100
    full = 4 * sum(tensor.numel() for tensor in tuning.model.learned().values())
    steps = [Step(step="trained", bytes=full, times=1.0, accuracy=1 - before)]
    pruning, error = _prune(tuning, Pruning.of(weights), allowed, started + PRUNING_SHARE * budget_seconds)
    steps.append(_step("pruned", full, _pruned_bytes(tuning, pruning), error))
    layers, error = _share(tuning, pruning, allowed, started + budget_seconds)
    tensors = _tensors(tuning, layers)
    steps.append(_step("shared", full, _shared_bytes(tensors), error))
    return Compression(tensors=tensors, steps=tuple(steps), layers=tuple(_layer(name, layer) for name, layer in layers.items()))


def _step(name: str, full: int, n_bytes: int, error: float) -> Step:
    return Step(step=name, bytes=n_bytes, times=full / n_bytes, accuracy=1 - error)


def _prune(tuning: Tuning, pruning: Pruning, allowed: float, deadline: float) -> tuple[Pruning, float]:
    """Rounds of pruning, each followed by fine-tuning.

    Where a round costs too much, the next one only tunes further; if that is not enough, both are taken back, and then less is removed.
    """
    network, total = tuning.model.network, sum(weight.numel() for weight in pruning.weights.values())
    rates, tolerance, kept, kept_error = dropout_rates(network), PRUNED_RISE, _copied(tuning), tuning.error()
    tried, tunings = None, 0
    for left in range(_rounds(tuning, deadline), 0, -1):
        until = time.monotonic() + max(0.0, deadline - time.monotonic()) / left
        if tried is None:
            tried, tunings = pruning.pruned(prunable_shares(pruning, tuning.scanned_loss, tolerance)), 0
            tried.apply()
            ease_dropout(network, rates, tried.survivors / total)
        tuning.run(max(0.0, until - time.monotonic()), tried.apply)
        error, tunings = tuning.error(), tunings + 1
        tuning.listen(Message(f"{tried.survivors / total:.1%} of the weights left: validation error {error:.2%}."))
        if error <= allowed:
            tolerance *= 2 if tried.survivors == pruning.survivors else 1
            pruning, kept, kept_error, tried = tried, _copied(tuning), error, None
        elif tunings > 1 or left == 1:
            network.load_state_dict(kept)
            tolerance, tried = tolerance / 3, None
            tuning.listen(Message(f"That is too high: back to {pruning.survivors / total:.1%}."))
    return pruning, kept_error


def _rounds(tuning: Tuning, deadline: float) -> int:
    """How many rounds of at least EPOCHS_OF_A_ROUND fit; 1 where not even one does."""
    left = deadline - time.monotonic()
    kept = _copied(tuning)
    tuning.run(0.1, lambda: None)  # the first step is slow
    tuning.steps = 0
    tuning.run(PACE_SHARE * left, lambda: None)
    epochs_a_second = tuning.steps / tuning.batches.steps_per_epoch / (PACE_SHARE * left)
    tuning.model.network.load_state_dict(kept)
    rounds = (deadline - time.monotonic()) * epochs_a_second / EPOCHS_OF_A_ROUND
    return max(1, min(MOST_ROUNDS, int(rounds)))


def _share(tuning: Tuning, pruning: Pruning, allowed: float, deadline: float) -> tuple[dict[str, SharedLayer], float]:
    """Shared values for all layers; fine-tuned if that lowers the error, and more of them if the error stays too high."""
    original, best = _copied(tuning), (math.inf, dict[str, SharedLayer]())
    for attempt in range(ATTEMPTS):
        until = time.monotonic() + TUNED_SHARE * max(0.0, deadline - time.monotonic())
        counts = shareable_counts(pruning, tuning.scanned_loss, SHARED_RISE / 4**attempt)
        layers = {name: shared(weight, pruning.masks[name], counts[name]) for name, weight in pruning.weights.items()}
        _write(layers)
        error = tuning.error()
        tuned = _tuned(tuning, layers, max(0.0, until - time.monotonic()))
        error = min(error, tuned)
        tuning.listen(Message(f"{min(counts.values())} to {max(counts.values())} values for each layer: validation error {error:.2%}."))
        if error < best[0]:
            best = error, layers
        if error <= allowed:
            break
        tuning.model.network.load_state_dict(original)
    error, layers = best
    _write(layers)
    return layers, error


def _tuned(tuning: Tuning, layers: dict[str, SharedLayer], seconds: float) -> float:
    """Fine-tune shared values; the error, or infinity and everything as before if it does not fall."""
    state, values, before = _copied(tuning), {name: layer.values for name, layer in layers.items()}, tuning.error()

    def project() -> None:
        for layer in layers.values():
            layer.project()

    tuning.run(seconds, project)
    error = tuning.error()
    if error < before:
        return error
    tuning.model.network.load_state_dict(state)
    for name, layer in layers.items():
        layer.values = values[name]
    return math.inf


def _write(layers: Mapping[str, SharedLayer]) -> None:
    for layer in layers.values():
        layer.write()


def _copied(tuning: Tuning) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tuning.model.network.state_dict().items()}


def _tensors(tuning: Tuning, layers: Mapping[str, SharedLayer]) -> dict[str, SharedWeights | NDArray[np.generic]]:
    """Every tensor of the network as it is stored."""
    return {
        name: layers[name].packable() if name in layers else _plain(tensor.detach().cpu())
        for name, tensor in tuning.model.learned().items()
    }


def _plain(tensor: Tensor) -> NDArray[np.generic]:
    """A small tensor: in 16 bits if that changes no number by more than a thousandth, or hardly, measured by the largest."""
    if not tensor.is_floating_point():
        return np.asarray(tensor.to(torch.int64).numpy())
    half = tensor.to(torch.float16)
    tolerance = HALF_ERROR * (tensor.abs() + HALF_ERROR * tensor.abs().max()) if tensor.numel() else tensor
    fits = bool(((half.to(tensor.dtype) - tensor).abs() <= tolerance).all())
    return np.asarray(half.numpy() if fits else tensor.float().numpy())


def _pruned_bytes(tuning: Tuning, pruning: Pruning) -> int:
    """A surviving weight takes 4 bytes and its gap 1; the rest is as before."""
    rest = sum(tensor.numel() for tensor in tuning.model.learned().values()) - sum(mask.numel() for mask in pruning.masks.values())
    gaps = sum(len(shared(weight, pruning.masks[name], 1).packable().gaps) for name, weight in pruning.weights.items())
    return 4 * (pruning.survivors + rest) + gaps


def _shared_bytes(tensors: Mapping[str, SharedWeights | NDArray[np.generic]]) -> int:
    """A surviving weight takes as many bits as its layer's values need, and 8 for its gap; the values themselves 4 bytes."""
    total = 0.0
    for tensor in tensors.values():
        if isinstance(tensor, SharedWeights):
            bits = math.ceil(math.log2(max(2, len(tensor.values))))
            total += len(tensor.gaps) + len(tensor.numbers) * bits / 8 + tensor.values.nbytes
        else:
            total += tensor.nbytes
    return math.ceil(total)


def _layer(name: str, layer: SharedLayer) -> CompressedLayer:
    stored, survivors = layer.packable(), max(1, len(layer.numbers))
    bits = entropy_bits(stored.numbers) + entropy_bits(stored.gaps) * len(stored.gaps) / survivors
    total = layer.weight.numel()
    return CompressedLayer(
        layer=name.removesuffix(".weight"), weights=total, kept=len(layer.numbers) / total, values=len(layer.values), bits=bits
    )
