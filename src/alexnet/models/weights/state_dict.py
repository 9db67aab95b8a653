"""The state dict in what a file holds: found in a checkpoint, without the prefixes of wrappers, checked tensor by tensor."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from alexnet.errors import BadWeights

State = dict[str, Tensor]

PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "module")  # keys of checkpoints, the usual ones first
AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "ema", "averaged_model", "shadow")  # running averages
DEEPEST = 3  # a checkpoint in a checkpoint in a checkpoint
OF_WRAPPERS = ("model.", "net.", "network.")  # removed only if all names have them
COUNTER = "n_averaged"  # of torch.optim.swa_utils.AveragedModel
NUMBERS = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
COUNTS = frozenset({torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64})  # in buffers
SAVE_ALONE = "Save the state dict alone: torch.save(model.state_dict(), 'weights.pth')."


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """The state dict of a file; `chosen` is a sentence for the user if the file held more than one, else empty."""

    state: State
    chosen: str = ""


def state_dict_in(content: object, path: Path) -> StoredWeights:
    """The state dict in the content of the file `path`: the plain one of a checkpoint, or its running average if it has no other.

    `module.`, `_orig_mod.` and prefixes that all names share are removed. Raises BadWeights for content without a state dict, and for a
    tensor that cannot be loaded, which it names.
    """
    plain, averaged = _find(content, PLAIN), _find(content, AVERAGED)
    found = ("", content) if _is_state(content) else plain or averaged
    if found is None:
        raise BadWeights(f"{path} holds no state dict; use a file with a mapping of names to tensors{_intruder(content)}. {SAVE_ALONE}")
    place, state = found
    named = _without_prefixes({str(name): tensor for name, tensor in state.items() if str(name) != COUNTER}, path)
    for name, tensor in named.items():
        _check(name, tensor, path)
    return StoredWeights(named, _chosen(path, place, plain is not None, averaged))


def _find(content: object, keys: tuple[str, ...], depth: int = DEEPEST) -> tuple[str, Mapping[Any, Tensor]] | None:
    """(dotted key, state dict) of the first of the keys that leads to one."""
    if not isinstance(content, Mapping) or not depth:
        return None
    for key in keys:
        inner = content.get(key)
        if _is_state(inner):
            return key, inner
        deeper = _find(inner, PLAIN, depth - 1)
        if deeper is not None:
            return f"{key}.{deeper[0]}", deeper[1]
    return None


def _is_state(value: object) -> TypeGuard[Mapping[Any, Tensor]]:
    return isinstance(value, Mapping) and len(value) > 0 and all(isinstance(part, Tensor) for part in value.values())


def _chosen(path: Path, place: str, has_plain: bool, averaged: tuple[str, Mapping[Any, Tensor]] | None) -> str:
    if not place or averaged is None:
        return ""
    if has_plain:
        return f"The weights are '{place}' in {path}; '{averaged[0]}', their running average, is not used."
    return f"The weights are '{place}' in {path}, a running average; it holds no others."


def _intruder(content: object) -> str:
    """The first thing in a mapping that is not a tensor, where others are."""
    if not isinstance(content, Mapping) or not any(isinstance(part, Tensor) for part in content.values()):
        return ""
    name, part = next((name, part) for name, part in content.items() if not isinstance(part, Tensor))
    return f"; {str(name)[:80]!r} in it is of the type {type(part).__name__}"


def _without_prefixes(state: State, path: Path) -> State:
    """The state with the names of the network inside DistributedDataParallel, torch.compile and modules that hold it as `model`."""
    names = {name: _unwrapped(name) for name in state}
    for prefix in OF_WRAPPERS:
        if all(name.startswith(prefix) for name in names.values()):
            names = {name: _unwrapped(short.removeprefix(prefix)) for name, short in names.items()}
    name, count = Counter(names.values()).most_common(1)[0]
    if count > 1:
        raise BadWeights(f"{path} holds {name!r} {count} times, with and without the prefix of a wrapper. {SAVE_ALONE}")
    return {names[full]: tensor for full, tensor in state.items()}


def _unwrapped(name: str) -> str:
    name = name.replace("_orig_mod.", "")  # torch.compile's, of the network or of a layer
    while name.startswith("module."):
        name = name.removeprefix("module.")
    return name


def _check(name: str, tensor: Tensor, path: Path) -> None:
    """Raise BadWeights, with the name, for a tensor that is not plain finite numbers in memory."""
    problem = next(_problems(tensor), None)
    if problem is not None:
        raise BadWeights(f"{name} in {path} {problem}.")


def _problems(tensor: Tensor) -> Iterator[str]:
    """What is wrong with a tensor and what to do, as the rest of a sentence; only the first counts: a check relies on those before."""
    kind, shape = str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)
    if tensor.is_nested or tensor.layout is not torch.strided:
        yield "is sparse; save it with tensor.to_dense()"
    if tensor.is_quantized:
        yield f"is quantised ({kind}); save the network before it is quantised, or tensor.dequantize()"
    if tensor.dtype not in NUMBERS | COUNTS:
        yield f"holds {kind} numbers, which these networks do not have; save it as float32"
    if tensor.is_meta:
        yield "is on the meta device and has no numbers; save the network after its weights are loaded"
    if not tensor.numel():
        yield f"is empty, with the shape {shape}; save the network after its layers have their sizes"
    if tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
        yield f"has the shape {shape} and fewer numbers than that in the file; save it with tensor.contiguous()"
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        yield "is not all finite numbers; use the weights of a training that did not diverge"
